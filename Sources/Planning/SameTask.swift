import Benchmarks
import Foundation

extension ShardTask {
  /// Where another run's task asks for other numbers than this one: each place with both values, the other's last; nothing where
  /// the results of either are the other's, too. Numbers of shards, places of conditions in their grids and of checkpoints on
  /// disk make no difference.
  package func differences(from other: ShardTask) throws -> [String] {
    let (own, theirs) = (asked, other.asked)
    guard own != theirs else { return [] }
    let found = try Places.differences(of: own, from: theirs)
    return found.isEmpty ? ["what decides its numbers differs"] : found
  }

  /// What decides the numbers.
  private var asked: AskedNumbers {
    AskedNumbers(
      model: model.asked, benchmark: benchmark, layout: layout, condition: condition.asked, firstImage: firstImage,
      paths: paths, labels: labels, observed: observed, others: others.map(\.asked), seed: seed)
  }
}

/// All that decides the numbers of a shard.
private struct AskedNumbers: Hashable, Encodable {
  let model: ModelSpecification
  let benchmark: String
  let layout: PictureLayout
  let condition: Condition
  let firstImage: Int
  let paths: [String]
  let labels: [Int32]?
  let observed: Observed
  let others: [ModelSpecification]
  let seed: UInt64
}

extension ModelSpecification {
  /// Its digest says what its checkpoint is, wherever that lies, and so what becomes of its output, however a program words it.
  package var asked: ModelSpecification {
    ModelSpecification(
      name: name, architecture: architecture, checkpoint: "", checkpointDigest: checkpointDigest,
      classCount: classCount, gemm: gemm, precision: precision, preprocessing: preprocessing,
      python: python)
  }
}

extension Condition {
  /// Wherever it stands in its grid.
  fileprivate var asked: Condition {
    Condition(
      GridCell(index: 0, values: cell.values), steps: steps, input: input, saliency: saliency, attack: attack,
      lesion: lesion)
  }
}

/// Values by their places, such as `models[0].precision`.
enum Places {
  /// Each place at which two values differ, with both: `sharding.images is 25 instead of 50`.
  static func differences(of found: some Encodable, from expected: some Encodable) throws -> [String] {
    let (found, expected) = (try places(of: found), try places(of: expected))
    return Set(found.keys).union(expected.keys).sorted().compactMap { place in
      switch (found[place], expected[place]) {
      case (let now?, let before?): now == before ? nil : "\(place) is \(now) instead of \(before)"
      case (let now?, nil): "\(place) is \(now), which was not set before"
      case (nil, let before?): "\(place) is no longer set (it was \(before))"
      case (nil, nil): nil
      }
    }
  }

  private static func places(of value: some Encodable) throws -> [String: String] {
    var result: [String: String] = [:]
    func enter(_ value: Any, at place: String) {
      switch value {
      case let mapping as [String: Any]:
        for (key, value) in mapping { enter(value, at: place.isEmpty ? key : "\(place).\(key)") }
      case let list as [Any]: for (index, value) in list.enumerated() { enter(value, at: "\(place)[\(index)]") }
      default: result[place] = "\(value)"
      }
    }
    enter(try JSONSerialization.jsonObject(with: JSONEncoder().encode(value)), at: "")
    return result
  }
}
