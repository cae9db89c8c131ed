import Foundation

extension Manifest {
  /// The manifest before planning filled in what it found in the files.
  private var asRead: Manifest {
    Manifest(
      run: run, seed: seed,
      models: models.map { model in
        var model = model
        model.checkpointDigest = ""
        model.classCount = 0
        return model
      }, benchmarks: benchmarks, sharding: sharding, output: output)
  }

  /// Where this manifest asks for something else than the one that a run was planned from. Text that resolves to the same
  /// (comments, the order of keys, the `cluster` section) makes no difference.
  ///
  /// - Returns: each place with both values, `sharding.images is 25 instead of 50`; nothing where there is none.
  public func differences(from planned: Manifest) throws -> [String] {
    guard asRead != planned.asRead else { return [] }
    let (found, expected) = (try asRead.places(), try planned.asRead.places())
    let all = Set(found.keys).union(expected.keys).sorted().compactMap { place in
      switch (found[place], expected[place]) {
      case (let now?, let before?): now == before ? nil : "\(place) is \(now) instead of \(before)"
      case (let now?, nil): "\(place) is \(now), which was not set before"
      case (nil, let before?): "\(place) is no longer set (it was \(before))"
      case (nil, nil): nil
      }
    }
    // What conditions do follows from what the manifest says, which is named where it is known.
    let stated = all.filter { !$0.contains(".conditions[") }
    return stated.isEmpty ? all : stated
  }

  /// Every value by its place, such as `models[0].precision`.
  private func places() throws -> [String: String] {
    var result: [String: String] = [:]
    func enter(_ value: Any, at place: String) {
      switch value {
      case let mapping as [String: Any]:
        for (key, value) in mapping { enter(value, at: place.isEmpty ? key : "\(place).\(key)") }
      case let list as [Any]: for (index, value) in list.enumerated() { enter(value, at: "\(place)[\(index)]") }
      default: result[place] = "\(value)"
      }
    }
    enter(try JSONSerialization.jsonObject(with: JSONEncoder().encode(self)), at: "")
    return result
  }
}
