extension Architecture {
  /// Numbers to be learnt, with the published number of classes, before anything is merged; 0 for what a file
  /// tells.
  public var parameterCount: Int {
    switch family {
    case .graph(let design): graph(design).parameterCount
    case .replknet(let design): design.parameterCount(classCount: classCount)
    case .onnx, .slak: 0
    }
  }

  /// Multiply-adds an image, taps outside the image counted as well; 0 for what a file tells.
  public var multiplyAdds: Int {
    switch family {
    case .graph(let design): graph(design).multiplyAdds
    case .replknet(let design): design.multiplyAdds(height: inputHeight, width: inputWidth, classCount: classCount)
    case .onnx, .slak: 0
    }
  }

  private func graph(_ design: GraphDesign) -> Graph {
    design.graph(height: inputHeight, width: inputWidth, classCount: classCount)
  }
}

extension RepLKNetDesign {
  func parameterCount(classCount: Int) -> Int {
    let learnt = parameters(isMerged: false).filter { !$0.name.contains(".running_") }
    return learnt.reduce(0) { $0 + $1.shape.reduce(1, *) } + ((channels.last ?? 0) + 1) * classCount
  }

  /// Small kernels merged into the large ones.
  func multiplyAdds(height: Int, width: Int, classCount: Int) -> Int {
    func half(_ extent: Int) -> Int { (extent - 1) / 2 + 1 }
    var (rows, columns) = (half(height), half(width))
    let first = channels[0]
    var total = rows * columns * first * (27 + 9 + first)
    (rows, columns) = (half(rows), half(columns))
    total += rows * columns * first * 9
    for (stage, outer) in channels.enumerated() {
      let inner = outer * depthwiseHalves / 2
      let kernel = kernels[stage] * kernels[stage]
      total += rows * columns * blocks[stage] * (2 * outer * inner + inner * kernel + 8 * outer * outer)
      guard stage + 1 < channels.count else { continue }
      total += rows * columns * outer * channels[stage + 1]
      (rows, columns) = (half(rows), half(columns))
      total += rows * columns * channels[stage + 1] * 9
    }
    return total + (channels.last ?? 0) * classCount
  }
}
