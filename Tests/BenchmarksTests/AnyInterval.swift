import Benchmarks

extension Bootstrap {
  /// The interval of any metric of the images at these places, some of them many times, as its definition has it.
  func interval(imageCount: Int, metric: ([Int]) -> Double) -> ConfidenceInterval {
    ConfidenceInterval(
      resampled: (0..<Self.resamples).map { metric(places(resample: $0, imageCount: imageCount)) })
  }
}
