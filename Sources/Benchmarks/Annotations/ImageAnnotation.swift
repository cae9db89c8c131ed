import Crypto
import Foundation

/// What is known of a benchmark's images beside their classes: of each image some of a list of values.
public struct ImageAnnotation: Sendable, Hashable, Codable {
  /// What it tells.
  public let kind: AnnotationFile.Kind
  /// The values' names; none where they are class indices.
  public let values: [String]
  /// Of each image of the listing its values' places, or its class indices, ascending; nil where it is not annotated.
  public let ofImages: [[Int32]?]
  /// SHA-256 of the file that it was read from, hexadecimal.
  public let sha256: String
}

/// A file that annotates the images of ImageNet's validation set.
public struct AnnotationFile: Sendable, Hashable, Codable {
  /// What it tells; the manifest's key.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    /// The classes that an image shows, as people reassessed them (ImageNet-ReaL, Beyer et al. 2020).
    case real
    /// What tells an image from typical ones of its class (ImageNet-X, Idrissi et al. 2022).
    case factors
  }

  /// What it tells.
  public let kind: Kind
  /// Its absolute path.
  public let path: String
  /// The absolute path of a list of images that are not counted; nil: none.
  public let prototypes: String?

  /// A file.
  public init(_ kind: Kind, path: String, prototypes: String? = nil) {
    (self.kind, self.path, self.prototypes) = (kind, path, prototypes)
  }

  /// What it says of the images of a listing.
  ///
  /// - Throws: `AnnotationError` where it is no such file, or does not fit the images.
  public func annotation(of listing: ImageListing) throws(AnnotationError) -> ImageAnnotation {
    let data = try Self.contents(of: path)
    var found =
      switch kind {
      case .real: try RealLabels.read(data, path)
      case .factors: try ImageNetXFactors.read(data, path)
      }
    if let prototypes {
      for number in try ImageNetXFactors.prototypes(prototypes) { found.ofImages[number] = nil }
    }
    var ofImages: [[Int32]?] = []
    for image in listing.paths {
      guard let number = ValidationImage.number(of: image) else {
        throw AnnotationError(
          path: path,
          problem: "it identifies images by names such as \(ValidationImage.name(1)), which \(image) does not have")
      }
      guard (1...ValidationImage.count).contains(number) else {
        throw AnnotationError(
          path: path, problem: "it covers \(ValidationImage.count) images, but not \(image)")
      }
      ofImages.append(found.ofImages[number])
    }
    guard ofImages.contains(where: { $0 != nil }) else {
      throw AnnotationError(path: path, problem: "it annotates none of the benchmark's images")
    }
    let digest = SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    return ImageAnnotation(kind: kind, values: found.values, ofImages: ofImages, sha256: digest)
  }
}

extension AnnotationFile {
  /// A file's bytes; what is no file, as a named pipe, is refused rather than waited for.
  static func contents(of path: String) throws(AnnotationError) -> Data {
    do { return Data(try FileTree.contents(of: path)) } catch {
      throw AnnotationError(path: path, problem: "it cannot be read: \(error)")
    }
  }
}

/// What a file of annotations says: the names of its values, and by images' numbers the values' places.
typealias FoundAnnotations = (values: [String], ofImages: [Int: [Int32]])

/// A file of annotations that is not what it should be.
public struct AnnotationError: Error, Equatable, CustomStringConvertible {
  /// The file.
  public let path: String
  /// What is wrong with it.
  public let problem: String

  /// One sentence that says what was found.
  public var description: String { "\(path) does not match the benchmark: \(problem)" }
}

/// The names of the images of ImageNet's validation set.
enum ValidationImage {
  /// How many there are.
  static let count = 50_000
  private static let start = "ILSVRC2012_val_"
  private static let digits = 8

  /// `ILSVRC2012_val_00000001.JPEG`, counted from 1.
  static func name(_ number: Int) -> String {
    let text = String(number)
    return start + String(repeating: "0", count: max(0, digits - text.count)) + text + ".JPEG"
  }

  /// The number in the name of an image, whose folder and whatever follows the digits do not matter; nil where it has none.
  static func number(of path: String) -> Int? {
    let name = path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()
    guard name.starts(with: start.utf8) else { return nil }
    let found = name.dropFirst(start.utf8.count).prefix { (48...57).contains($0) }
    return found.count == digits ? Int(String(decoding: found, as: UTF8.self)) : nil
  }
}

extension BenchmarkDefinition {
  /// A listing with what the benchmark's files say of its images.
  ///
  /// - Throws: `AnnotationError`.
  public func annotated(_ listing: ImageListing) throws(AnnotationError) -> ImageListing {
    var listing = listing
    for file in annotationFiles ?? [] { listing.annotations.append(try file.annotation(of: listing)) }
    return listing
  }
}
