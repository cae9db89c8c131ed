import Benchmarks
import Foundation
import Imaging
import Machine
import Synchronization
import Tensors
import Videos

/// A data set that the project draws itself: ten classes of objects in the layouts of ImageNet's validation set and of
/// ImageNet-C, -A, -O, -P, -R and -9. The same options give the same bytes on every machine.
public enum Miniature {
  /// What to draw.
  public struct Options: Sendable, Equatable, Codable {
    /// The seed of all pictures and corruptions.
    public var seed: UInt64
    /// The pictures of the training split; 0 draws none.
    public var trainingImages: Int
    /// The pictures of the validation split, and of each corruption and severity.
    public var validationImages: Int

    /// What to draw; the classes take turns, so that each has its tenth.
    public init(seed: UInt64 = 7, trainingImages: Int = 0, validationImages: Int = 500) {
      self.seed = seed
      self.trainingImages = trainingImages
      self.validationImages = validationImages
    }
  }

  /// The height and width of the pictures in pixels.
  public static let side = 64

  /// The corruptions that are applied, each at severities 1 to 5.
  public static let corruptions: [Corruption] = [.gaussianNoise, .brightness, .contrast, .pixelate]

  /// How many pictures of other benchmarks there are for each of ImageNet-P's sequences.
  static let picturesPerSequence = 10

  /// Draws the data set into a folder, which appears whole or not at all: `val/CLASS`, `imagenet-c/CORRUPTION/SEVERITY/
  /// CLASS`, `imagenet-a/CLASS` (small, occluded objects), `imagenet-o/SHAPE` (shapes of no class),
  /// `imagenet-p/PERTURBATION/CLASS` (videos, a tenth as many as pictures elsewhere), `imagenet-r/CLASS` (outlines, flat
  /// colours, sketches), `imagenet-9/VARIANT/val/NN_CLASS`, `train/CLASS` if asked for, and the classes' names in index
  /// order in `classes.json`.
  ///
  /// A folder that holds the data set of these options is left as it is. One that holds another data set of this kind is
  /// replaced.
  ///
  /// - Parameters:
  ///   - directory: the folder, which is made with the folders above it.
  ///   - progress: called on the caller's thread with the finished share, 0 to 1.
  /// - Throws: `MiniatureError` for options that give nothing to draw and for a folder that cannot be written or holds
  ///   something else.
  public static func write(to directory: String, options: Options, progress: (Double) -> Void) throws {
    guard options.validationImages > 0, options.trainingImages >= 0 else { throw MiniatureError.nothingToDraw(options) }
    let folder = try DataSetFolder(path: directory)
    try folder.fill(for: options) { draft in
      try Draft(folder: draft, options: options).draw(progress: progress)
    }
  }

  /// Does something for each number below `count`, on all processors that it may use; what fails first ends it after its batch.
  static func forEach(
    _ count: Int, progress: (Double) -> Void, _ body: @escaping @Sendable (Int) throws -> Void
  ) throws {
    let batch = 40
    for first in stride(from: 0, to: count, by: batch) {
      progress(Double(first) / Double(count))
      let failure = Mutex<(any Error)?>(nil)
      Allowance.current.forEach(min(batch, count - first)) { offset in
        do { try body(first + offset) } catch { failure.withLock { $0 = $0 ?? error } }
      }
      if let error = failure.withLock({ $0 }) { throw error }
    }
  }

  /// The clean picture number `index` of a split.
  package static func scene(split: String, index: Int, seed: UInt64) -> Scene {
    let key = CounterRandom(key: seed, stream: StableHash.of("miniature\t\(split)"))
    let classes = ObjectClass.allCases
    return Scene(
      of: classes[index % classes.count], key: UInt64(key.word(at: 0)) << 32 | UInt64(key.word(at: 1)),
      index: UInt64(index))
  }
}

