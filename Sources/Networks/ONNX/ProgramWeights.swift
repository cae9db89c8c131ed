/// The parameters of a program's layers, which folding may have changed; worked out when they are asked for.
struct ProgramWeights: WeightSource {
  let origin: String
  private var parameters: [String: Parameter] = [:]

  /// Numbers of the model, and what folding does to them.
  struct Parameter: Sendable {
    let tensor: ConstantTensor
    var shape: [Int]
    /// Whether the model has them as [inputs, outputs].
    var isTransposed = false
    /// A factor for each extent of the first axis.
    var factors: [Double]?
  }

  init(origin: String) { self.origin = origin }

  subscript(name: String) -> Parameter? {
    get { parameters[name] }
    set { parameters[name] = newValue }
  }

  func contains(_ name: String) -> Bool { parameters[name] != nil }
  func shape(of name: String) -> [Int]? { parameters[name]?.shape }

  func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float] {
    guard let parameter = parameters[name] else { throw .missing(name: name, file: origin) }
    guard parameter.shape == shape else {
      throw .shape(name: name, expected: shape, found: parameter.shape, file: origin)
    }
    let stored = try parameter.tensor.floats()
    guard parameter.isTransposed || parameter.factors != nil else { return stored }
    let outputs = shape[0]
    let inner = outputs == 0 ? 0 : stored.count / outputs
    var result = stored
    for output in 0..<outputs {
      let factor = parameter.factors?[output] ?? 1
      for place in 0..<inner {
        let value = parameter.isTransposed ? stored[place * outputs + output] : stored[output * inner + place]
        result[output * inner + place] = factor == 1 ? value : Float(Double(value) * factor)
      }
    }
    return result
  }
}
