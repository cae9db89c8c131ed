import Foundation
import Imaging

extension Miniature {
  /// Draws pictures of the size of ImageNet's photographs, 500 x 375, as JPEG in class folders: something to time the way
  /// from files to logits with. They are scenes of the miniature, and no part of the data set.
  ///
  /// - Parameters:
  ///   - directory: the folder, which is made with the folders above it; files in it are replaced.
  ///   - progress: called on the caller's thread with the finished share, 0 to 1.
  /// - Throws: `MiniatureError.cannotWrite`.
  public static func writePhotographs(
    to directory: String, count: Int, seed: UInt64, progress: (Double) -> Void
  ) throws {
    let classes = ObjectClass.names
    for name in classes { try DataSetFolder.make(directory + "/" + name) }
    try forEach(count, progress: progress) { index in
      let path = "\(directory)/\(classes[index % classes.count])/\(String(format: "%08d", index + 1)).JPEG"
      let picture = photograph(index, seed: seed)
      try DataSetFolder.write(JPEGEncoder.encode(picture, quality: 95, subsampling: .halved), to: path)
    }
    progress(1)
  }

  /// The middle of a square scene.
  private static func photograph(_ index: Int, seed: UInt64) -> RGBImage {
    let (width, height) = (500, 375)
    let square = scene(split: "photographs", index: index, seed: seed).render(side: width)
    let start = (width - height) / 2 * width * 3
    return RGBImage(
      width: width, height: height, pixels: Array(square.pixels[start..<start + height * width * 3]))
  }
}
