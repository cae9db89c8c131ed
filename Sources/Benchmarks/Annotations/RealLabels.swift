import Foundation

/// ImageNet-ReaL's `real.json` (google-research/reassessed-imagenet): a list whose entry i holds the classes of
/// `ILSVRC2012_val_` i + 1; 3,163 are empty, and these images are not counted.
enum RealLabels {
  /// What the file says; images whose entry is empty are not annotated.
  static func read(_ data: Data, _ path: String) throws(AnnotationError) -> FoundAnnotations {
    guard let entries = try? JSONDecoder().decode([[Int32]].self, from: data) else {
      throw AnnotationError(path: path, problem: "it is not a JSON list of lists of class indices")
    }
    guard entries.count == ValidationImage.count else {
      throw AnnotationError(
        path: path,
        problem: "it has \(entries.count) entries, but ImageNet's validation set \(ValidationImage.count) images")
    }
    var ofImages: [Int: [Int32]] = [:]
    for (place, classes) in entries.enumerated() where !classes.isEmpty {
      guard let wrong = classes.first(where: { !(0..<Int32(ImageNetClasses.wordNetIDs.count)).contains($0) }) else {
        ofImages[place + 1] = Set(classes).sorted()
        continue
      }
      throw AnnotationError(
        path: path,
        problem: "it gives \(ValidationImage.name(place + 1)) the class \(wrong), but classes are 0 to "
          + "\(ImageNetClasses.wordNetIDs.count - 1)")
    }
    return ([], ofImages)
  }
}

extension ImageListing {
  /// Of each image the outputs of a network that are right by ImageNet-ReaL; nil for an image without such labels, and for a
  /// listing that has none.
  ///
  /// A network of 1,001 outputs has its background class before ImageNet's; of others a class's index is that of its output.
  func realOutputs(of classCount: Int) -> [[Int32]?]? {
    let offset = ImageNetOutputs(count: classCount)?.offset ?? 0
    return annotations.first { $0.kind == .real }?.ofImages.map { $0?.map { $0 + offset } }
  }

  /// The largest output that a network of `classCount` outputs must have for ImageNet-ReaL; nil where it is not asked for.
  public func largestRealOutput(classCount: Int) -> Int? {
    realOutputs(of: classCount)?.compactMap { $0?.last }.max().map(Int.init)
  }
}
