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

  /// Refuses a model with weights that are NaN or infinite, by reading them all.
  func checkNumbers() throws(CheckpointError) {
    let names = parameters.keys.sorted()
    _ = try computeTogether(names.count) { (index) throws(CheckpointError) in
      guard let shape = shape(of: names[index]) else { return }
      _ = try values(names[index], shape: shape)
    }
  }

  func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float] {
    let found = try foundValues(name, shape: shape)
    if name.hasSuffix(".weight") || name.hasSuffix(".bias"), let value = found.first(where: { !$0.isFinite }) {
      // Masks, of attention or of classes, may hold -infinity.
      guard value == -.infinity, name.hasSuffix(".bias") else {
        let node = name.split(separator: "#").dropLast().joined(separator: "#")
        throw .notFinite(name: "the node \(node)", what: value.isNaN ? "NaN" : "infinite numbers", file: origin)
      }
    }
    return found
  }

  private func foundValues(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float] {
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
