import Foundation
import Kernels
import Tensors
import Testing

import Imaging

/// Decoding a part of a picture, and making a network's input of it, against the plain way.
@Suite struct PreprocessingTests {
  static let pictures = [
    "420.jpg", "422.jpg", "444.jpg", "progressive.jpg", "restarts.jpg", "grey.jpg", "cmyk.jpg", "colour.png",
  ]

  private static func data(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: (Bundle.module.resourcePath ?? "") + "/Fixtures/parts/" + name)))
  }

  /// Draws whole numbers.
  private struct Drawing {
    private let random = CounterRandom(key: 19, stream: 4)
    private var drawn: UInt64 = 0

    mutating func next(_ range: ClosedRange<Int>) -> Int {
      drawn += 1
      return range.lowerBound + Int(random.uniform(at: drawn) * Double(range.count))
    }

    mutating func range(in count: Int) -> Range<Int> {
      let start = next(0...count - 1)
      return start..<next(start + 1...count)
    }
  }

  private static func pixels(_ part: ImagePart, _ place: ImagePart.Place) -> [UInt8] {
    place.rows.flatMap { row in
      let start = ((row - part.top) * part.image.width + place.columns.lowerBound - part.left) * 3
      return part.image.pixels[start..<start + 3 * place.columns.count]
    }
  }

  @Test(arguments: pictures) func everyPartIsThatOfTheWhole(name: String) throws {
    let bytes = try Self.data(name)
    let whole = ImagePart(try ImageDecoder.decode(bytes, name: name))
    var drawing = Drawing()
    for _ in 0..<150 {
      let place = ImagePart.Place(columns: drawing.range(in: whole.width), rows: drawing.range(in: whole.height))
      let part = try ImageDecoder.decode(bytes, name: name) { (width, height) in
        #expect(width == whole.width && height == whole.height)
        return place
      }
      #expect(part.left <= place.columns.lowerBound && part.left + part.image.width >= place.columns.upperBound)
      #expect(part.top <= place.rows.lowerBound && part.top + part.image.height >= place.rows.upperBound)
      #expect(Self.pixels(part, place) == Self.pixels(whole, place), "\(place)")
    }
  }

  @Test(arguments: pictures) func aPartOfADamagedFileIsThatOfTheWholeOrTheSameError(name: String) throws {
    let file = try Self.data(name)
    var drawing = Drawing()
    var (errors, pictures) = (0, 0)
    for trial in 0..<400 {
      var bytes = file
      if trial % 4 == 0 {
        bytes.removeLast(drawing.next(1...file.count - 4))
      } else {
        for _ in 0..<drawing.next(1...3) { bytes[drawing.next(3...file.count - 1)] = UInt8(drawing.next(0...255)) }
      }
      let whole = Result { ImagePart(try ImageDecoder.decode(bytes, name: name)) }
      var place = ImagePart.Place(columns: 0..<1, rows: 0..<1)
      let part = Result {
        try ImageDecoder.decode(bytes, name: name) { (width, height) in
          place = ImagePart.Place(columns: drawing.range(in: width), rows: drawing.range(in: height))
          return place
        }
      }
      switch (whole, part) {
      case (.success(let whole), .success(let part)):
        #expect(Self.pixels(part, place) == Self.pixels(whole, place), "trial \(trial), \(place)")
        pictures += 1
      case (.failure(let whole), .failure(let part)):
        #expect("\(whole)" == "\(part)", "trial \(trial)")
        errors += 1
      default: Issue.record("trial \(trial): \(whole) but a part of it: \(part)")
      }
    }
    #expect(errors > 20 && (pictures > 20 || name.hasSuffix(".png")))
  }

  @Test(arguments: pictures) func decodingForACropIsDecodingAndCropping(name: String) throws {
    let bytes = try Self.data(name)
    for (resize, crop) in [(64, 48), (93, 93), (40, nil), (nil, 60), (nil, nil), (200, 31)] as [(Int?, Int?)] {
      for interpolation in Interpolation.allCases {
        let preprocessing = Preprocessing(
          resize: resize, crop: crop, interpolation: interpolation, mean: [0, 0, 0], std: [1, 1, 1])
        let expected = try preprocessing.geometry(ImageDecoder.decode(bytes, name: name))
        #expect(try preprocessing.decode(bytes, name: name) == expected)
      }
    }
    let tooLarge = Preprocessing(resize: nil, crop: 94, interpolation: .box, mean: [0, 0, 0], std: [1, 1, 1])
    #expect(throws: ImageError.self) { try tooLarge.decode(bytes, name: name) }
  }

  @Test(arguments: InstructionSet.available) func everyInstructionSetResizesAlike(set: InstructionSet) throws {
    let image = try ImageDecoder.decode(Self.data("420.jpg"), name: "420.jpg")
    for (width, height) in [(117, 20), (64, 93), (50, 40), (301, 207), (1, 1), (3, 2)] {
      for filter in Interpolation.allCases {
        let found = Resampler.resize(image, width: width, height: height, interpolation: filter, with: set)
        let expected = Resampler.resize(image, width: width, height: height, interpolation: filter, with: .scalar)
        #expect(found == expected, "\(width)x\(height), \(filter)")
      }
    }
  }

  @Test("Deviations whose reciprocals do not give the quotient are divided by")
  func normalisesAsByDivision() throws {
    let image = RGBImage(width: 256, height: 1, pixels: (0..<256).flatMap { [UInt8](repeating: UInt8($0), count: 3) })
    let stds: [[Float]] = [
      [0.229, 0.224, 0.225], [.leastNormalMagnitude / 4, 1, 3e38], [.infinity, .leastNonzeroMagnitude, 1e-20],
    ]
    for std in stds {
      let mean: [Float] = [0.485, 0, 0.5]
      let preprocessing = Preprocessing(resize: nil, crop: nil, interpolation: .box, mean: mean, std: std)
      var numbers = [Float](repeating: .nan, count: 768)
      try numbers.withUnsafeMutableBufferPointer { try preprocessing.normalise(image, into: $0) }
      for index in 0..<768 {
        let expected = (Float(index / 3) / 255 - mean[index % 3]) / std[index % 3]
        #expect(numbers[index].bitPattern == expected.bitPattern, "\(index / 3), \(std[index % 3])")
      }
    }
  }
}
