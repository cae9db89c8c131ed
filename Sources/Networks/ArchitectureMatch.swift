extension Checkpoint {
  /// The architectures whose parameters the checkpoint holds, judged by names and shapes; merged or not.
  public func matchingArchitectures() -> [Architecture] {
    Architecture.all.compactMap { architecture in
      guard architecture.family == .slak else { return (try? checkFits(architecture)) == nil ? nil : architecture }
      guard let found = try? Architecture.named(architecture.name, checkpoint: path) else { return nil }
      return (try? checkFits(found)) == nil ? nil : found
    }
  }

  /// Refuses a checkpoint that lacks a parameter of the architecture, or has one of another shape; reads no numbers.
  public func checkFits(_ architecture: Architecture) throws(CheckpointError) {
    guard case .replknet(let design) = architecture.family else {
      if case .graph(let design) = architecture.family { try checkFits(design, of: architecture) }
      if case .slak = architecture.family, let found = try Architecture.named(architecture.name, checkpoint: path) {
        try checkFits(found)
      }
      if case .onnx = architecture.family { throw .malformed(file: path, reason: "it is no ONNX model") }
      return
    }
    var parameters = design.parameters(isMerged: contains("stages.0.blocks.0.large_kernel.lkb_reparam.weight"))
    let classes = max(1, shape(of: "head.bias")?.first ?? architecture.classCount)
    parameters += [("head.weight", [classes, design.channels.last ?? 0]), ("head.bias", [classes])]
    try checkFits(parameters, of: architecture)
  }
}

extension Checkpoint {
  /// Lists all that is missing, of another shape, or more than the architecture has.
  private func checkFits(_ design: GraphDesign, of architecture: Architecture) throws(CheckpointError) {
    let classes = shape(of: design.head + ".bias")?.first ?? architecture.classCount
    let graph = design.graph(
      height: architecture.inputHeight, width: architecture.inputWidth, classCount: max(1, classes))
    try checkFits(graph.parameters, of: architecture)
  }

  private func checkFits(
    _ parameters: [(name: String, shape: [Int])], of architecture: Architecture
  ) throws(CheckpointError) {
    var expected: Set<String> = []
    var problems: [String] = []
    for (name, shape) in parameters {
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
      problems.append("\(tensor.name) is not one of its tensors")
    }
    guard problems.isEmpty else {
      if let origin = namesOrigin { problems.insert(origin, at: 0) }
      throw .unfit(architecture: architecture.name, problems: problems, file: path)
    }
    if let other = Lookalike.named(by: [record.architecture ?? "", fileName], instead: architecture.name) {
      throw .foreign(
        file: path,
        what: "by its name a \(other), whose tensors are called like those of \(architecture.name) but which computes "
          + "otherwise",
        advice: "export it to ONNX, or, if it is a \(architecture.name), rename it")
    }
  }

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

extension RepLKNetDesign {
  /// Names and shapes of the parameters but for the head, whose size is the checkpoint's to choose.
  func parameters(isMerged: Bool) -> [(name: String, shape: [Int])] {
    var parameters: [(name: String, shape: [Int])] = []
    func normalisation(_ prefix: String, _ channels: Int) {
      for name in ["weight", "bias", "running_mean", "running_var"] {
        parameters.append((prefix + "." + name, [channels]))
      }
    }
    func convolution(_ prefix: String, _ shape: [Int]) {
      parameters.append((prefix + ".conv.weight", shape))
      normalisation(prefix + ".bn", shape[0])
    }
    let first = channels[0]
    for (index, shape) in [[first, 3, 3, 3], [first, 1, 3, 3], [first, first, 1, 1], [first, 1, 3, 3]].enumerated() {
      convolution("stem.\(index)", shape)
    }
    for (stage, width) in channels.enumerated() {
      let inner = width * depthwiseHalves / 2
      for pair in 0..<blocks[stage] {
        let large = "stages.\(stage).blocks.\(2 * pair)"
        normalisation(large + ".prelkb_bn", width)
        convolution(large + ".pw1", [inner, width, 1, 1])
        let kernel = kernels[stage]
        if isMerged {
          parameters.append((large + ".large_kernel.lkb_reparam.weight", [inner, 1, kernel, kernel]))
          parameters.append((large + ".large_kernel.lkb_reparam.bias", [inner]))
        } else {
          convolution(large + ".large_kernel.lkb_origin", [inner, 1, kernel, kernel])
          if let smallKernel {
            convolution(large + ".large_kernel.small_conv", [inner, 1, smallKernel, smallKernel])
          }
        }
        convolution(large + ".pw2", [width, inner, 1, 1])
        let feedForward = "stages.\(stage).blocks.\(2 * pair + 1)"
        normalisation(feedForward + ".preffn_bn", width)
        convolution(feedForward + ".pw1", [4 * width, width, 1, 1])
        convolution(feedForward + ".pw2", [width, 4 * width, 1, 1])
      }
      guard stage + 1 < channels.count else { continue }
      convolution("transitions.\(stage).0", [channels[stage + 1], width, 1, 1])
      convolution("transitions.\(stage).1", [channels[stage + 1], 1, 3, 3])
    }
    normalisation("norm", channels.last ?? 0)
    return parameters
  }
}
