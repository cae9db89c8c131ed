import Durable
import Foundation
import Imaging
import Networks

/// How pictures are prepared for weights of timm's, as the `config.json` beside them says, which the Hugging Face hub keeps with
/// each checkpoint: its `pretrained_cfg`.
///
/// Source of the rules: timm 1.0's `resolve_data_config` and `create_transform`: the shorter side becomes the crop's divided by
/// `crop_pct`, rounded down.
struct PretrainedConfiguration: Equatable {
  /// The file.
  let path: String
  /// The side of the images in pixels.
  let side: Int
  /// What is done to pictures.
  let preprocessing: Preprocessing

  private struct File: Decodable {
    let pretrained_cfg: Content?
    let architecture: String?
  }

  private struct Content: Decodable {
    let input_size: [Int]?
    let crop_pct: Double?
    let crop_mode: String?
    let interpolation: String?
    let mean: [Float]?
    let std: [Float]?
  }

  /// The largest file that is read, bytes.
  private static let maximumBytes = 1 << 20

  /// What lies beside a checkpoint; nil where nothing does that says how pictures are prepared.
  ///
  /// - Throws: `PretrainedConfigurationError` for one that says something that is not done here.
  init?(beside checkpoint: String) throws(PretrainedConfigurationError) {
    let path = URL(fileURLWithPath: checkpoint).deletingLastPathComponent().appendingPathComponent("config.json").path
    guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? handle.close() }
    guard let data = try? handle.read(upToCount: Self.maximumBytes),
      let content = (try? JSONDecoder().decode(File.self, from: data))?.pretrained_cfg
    else { return nil }
    // One without any of these says nothing of pictures.
    guard let size = content.input_size, size.count == 3, let side = size.last, size[1] == side, side > 0, side <= 4096,
      size[0] == 3
    else { return nil }
    func refused(_ key: String, _ found: String) -> PretrainedConfigurationError {
      PretrainedConfigurationError(path: path, key: key, found: found)
    }
    let share = content.crop_pct ?? 0.875
    guard share > 0, share <= 1 else { throw refused("crop_pct", "\(share)") }
    if let mode = content.crop_mode, mode != "center" { throw refused("crop_mode", mode) }
    guard let interpolation = Interpolation(rawValue: content.interpolation ?? "bilinear") else {
      throw refused("interpolation", content.interpolation ?? "")
    }
    let (mean, std) = (
      content.mean ?? ImageStatistics.imageNetMean, content.std ?? ImageStatistics.imageNetStandardDeviation
    )
    guard mean.count == 3, mean.allSatisfy(\.isFinite) else { throw refused("mean", "\(mean)") }
    guard std.count == 3, std.allSatisfy({ $0.isFinite && $0 > 0 }) else { throw refused("std", "\(std)") }
    (self.path, self.side) = (path, side)
    preprocessing = Preprocessing(
      resize: Int((Double(side) / share).rounded(.down)), crop: side, interpolation: interpolation, mean: mean, std: std
    )
  }
}

/// A `config.json` beside a checkpoint asks for what is not done here.
struct PretrainedConfigurationError: Error, CustomStringConvertible {
  let path: String
  let key: String
  let found: String

  var description: String {
    "\(path.plain) has \(key) \(found.plain(atMost: 60)), which is not supported; give the model a preprocess key, or remove the file"
  }
}
