import Records

/// How far large depthwise kernels look, from their weights alone: the counterpart of a transformer's attention distance.
public enum KernelDistanceStudy: Benchmark {
  /// `kernel-distance`
  public static let kind = BenchmarkKind.kernelDistance
  /// None: there are no images.
  public static let keys: [String] = []
  /// There are no images.
  public static let needsClasses = false

  /// The weights of every model.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    BenchmarkDefinition(kind: kind, name: manifest.name, layout: PictureLayout(root: ""), observed: .kernelDistance)
  }

  /// The mean over each kernel's channels by depth.
  public static func observationTally(of run: ObservedRun) -> (any Tally)? {
    ObservationTally(
      of: run, means: run.shape.variables.map(\.name),
      figures: figures)
  }

  private static func figures(_ tally: ObservationTally, _ seed: UInt64) -> [Metric] {
    let width = max(1, tally.lengths(of: "kernel_distance").last ?? 1)
    func byKernel(_ name: String) -> [Double] {
      let values = tally.means(of: name)
      return stride(from: 0, to: values.count, by: width).map { start in
        // Kernels of fewer channels end in NaN.
        let own = values[start..<(start + width)].filter { !$0.isNaN }
        return own.isEmpty ? .nan : own.reduce(0, +) / Double(own.count)
      }
    }
    let means = byKernel("kernel_distance")
    func curve(_ name: String, _ description: String, _ values: [Double], title: String, role: Metric.Figure.Role)
      -> Metric
    {
      Metric(
        name: name, description: description, axes: ["kernel"], values: values, figure: .init(title, role, .number))
    }
    return ObservationTally.headline(
      "mean_kernel_distance",
      "distance of weights from the middle, 0 to 1 at a corner, mean over kernels of their channels",
      means.reduce(0, +) / Double(means.count),
      figure: .init(
        "mean kernel distance", .headline, .number, extent: "over \(means.count) kernels",
        explanation:
          "of a tap 0 in the kernel's middle and 1 in its corner, weighted by the weights' magnitudes, small kernels and "
          + "normalisations merged in"))
      + [
        curve(
          "kernel_distance_by_kernel", "distance weighted by magnitude, mean over channels, of merged kernels", means,
          title: "kernel distance", role: .curve),
        curve(
          "raw_kernel_distance_by_kernel", "the same of the large kernel alone as the checkpoint holds it",
          byKernel("raw_kernel_distance"), title: "kernel distance, large kernel alone", role: .curve),
        curve(
          "summed_kernel_distance_by_kernel",
          "sum of distance times magnitude, mean over channels, of the large kernel alone",
          byKernel("raw_kernel_distance_sum"), title: "summed kernel distance", role: .data),
      ]
  }
}

extension BenchmarkKind {
  /// Weights of depthwise kernels.
  public static let kernelDistance = BenchmarkKind("kernel-distance")
}