/// A data set while it is being drawn into a folder of its own.
private struct Draft: Sendable {
  /// The validation pictures' JPEG quality; the corrupted ones have the published 85.
  private static let cleanQuality = 95
  private static let corruptedQuality = 85

  let folder: String
  let options: Miniature.Options

  func draw(progress: (Double) -> Void) throws {
    try makeFolders()
    try Miniature.forEach(options.validationImages + options.trainingImages, progress: progress, drawPictures)
    let classes = try JSONSerialization.data(withJSONObject: ObjectClass.names, options: .prettyPrinted)
    try write([UInt8](classes), to: "classes.json")
    progress(1)
  }

  private func makeFolders() throws {
    var roots = ["val"] + (options.trainingImages > 0 ? ["train"] : [])
    for corruption in Miniature.corruptions {
      roots += (1...5).map { "imagenet-c/\(corruption.rawValue)/\($0)" }
    }
    for root in roots {
      for name in ObjectClass.names { try DataSetFolder.make(folder + "/" + root + "/" + name) }
    }
    for root in ["imagenet-a", "imagenet-r"] {
      for name in ObjectClass.names { try DataSetFolder.make(folder + "/" + root + "/" + name) }
    }
    for perturbation in ImageNetP.standardPerturbations {
      for name in ObjectClass.names { try DataSetFolder.make("\(folder)/imagenet-p/\(perturbation)/\(name)") }
    }
    for shape in ForeignShape.allCases { try DataSetFolder.make(folder + "/imagenet-o/" + shape.rawValue) }
    for variant in BackgroundVariant.allCases {
      for number in ObjectClass.names.indices {
        try DataSetFolder.make("\(folder)/imagenet-9/\(variant.rawValue)/val/\(Self.numbered(number))")
      }
    }
  }

  private func drawPictures(_ number: Int) throws {
    if number < options.validationImages {
      try drawValidation(number)
      try drawHardPictures(number)
      try drawBackgroundVariants(number)
      try drawSequences(number)
    } else {
      try drawTraining(number - options.validationImages)
    }
  }

  private func drawTraining(_ index: Int) throws {
    let picture = Miniature.scene(split: "train", index: index, seed: options.seed).render(side: Miniature.side)
    try write(encode(picture, quality: Self.cleanQuality), to: "train/" + name(of: index, split: "train"))
  }

  /// Corruptions are those of the decoded clean file, as the published ones are, with random numbers from the same keys
  /// as corruptions made during an evaluation.
  private func drawValidation(_ index: Int) throws {
    let path = name(of: index, split: "val")
    let drawn = Miniature.scene(split: "val", index: index, seed: options.seed).render(side: Miniature.side)
    let clean = try encode(drawn, quality: Self.cleanQuality)
    try write(clean, to: "val/" + path)
    let picture = try ImageDecoder.decode(clean, name: path)
    for corruption in Miniature.corruptions {
      for severity in 1...5 {
        let random = CounterRandom(
          key: options.seed, stream: StableHash.of("\(path)\t\(corruption.rawValue)\t\(severity)"))
        let corrupted = try corruption.apply(picture, severity: severity, random: random)
        try write(
          encode(corrupted, quality: Self.corruptedQuality),
          to: "imagenet-c/\(corruption.rawValue)/\(severity)/\(path)")
      }
    }
  }

