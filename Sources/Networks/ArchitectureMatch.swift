extension Checkpoint {
  /// Lists all that is missing, of another shape, or more than the architecture has.
  func checkFits(_ parameters: [Parameter], of architecture: Architecture) throws(CheckpointError) {
    var expected: Set<String> = []
    var problems: [String] = []
    for parameter in parameters {
      let (name, shape) = (parameter.name, parameter.shape)
      expected.insert(name)
      guard let found = self.shape(of: name) else {
        problems.append("\(name) is missing")
        continue
      }
      let isResampled =
        architecture.isResized && name == "pos_embed" && found.count == 3 && found[2] == shape[2]
        && PositionResampling.side(ofTokens: found[1]) != nil
      if found != shape, !isResampled { problems.append("\(name) is \(found), not \(shape)") }
    }
    for tensor in tensors where !expected.contains(tensor.name) && !Self.isBookkeeping(tensor.name) {
      // A table of a stranger's may be of any length.
      guard problems.count < Self.mostProblems else {
        problems.append("and more")
        break
      }
      problems.append("\(tensor.name) is not one of its tensors")
    }
    guard problems.isEmpty else {
      if let origin = namesOrigin { problems.insert(origin, at: 0) }
      throw .unfit(architecture: architecture.name, problems: problems, file: path)
    }
    let names = [record.architecture ?? "", fileName].map { $0.lowercased() }
    if let other = architecture.lookalikes.first(where: { twin in names.contains { $0.contains(twin) } }) {
      throw .foreign(
        file: path,
        what: "by its name a \(other), whose tensors are named like those of \(architecture.name) but which computes "
          + "otherwise",
        advice: "export it to ONNX, or, if it is a \(architecture.name), rename it")
    }
  }

  /// More than any network has tensors.
  private static let mostProblems = 10_000

  /// The file's name without its folder.
  var fileName: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// Why no architecture fits, as far as that is known, and what to do.
  public var whyNothingFits: String? {
    for architecture in Architecture.all {
      do throws(CheckpointError) {
        try checkFits(architecture)
      } catch {
        if case .foreign(_, let what, let advice) = error { return "it is \(what); \(advice)" }
      }
    }
    return namesOrigin
  }

  /// Refuses a checkpoint with weights that are NaN or infinite; reads all numbers.
  public func checkNumbers() throws(CheckpointError) {
    let weights = tensors.filter { $0.elementType.isFloatingPoint && !Self.isBookkeeping($0.name) }
    _ = try computeTogether(weights.count) { (index) throws(CheckpointError) in
      _ = try finiteValues(weights[index].name)
    }
  }

  /// A tensor's numbers, all finite.
  func finiteValues(_ name: String) throws(CheckpointError) -> [Float] {
    let found = try values(name)
    guard let value = found.first(where: { !$0.isFinite }) else { return found }
    let count = found.count { !$0.isFinite }
    throw .notFinite(
      name: name, what: (value.isNaN ? "NaN" : "infinite numbers") + " (\(count) of \(found.count))", file: path)
  }

  /// Counters and index tables that follow from the architecture.
  private static func isBookkeeping(_ name: String) -> Bool {
    [".num_batches_tracked", ".relative_position_index", ".attn_mask"].contains { name.hasSuffix($0) }
  }
}
