import Attacks
import Benchmarks
import Networks
import Planning
import Records

/// What says what is observed of images that are ready for their model, batch by batch.
protocol ImageObserving {
  var task: ShardTask { get }
  /// What is observed.
  var shape: ObservedShape { get }
  /// Whether it is given values in [0, 1], not normalised ones.
  var takesUnitValues: Bool { get }
  /// Values of an image.
  var imageSize: Int { get }

  /// The variables' numbers, each [image, numbers].
  ///
  /// - Parameters:
  ///   - values: [count, height, width, 3], of which the first are those of the images.
  ///   - offsets: which images of the shard they are.
  ///   - keep: is given the values in [0, 1], after all that the condition does to them, where other models are asked, too.
  func observe(_ values: [Float], at offsets: [Int], keep: ([Float]) -> Void) throws -> [[Float]]
}

extension ImageObserving {
  /// What is wrong with an image's numbers, in words; nil where nothing is.
  func problem(in numbers: [ArraySlice<Float>]) -> String? {
    // Other models' answers are not there yet.
    task.observed.problem(in: task.observed.isOfAnswers ? Array(numbers.prefix(1)) : numbers)
  }

  /// Numbers an image of each variable.
  var counts: [Int] { shape.variables.map { $0.count(atMost: 1 << 30) ?? 0 } }
}

/// What a shard observes by its network.
struct ImageObserver: ImageObserving {
  let task: ShardTask
  let network: ShardNetwork
  let shape: ObservedShape

  init(_ task: ShardTask, _ network: ShardNetwork) throws {
    (self.task, self.network) = (task, network)
    shape = try task.observed.shape(
      of: network.classifier.architecture, classCount: network.classifier.classCount, others: task.others)
  }

  var imageSize: Int { network.imageSize }
  var takesUnitValues: Bool { task.condition.asksNetworks || task.observed.needsLabels || !task.others.isEmpty }

  func observe(_ values: [Float], at offsets: [Int], keep: ([Float]) -> Void) throws -> [[Float]] {
    var values = values
    var unknown: [Int] = []
    if takesUnitValues {
      values = try network.attacked(Array(values[..<(offsets.count * network.imageSize)]), at: offsets, of: task)
      unknown = offsets.indices.filter { values[$0 * network.imageSize].isNaN }
      if case .gradients(let steps) = task.observed { return try gradients(values, offsets, steps) }
      keep(values)
      task.model.preprocessing.normalise(&values)
    }
    guard let view = network.view else {
      var logits = try logits(values, count: offsets.count)
      // A rectifier takes what is no number for 0, and the network would answer.
      let size = network.classifier.classCount
      for image in unknown {
        logits.replaceSubrange((image * size)..<((image + 1) * size), with: repeatElement(.nan, count: size))
      }
      return [logits]
        + counts.dropFirst().map { Array(repeating: .nan, count: offsets.count * $0) }
    }
    let seen = try values.withUnsafeBufferPointer { try view.observe($0, count: offsets.count) }
    return shape.variables.map { variable in
      let count = variable.count(atMost: 1 << 30) ?? 0
      return offsets.indices.flatMap { image in numbers(of: variable, image, seen, images: offsets.count, count) }
    }
  }

  private func logits(_ values: [Float], count: Int) throws -> [Float] {
    var rows = [Float](repeating: .nan, count: count * network.classifier.classCount)
    try values.withUnsafeBufferPointer { images in
      try rows.withUnsafeMutableBufferPointer { try network.session.logits(images: images, count: count, into: $0) }
    }
    return rows
  }

  /// One image's numbers of a variable, from what a view's outputs are of all images.
  private func numbers(
    of variable: Variable, _ image: Int, _ seen: [[Float]], images: Int, _ count: Int
  ) -> [Float] {
    let own = seen.map { output in
      let size = output.count / images
      return output[(image * size)..<((image + 1) * size)]
    }
    guard own.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { return Array(repeating: .nan, count: count) }
    switch task.observed {
    case .features where variable.name == "variance": return own.compactMap(\.first)
    case .features: return padded(own.map { $0.dropFirst() }, to: count)
    case .receptiveField:
      let gradient = own.first ?? []
      return stride(from: gradient.startIndex, to: gradient.endIndex, by: 3).map { place in
        gradient[place..<(place + 3)].reduce(0) { $0 + max(0, $1) }
      }
    default: return padded(own, to: count)
    }
  }

  /// Rows of one length, filled up with NaN.
  private func padded(_ rows: [ArraySlice<Float>], to count: Int) -> [Float] {
    let width = count / max(1, rows.count)
    return rows.flatMap { $0 + Array(repeating: .nan, count: max(0, width - $0.count)) }
  }

  /// Of labels that are not known, of the network's answers.
  private func gradients(_ values: [Float], _ offsets: [Int], _ steps: Int) throws -> [[Float]] {
    let images = Array(values[..<(offsets.count * network.imageSize)])
    let attacked = network.underAttack(task)
    let classes = try attacked.labelsOrAnswers(task, images, at: offsets)
    let maps = try IntegratedGradients(of: attacked, steps: steps).maps(of: images, classes: classes)
    return [maps.gradients, maps.integrated, maps.gaps]
  }
}
