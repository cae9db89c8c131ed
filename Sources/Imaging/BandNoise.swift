import Tensors

/// Random noise of a band of frequencies, added to a picture's values.
///
/// After the code of Park and Kim, "How Do Vision Transformers Work?" (ICLR 2022): white noise, e sign(n) with n of the
/// standard normal distribution for each number, of which the band is kept. All bands of an image are parts of one noise.
public struct BandNoise: Sendable, Hashable, Codable {
  /// How noise is made.
  public struct Making: Sendable, Hashable, Codable {
    /// What the strength is in units of.
    public enum Domain: String, Sendable, Hashable, Codable, CaseIterable {
      /// Values in [0, 1].
      case pixels
      /// Values after mean and standard deviation, as the authors' code adds it.
      case normalised
    }

    /// What strength a band has.
    public enum Energy: String, Sendable, Hashable, Codable, CaseIterable {
      /// What the band has of the white noise: the more, the more frequencies it has.
      case drawn
      /// The root mean square over the image is the white noise's over the root of 11, for each of the eleven bands.
      case equal
    }

    /// The white noise's strength.
    public let epsilon: Double
    /// What it is in units of.
    public let domain: Domain
    /// Which frequencies a band has.
    public let mask: FrequencyBand.Mask
    /// What strength a band has.
    public let energy: Energy
    /// Whether the white noise is e sign(n), or e n.
    public let isSign: Bool
    /// Whether sums are clipped to [0, 1].
    public let clips: Bool

    /// A way to make noise.
    public init(
      epsilon: Double, domain: Domain = .pixels, mask: FrequencyBand.Mask = .symmetric, energy: Energy = .drawn,
      isSign: Bool = true, clips: Bool = true
    ) {
      (self.epsilon, self.domain, self.mask, self.energy) = (epsilon, domain, mask, energy)
      (self.isSign, self.clips) = (isSign, clips)
    }
  }

  /// The band.
  public let band: FrequencyBand
  /// How noise is made.
  public let making: Making

  /// Noise of a band.
  public init(band: FrequencyBand, making: Making) {
    (self.band, self.making) = (band, making)
  }

  /// The noise of a picture's three channels, `[height][width]` each, in the making's units.
  public func noise(height: Int, width: Int, random: CounterRandom) -> [[Double]] {
    let count = height * width
    let normals = Raster.normal(width: width, height: 3 * height, mean: 0, deviation: 1, random).values
    func white(_ channel: Int) -> [Double] {
      normals[channel * count..<(channel + 1) * count].map { number in
        making.epsilon * (making.isSign ? number > 0 ? 1 : number < 0 ? -1 : 0 : Double(number))
      }
    }
    let channels = band.parts(of: (0..<3).map(white), height: height, width: width, mask: making.mask)
    guard making.energy == .equal else { return channels }
    let energy = channels.joined().reduce(0) { $0 + $1 * $1 } / Double(3 * count)
    // A small picture's lowest band may hold no frequency.
    guard energy > 0 else { return channels }
    let factor = making.epsilon / (energy * Double(FrequencyBand.count)).squareRoot()
    return channels.map { $0.map { $0 * factor } }
  }

  /// Adds the noise to values in [0, 1], `[height][width][3]`.
  ///
  /// - Parameter std: what the network's preprocessing divides each channel by.
  public func add(to values: inout [Float], height: Int, width: Int, std: [Float], random: CounterRandom) {
    precondition(values.count == height * width * 3 && std.count == 3, "values of another size")
    for (channel, noise) in self.noise(height: height, width: width, random: random).enumerated() {
      let factor = making.domain == .normalised ? Double(std[channel]) : 1
      for (pixel, number) in noise.enumerated() {
        let value = Float(Double(values[3 * pixel + channel]) + factor * number)
        values[3 * pixel + channel] = making.clips ? min(max(value, 0), 1) : value
      }
    }
  }
}
