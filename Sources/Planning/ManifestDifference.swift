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
        model.outputNote = nil
        return model
      }, benchmarks: benchmarks, sharding: sharding, output: output)
  }

  /// Where this manifest asks for something else than the one that a run was planned from. Text that resolves to the same
  /// (comments, the order of keys, the `cluster` section) makes no difference.
  ///
  /// - Returns: each place with both values, `sharding.images is 25 instead of 50`; nothing where there is none.
  public func differences(from planned: Manifest) throws -> [String] {
    guard asRead != planned.asRead else { return [] }
    let all = try Places.differences(of: asRead, from: planned.asRead)
    // What conditions do follows from what the manifest says, which is named where it is known.
    let stated = all.filter { !$0.contains(".conditions[") }
    return stated.isEmpty ? all : stated
  }
}
