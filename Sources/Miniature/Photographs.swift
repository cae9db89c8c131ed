import Dispatch
import Foundation
import Imaging
import Synchronization

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
    let batch = 40
    for first in stride(from: 0, to: count, by: batch) {
      progress(Double(first) / Double(count))
      let failure = Mutex<(any Error)?>(nil)
      DispatchQueue.concurrentPerform(iterations: min(batch, count - first)) { offset in
        let index = first + offset
        let path = "\(directory)/\(classes[index % classes.count])/\(String(format: "%08d", index + 1)).JPEG"
        do {
          let bytes = try JPEGEncoder.encode(photograph(index, seed: seed), quality: 95, subsampling: .halved)
          try Data(bytes).write(to: URL(fileURLWithPath: path))
        } catch let error as ImageError {
          failure.withLock { $0 = error }
        } catch {
          failure.withLock { $0 = MiniatureError.cannotWrite(path, reason: error.localizedDescription) }
        }
      }
      if let error = failure.withLock({ $0 }) { throw error }
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
