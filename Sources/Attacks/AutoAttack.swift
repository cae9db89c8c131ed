import Benchmarks

/// AutoAttack (Croce and Hein, ICML 2020), its standard version: one attack after the other, each on the images that are
/// still seen right.
extension Attacker {
  /// Each attack does as it would alone, from the image as it is on. Images that are seen wrong as they are, and those that
  /// withstand all, stay as they are.
  func automaticInTurn(_ batch: inout Batch) throws {
    try markWrong(&batch)
    for method in Attack.Method.inTurn {
      let rest = batch.rest
      guard !rest.isEmpty else { return }
      let found = try Attacker(attack.part(method), on: model).attacked(
        rest.flatMap { batch.images[batch.range($0)] }, labels: rest.map { batch.labels[$0] },
        randoms: rest.map { batch.randoms[$0] })
      // By the logits that are archived.
      let answers = model.answers(try model.logits(of: found, count: rest.count))
      for (place, image) in rest.enumerated() where answers[place] != batch.labels[image] {
        batch.found.replaceSubrange(
          batch.range(image), with: found[(place * batch.size)..<((place + 1) * batch.size)])
        batch.isBroken[image] = true
      }
    }
  }
}
