import Benchmarks
import Networks
import Tensors

/// TAIG (Huang and Kong, ICLR 2022): steps down the sign of the integrated gradients of the label's logit, from black to the
/// image as it is by then.
extension Attacker {
  /// The last images, with whole levels of 255, as the authors save them.
  func integratedGradientSigns(_ batch: Batch) throws -> [Float] {
    var values = batch.images
    for step in 0..<attack.steps {
      let integrated = try integratedGradients(values, batch, step)
      for image in batch.labels.indices {
        let range = batch.range(image)
        let stepped = zip(values[range], integrated[range]).map { $0 - Float(attack.step) * Budget.sign($1) }
        values.replaceSubrange(range, with: budget.projected(stepped, around: batch.images[range]))
      }
    }
    return values.map { ($0 * 255).rounded() / 255 }
  }

  /// (last point - first point) times the mean gradient of all points.
  private func integratedGradients(_ values: [Float], _ batch: Batch, _ step: Int) throws -> [Float] {
    let losses = batch.labels.map { Loss.logit(of: $0) }
    var sums = [Float](repeating: 0, count: values.count)
    var (first, last): ([Float], [Float]) = ([], [])
    for point in 0..<Attack.pointsOfLine {
      let share = Float(point) / Float(Attack.pointsOfLine - 1)
      var images = values.map { $0 * share }
      if attack.method == .taigR {
        for image in batch.labels.indices {
          let random = batch.randoms[image].branch(UInt32(step * Attack.pointsOfLine + point))
          for (index, direction) in zip(batch.range(image), Budget.directions(batch.size, random)) {
            images[index] += budget.size * direction
          }
        }
      }
      if point == 0 { first = images }
      last = images
      let gradients = try model.gradients(of: images, losses: losses).gradients
      for index in sums.indices { sums[index] += gradients[index] }
    }
    return sums.indices.map { (last[$0] - first[$0]) * (sums[$0] / Float(Attack.pointsOfLine)) }
  }
}
