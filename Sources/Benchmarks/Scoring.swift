import Foundation
import Tensors

/// How the answers of one network on one benchmark are judged: what each image shows and which outputs count.
public struct Scoring: Sendable, Equatable {
  /// What each image shows, in the space of `answer(_:)`; -1 where unknown, which is not evaluated.
  public let labels: [Int32]
  /// The names of the network's outputs.
  public let classNames: [String]
  /// The outputs among which the answer is sought; nil for all.
  public let scored: [Int32]?
  /// What the winning output's index becomes; nil for itself.
  public let map: [Int32]?
  /// Why no image has a label, where that is so.
  public let obstacle: String?
  /// One sentence that says how the data set's classes became outputs; of what was not scored, why not.
  public let assumption: String
  /// Of each image the outputs that are right by reassessed labels; nil for one without such, and where there are none.
  public var realOutputs: [[Int32]?]?
  /// What tells images from typical ones; nil where nobody says.
  public var factors: ImageAnnotation?
  /// The temperature that the model's logits are divided by, beside being taken as they are; nil where none was looked for.
  public var scaling: TemperatureScaling?

  /// The largest of the scored outputs, of equal ones the first; nil where one of all outputs is NaN: a NaN says that
  /// the image was not computed.
  public func answer(_ logits: ArraySlice<Float>) -> Int32? {
    guard !logits.isEmpty, !logits.contains(where: \.isNaN) else { return nil }
    var best: Int32 = -1
    var largest = -Float.infinity
    func look(at index: Int32) {
      let value = logits[logits.startIndex + Int(index)]
      if best < 0 || value > largest { (best, largest) = (index, value) }
    }
    if let scored {
      for index in scored where Int(index) < logits.count { look(at: index) }
    } else {
      for index in 0..<Int32(logits.count) { look(at: index) }
    }
    guard let map else { return best }
    return map.indices.contains(Int(best)) ? map[Int(best)] : -1
  }
}

extension Scoring {
  /// The largest softmax probability over the scored outputs, 0 to 1; NaN where one of them is NaN.
  public func confidence(_ logits: ArraySlice<Float>) -> Double {
    Self.confidence(
      of: scored.map { $0.filter { Int($0) < logits.count }.map { logits[logits.startIndex + Int($0)] }[...] } ?? logits
    )
  }

  /// The largest softmax probability, 0 to 1; NaN where one of the logits is NaN.
  static func confidence(of values: ArraySlice<Float>) -> Double {
    guard let largest = values.max() else { return .nan }
    return 1 / values.reduce(0) { $0 + ReproducibleMath.exponential(Double($1) - Double(largest)) }
  }

  /// Logits whose unscored outputs can be no answer: minus infinity, NaN excepted, which says that there is no result.
  ///
  /// - Parameter logits: [image, class], row-major.
  public func masked(_ logits: [Float], classCount: Int) -> [Float] {
    guard let scored, classCount > 0 else { return logits }
    var isScored = Array(repeating: false, count: classCount)
    for index in scored where Int(index) < classCount { isScored[Int(index)] = true }
    return logits.enumerated().map { $1.isNaN || isScored[$0 % classCount] ? $1 : -.infinity }
  }
}

extension BenchmarkDefinition {
  /// How a network of `classCount` outputs is judged on the images of a listing.
  public func scoring(of listing: ImageListing, classCount: Int) -> Scoring {
    var scoring = scoringByFolders(of: listing, classCount: classCount)
    if scoring.obstacle == nil {
      scoring.realOutputs = listing.realOutputs(of: classCount)
      scoring.factors = listing.annotations.first { $0.kind == .factors }
    }
    return scoring
  }

  private func scoringByFolders(of listing: ImageListing, classCount: Int) -> Scoring {
    guard isScored else { return .none(listing, classCount, "the manifest says scored: false") }
    let imageNet = ImageNetOutputs(count: classCount)
    if case .numberedFolders(let map) = kind.benchmark.classes, let imageNet {
      return Scoring(
        labels: listing.labels, classNames: imageNet.names, scored: nil,
        map: Array(repeating: -1, count: Int(imageNet.offset)) + map, obstacle: nil,
        assumption:
          "the two digits that start a class folder's name are its class, to which ImageNet's 1,000 are mapped"
          + imageNet.remark)
    }
    let classes: ClassAssignment
    do throws(ClassAssignment.Obstacle) {
      classes = try ClassAssignment(listing, outputs: classCount)
    } catch {
      return .none(listing, classCount, error.words)
    }
    let (scored, words) = answers(among: classes.names)
    return Scoring(
      labels: classes.labels, classNames: classes.names, scored: scored, map: nil, obstacle: nil,
      assumption: classes.words + words)
  }

  /// The outputs of these names among which the answer is sought, in whatever order they are; nil for all. And what is said
  /// where it should not be all, but the names do not tell.
  private func answers(among names: [String]) -> (scored: [Int32]?, words: String) {
    guard case .among(let classes) = kind.benchmark.classes else { return (nil, "") }
    guard !answersAmongAll else {
      return (nil, "; the answer is the largest of all \(names.count) outputs, as the manifest's classes: all asks")
    }
    let places = Dictionary(zip(names, Int32(0)...)) { first, _ in first }
    let wanted = classes.map { ImageNetClasses.wordNetIDs[Int($0)] }
    let found = wanted.compactMap { places[$0] }.sorted()
    guard found.count == wanted.count else {
      return (
        nil,
        "; the outputs are not known to be the \(wanted.count) WordNet ids of \(kind.rawValue), "
          + "so the answer is the largest of all \(names.count), not comparable with published figures"
      )
    }
    return (found.count == names.count ? nil : found, "")
  }

  /// Whether its figures need the images' classes; flip rates do without.
  public var needsClasses: Bool { isScored && kind.benchmark.needsClasses }
}

extension Scoring {
  fileprivate static func none(_ listing: ImageListing, _ classCount: Int, _ why: String) -> Scoring {
    Scoring(
      labels: Array(repeating: -1, count: listing.labels.count), classNames: (0..<classCount).map(String.init),
      scored: nil, map: nil, obstacle: "unknown: " + why, assumption: "not scored: " + why)
  }
}
