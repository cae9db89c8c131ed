import Records
import Tensors

/// What of the image reaches the middle of a network's last maps. After Luo et al., "Understanding the Effective Receptive
/// Field in Deep Convolutional Neural Networks" (NeurIPS 2016), measured as RepLKNet's authors do.
public enum ReceptiveFieldStudy: SampledObservation {
  /// `receptive-field`
  public static let kind = BenchmarkKind.receptiveField
  static let observed = Observed.receptiveField
  /// As RepLKNet's authors have it.
  static let usualImages = 50
  /// The shares whose areas are told.
  static let shares = [20, 30, 50, 99]

  /// The mean map, and how large a square holds a share of it.
  public static func observationTally(of run: ObservedRun) -> (any Tally)? {
    let lengths = run.shape.variables.first?.dimensions.map(\.length) ?? []
    let axes = zip(["field_row", "field_column"], lengths).map { name, length in
      Axis(name: name, values: squares(length).map { String($0.lowerBound) }, isNumeric: true)
    }
    return ObservationTally(
      of: run, means: ["receptive_field"], furtherAxes: axes,
      figures: figures)
  }

  /// At most 32 ranges of pixels, for a map that can be drawn.
  private static func squares(_ length: Int) -> [Range<Int>] {
    let side = max(1, (length + 31) / 32)
    return stride(from: 0, to: length, by: side).map { $0..<min(length, $0 + side) }
  }

  /// The means of squares of a map, by their largest.
  private static func coarse(_ map: [Double], height: Int, width: Int) -> [Double] {
    let means = squares(height).flatMap { rows in
      squares(width).map { columns in
        rows.reduce(0.0) { sum, row in columns.reduce(sum) { $0 + map[row * width + $1] } }
          / Double(rows.count * columns.count)
      }
    }
    let largest = means.reduce(0) { max($0, $1) }
    return largest > 0 ? means.map { $0 / largest } : means
  }

  private static func figures(_ tally: ObservationTally, _ seed: UInt64) -> [Metric] {
    let lengths = tally.lengths(of: "receptive_field")
    guard lengths.count == 2 else { return [] }
    let map = scaled(tally.means(of: "receptive_field"))
    let areas = shares.map { area(holding: Double($0) / 100, of: map, height: lengths[0], width: lengths[1]) }
    let extent = "of images of \(lengths[1])x\(lengths[0])"
    let explanation =
      "the smallest square around the middle with so much of log10(1 + mean gradient), as a share of the image's area; it "
      + "depends on the images' size"
    var metrics: [Metric] = []
    for (share, area) in zip(shares, areas) {
      metrics.append(
        Metric(
          name: "area_of_\(share)",
          description: "share of the image's area in which \(share) % of the field is, 0 to 1",
          axes: [], values: [area],
          figure: .init(
            "area with \(share) % of the receptive field", share == 50 ? .headline : .detail, .share, extent: extent,
            absence: area.isNaN && tally.evaluated > 0 ? "no receptive field: no gradient reaches the images" : "",
            explanation: share == 50 ? explanation : "", isNeutral: true)))
    }
    metrics.append(
      Metric(
        name: "field_map", description: "log10(1 + mean gradient) by its largest, 0 to 1", axes: ["row", "column"],
        values: map, figure: .init("receptive field", .data, .share)))
    metrics.append(
      Metric(
        name: "coarse_field_map", description: "the same, means over squares of pixels, by their largest, 0 to 1",
        axes: ["field_row", "field_column"], values: coarse(map, height: lengths[0], width: lengths[1]),
        figure: .init("receptive field", .map, .share)))
    return metrics
  }

  /// log10(x + 1), and that by its largest.
  static func scaled(_ means: [Double]) -> [Double] {
    let logarithms = means.map { $0.isNaN ? .nan : ReproducibleMath.logarithm($0 + 1) / ReproducibleMath.logarithm(10) }
    let largest = logarithms.reduce(0) { max($0, $1) }
    return largest > 0 ? logarithms.map { $0 / largest } : logarithms
  }

  /// The area of the smallest square of an odd side around the middle that holds more than a share of the sum, by the image's.
  package static func area(holding share: Double, of map: [Double], height: Int, width: Int) -> Double {
    let sum = map.reduce(0, +)
    guard sum > 0 else { return .nan }
    for reach in 0...max(height, width) {
      let rows = max(0, height / 2 - reach)...min(height - 1, height / 2 + reach)
      let columns = max(0, width / 2 - reach)...min(width - 1, width / 2 + reach)
      let within = rows.reduce(0.0) { sum, row in columns.reduce(sum) { $0 + map[row * width + $1] } }
      if within / sum > share {
        let side = Double(2 * reach + 1)
        return min(1, side * side / Double(height * width))
      }
    }
    return 1
  }
}

extension BenchmarkKind {
  /// What reaches the middle of the last maps.
  public static let receptiveField = BenchmarkKind("receptive-field")
}
