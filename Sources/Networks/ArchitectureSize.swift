extension Architecture {
  /// Numbers to be learnt, with the published number of classes, before anything is merged; 0 for what a file
  /// tells.
  public var parameterCount: Int {
    switch family {
    case .graph(let design): graph(design).parameterCount
    case .onnx, .slak: 0
    }
  }

  /// Multiply-adds an image, taps outside the image counted as well; 0 for what a file tells.
  public var multiplyAdds: Int {
    switch family {
    case .graph(let design): graph(design).multiplyAdds
    case .onnx, .slak: 0
    }
  }

  private func graph(_ design: GraphDesign) -> Graph {
    design.graph(height: inputHeight, width: inputWidth, classCount: classCount)
  }
}