  /// A hard picture, a rendition and a foreign shape, each of a split of its own.
  private func drawHardPictures(_ index: Int) throws {
    let key = CounterRandom(key: options.seed, stream: StableHash.of("miniature\thard\t\(index)"))
    var random = CounterRandomSequence(key)
    func scene(_ split: String) -> Scene { Miniature.scene(split: split, index: index, seed: options.seed) }
    let hard = scene("imagenet-a").hardened(&random).render(side: Miniature.side)
    try write(encode(hard, quality: Self.cleanQuality), to: "imagenet-a/" + name(of: index, split: "imagenet-a"))
    let manners = Rendition.allCases
    // The classes take turns in tens, so the manner turns with the tens: each class has every manner.
    let manner = manners[index / ObjectClass.allCases.count % manners.count]
    let drawing = scene("imagenet-r").render(as: manner, side: Miniature.side)
    let path = name(of: index, split: manner.rawValue)
    try write(encode(drawing, quality: Self.cleanQuality), to: "imagenet-r/" + path)
    var foreign = scene("imagenet-o")
    let shape = ForeignShape.allCases[index % ForeignShape.allCases.count]
    foreign.silhouette = shape.silhouette
    try write(
      encode(foreign.render(side: Miniature.side), quality: Self.cleanQuality),
      to: "imagenet-o/\(shape.rawValue)/\(String(format: "%08d", index + 1)).JPEG")
  }

  private func drawBackgroundVariants(_ index: Int) throws {
    let classes = ObjectClass.allCases
    func scene(_ index: Int) -> Scene { Miniature.scene(split: "imagenet-9", index: index, seed: options.seed) }
    let key = CounterRandom(key: options.seed, stream: StableHash.of("miniature\tbackground\t\(index)"))
    let own = index % classes.count
    for variant in BackgroundVariant.allCases {
      // Pictures past the split's end lend their backgrounds; the classes take turns there, too.
      let lender =
        switch variant {
        case .mixedNext: (own + 1) % classes.count
        case .mixedRandom: Int(key.uniform(at: 0) * Double(classes.count))
        default: own
        }
      let other = scene((options.validationImages / classes.count + 1 + index) * classes.count + lender)
      let picture = scene(index).render(variant, other: other, side: Miniature.side)
      let file = String(format: "%08d", index + 1) + ".JPEG"
      let number = ObjectClass.names.firstIndex(of: classes[own].rawValue) ?? 0
      try write(
        encode(picture, quality: Self.cleanQuality),
        to: "imagenet-9/\(variant.rawValue)/val/\(Self.numbered(number))/\(file)")
    }
  }

  /// Pictures are a little larger than the frames, as the published ones are resized to 256 pixels and cropped to 224:
  /// what moves out of a frame makes room for more of the picture.
  private func drawSequences(_ index: Int) throws {
    let classes = ObjectClass.allCases.count
    guard index / classes % Miniature.picturesPerSequence == 0 else { return }
    let number = index / (classes * Miniature.picturesPerSequence) * classes + index % classes
    let picture = Miniature.scene(split: "imagenet-p", index: number, seed: options.seed).render(
      side: Miniature.side * 256 / 224)
    let crop = Preprocessing(
      resize: nil, crop: Miniature.side, interpolation: .bilinear, mean: [0, 0, 0], std: [1, 1, 1])
    let path = name(of: number, split: "imagenet-p").replacing(".JPEG", with: ".mp4")
    for perturbation in Perturbation.all where perturbation.isStandard {
      let random = CounterRandom(key: options.seed, stream: StableHash.of("\(path)\t\(perturbation.rawValue)"))
      let frames = try (0..<perturbation.frameCount).map {
        try perturbation.frame($0, of: picture, preprocessing: crop, random: random)
      }
      try write(
        VideoEncoder.encode(frames, quality: Self.cleanQuality), to: "imagenet-p/\(perturbation.rawValue)/\(path)")
    }
  }

  /// The class folder as ImageNet-9 names it: `03_cross`.
  private static func numbered(_ number: Int) -> String {
    String(format: "%02d_", number) + ObjectClass.names[number]
  }

  private func encode(_ image: RGBImage, quality: Int) throws -> [UInt8] {
    try JPEGEncoder.encode(image, quality: quality, subsampling: .halved)
  }

  private func name(of index: Int, split: String) -> String {
    let classes = ObjectClass.allCases
    return "\(classes[index % classes.count].rawValue)/\(split)_\(String(format: "%08d", index + 1)).JPEG"
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try DataSetFolder.write(bytes, to: folder + "/" + path)
  }
}
