import Foundation

/// ImageNet-X's annotations of the validation set (Idrissi et al. 2022), as the Python package `imagenet-x` ships them: a line
/// of JSON an image, with its name and for each of 16 factors 1 where it tells the image from typical ones of its class.
enum ImageNetXFactors {
  /// In the package's order.
  static let names = [
    "pose", "background", "pattern", "color", "smaller", "shape", "partial_view", "subcategory", "texture", "larger",
    "darker", "object_blocking", "person_blocking", "style", "brighter", "multiple_objects",
  ]

  /// What the file says; an image without a factor is annotated, too.
  static func read(_ data: Data, _ path: String) throws(AnnotationError) -> FoundAnnotations {
    var ofImages: [Int: [Int32]] = [:]
    for (place, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
      func failure(_ problem: String) -> AnnotationError {
        AnnotationError(path: path, problem: "line \(place + 1) \(problem)")
      }
      guard let entry = (try? JSONSerialization.jsonObject(with: line)) as? [String: Any],
        let name = entry["file_name"] as? String
      else { throw failure("is not a JSON object with a file_name, like those in imagenet_x_val_multi_factor.jsonl") }
      guard let number = ValidationImage.number(of: name) else {
        throw failure("is about \(name.prefix(60)), which is not an image of ImageNet's validation set")
      }
      var factors: [Int32] = []
      for (factor, key) in names.enumerated() {
        guard let value = entry[key] as? Int, value == 0 || value == 1 else {
          throw failure("does not say 0 or 1 for the factor \(key)")
        }
        if value == 1 { factors.append(Int32(factor)) }
      }
      guard ofImages.updateValue(factors, forKey: number) == nil else { throw failure("annotates \(name) again") }
    }
    guard !ofImages.isEmpty else { throw AnnotationError(path: path, problem: "it is empty") }
    return (names, ofImages)
  }

  /// The numbers of the images that `prototypical_paths.csv` lists, which are typical of their classes and not counted.
  static func prototypes(_ path: String) throws(AnnotationError) -> Set<Int> {
    guard let text = String(data: try AnnotationFile.contents(of: path), encoding: .utf8) else {
      throw AnnotationError(path: path, problem: "it is not readable text")
    }
    let lines = text.split(whereSeparator: \.isNewline)
    guard lines.first == "file_name" else {
      throw AnnotationError(
        path: path, problem: "its first line is not file_name, as in prototypical_paths.csv")
    }
    var numbers: Set<Int> = []
    for line in lines.dropFirst() {
      guard let number = ValidationImage.number(of: String(line)) else {
        throw AnnotationError(
          path: path, problem: "it lists \(line.prefix(60)), which is not an image of ImageNet's validation set")
      }
      numbers.insert(number)
    }
    return numbers
  }
}
