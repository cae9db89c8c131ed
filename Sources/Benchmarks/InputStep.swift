import Imaging
import Tensors

/// One thing that is done to what a network is given: values in [0, 1], height x width x 3, at the network's size, after
/// all picture steps and before mean and standard deviation. It needs no more than the image's own values.
public enum InputStep: Sendable, Hashable, Codable {
  /// A wave of one frequency is added.
  case addWave(FourierWave)
  /// Noise of a band of frequencies is added.
  case addNoise(BandNoise)
}

extension InputStep {
  /// Changes an image's values. Random numbers are those of the run's seed, the image's path and what is done, as those of
  /// picture steps are.
  ///
  /// - Parameters:
  ///   - values: `[height][width][3]`, red first.
  ///   - size: columns and rows.
  ///   - path: the image's, as it is listed.
  public func apply(to values: inout [Float], size: PictureSize, at path: String, _ context: PictureContext) {
    switch self {
    case .addWave(let wave):
      wave.add(
        to: &values, height: size.height, width: size.width,
        random: context.random(at: path, "wave\t\(wave.row)\t\(wave.column)"))
    case .addNoise(let noise):
      noise.add(
        to: &values, height: size.height, width: size.width, std: context.preprocessing.std,
        random: context.random(at: path, "band noise"))
    }
  }
}
