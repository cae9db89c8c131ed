extension Corruption {
  /// Salt and pepper, half each, of a share of all channel values.
  public static let impulseNoise = Corruption(
    "impulse_noise", .standard(alexNetError: 0.922640), levels: [0.03, 0.06, 0.09, 0.17, 0.27]
  ) { image, amount, supplies in image.withImpulseNoise(amount: amount, supplies.random) }
}
