import Benchmarks
import Durable
import Foundation
import Planning
import Records

/// What a worker says of a shard, compared with what the plan says that the shard is, so that whatever is recorded can be
/// collected. Whether numbers are the right ones cannot be told from them.
struct ResultCheck {
  /// What a worker may say of how it computed.
  static let provenance: Set<String> = [
    "host", "process", "instruction_set", "version", "gemm", "left_out", "engine", "answered_by", ShardBytes.attribute,
  ]
  /// The longest text of that, in bytes of UTF-8; a longer one is cut.
  static let textBytes = 16_384

  let plan: Plan
  let shard: ShardDefinition

  /// The result, its texts printable.
  func believed(_ payload: Data) throws(InvalidResult) -> ShardOutput {
    let variables = plan.variables(model: shard.model, benchmark: shard.benchmark)
    try checkSize(of: payload, variables)
    let output: ShardOutput
    do { output = try ShardOutput(decoding: payload, largestHeader: largestHeader) } catch {
      throw InvalidResult(reason: error.sentence)
    }
    let expected = ShardSubject(shard, of: plan)
    guard output.shard == shard.id, output.subject == expected else {
      throw InvalidResult(
        reason: "the result is for shard \(output.shard), \(output.subject), but shard \(shard.id) is \(expected)")
    }
    guard output.observations.map(\.variable) == variables else {
      throw InvalidResult(
        reason: "the result has \(Self.shapes(output.observations.map(\.variable))), but the plan asks for "
          + Self.shapes(variables))
    }
    try checkFailures(output)
    try checkProvenance(output)
    try checkValues(output)
    return ShardOutput(
      shard: output.shard, subject: output.subject, observations: output.observations,
      failures: output.failures.map(\.printed),
      provenance: output.provenance.mapValues { $0.plain(atMost: Self.textBytes) })
  }

  private static func shapes(_ variables: [Variable]) -> String {
    variables.prefix(20).map(\.shape).joined(separator: ", ")
  }

  /// Of the JSON before the values: room for a reason of each image, each of whose bytes JSON may write as six.
  private var largestHeader: Int { (64 << 10) + shard.imageCount * 6 * (ImageFailure.reasonBytes + 64) }

  /// Before anything is made of it, which takes time and memory.
  private func checkSize(of payload: Data, _ variables: [Variable]) throws(InvalidResult) {
    let numbers = variables.reduce(0) { $0 + ($1.count(atMost: 1 << 30) ?? 0) }
    let expected = 4 * numbers * shard.imageCount
    guard (expected...expected + 4 + largestHeader).contains(payload.count) else {
      throw InvalidResult(
        reason:
          "the result has \(payload.count) bytes, but the values of \(shard.imageCount) images take \(expected)")
    }
  }

  private func checkFailures(_ output: ShardOutput) throws(InvalidResult) {
    guard Set(output.failures.map(\.offset)).count == output.failures.count else {
      throw InvalidResult(reason: "the result lists a failed image twice")
    }
    guard output.failures.allSatisfy({ !$0.reason.isEmpty }) else {
      throw InvalidResult(reason: "the result has a failed image without a reason")
    }
  }

  private func checkProvenance(_ output: ShardOutput) throws(InvalidResult) {
    if let key = output.provenance.keys.filter({ !Self.provenance.contains($0) }).min() {
      throw InvalidResult(
        reason: "the result's provenance has \(key.plain(atMost: 60)); it may have "
          + Self.provenance.sorted().joined(separator: ", "))
    }
  }

  /// Images that failed have no numbers, and all others have those that may be.
  private func checkValues(_ output: ShardOutput) throws(InvalidResult) {
    let observed = plan.manifest.benchmarks[shard.benchmark].observed
    let failed = Set(output.failures.map(\.offset))
    let counts = output.observations.map { $0.values.count / max(1, output.imageCount) }
    for image in 0..<output.imageCount {
      let numbers = zip(output.observations, counts).map { $0.values[(image * $1)..<((image + 1) * $1)] }
      if failed.contains(image) {
        guard numbers.allSatisfy({ $0.allSatisfy(\.isNaN) }) else {
          throw InvalidResult(reason: "the result has values for image \(image), which failed")
        }
      } else if let problem = observed.problem(in: numbers) {
        throw InvalidResult(reason: "the result has \(problem), for image \(image)")
      }
    }
  }
}
