import Foundation
import Imaging
import TestSupport

/// A folder of one test, removed with it, that holds a small data set and a file to pose as a checkpoint.
final class Workspace {
  let path = ScratchFolder.freshPath()

  init() throws {
    try writeHead(classes: 2)
    // The first fields of an ONNX model, and no more.
    try write("\u{8}\u{8}\u{12}\u{7}py", to: "cut.onnx")
    try write(String(repeating: "no archive ", count: 100), to: "no.tar")
    try write(String(repeating: "no archive ", count: 100), to: "cut/weather.tar")
    try write(String(repeating: "\0", count: 1024), to: "empty-0.tar")
    for name in ["apple", "pear"] {
      for image in 0..<5 { try draw(64 + image, 48, to: "val/\(name)/\(image).JPEG") }
    }
    for severity in 1...2 {
      for image in 0..<5 { try draw(64, 64, to: "c/weather/fog/\(severity)/apple/\(image).JPEG") }
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// A picture of one colour.
  func draw(_ width: Int, _ height: Int, to name: String) throws {
    let grey = [UInt8](repeating: 90, count: width * height * 3)
    try write(
      Data(JPEGEncoder.encode(RGBImage(width: width, height: height, pixels: grey), quality: 75)), to: name)
  }

  func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

  private func write(_ data: Data, to name: String) throws {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try data.write(to: URL(fileURLWithPath: file))
  }

  /// A checkpoint's head, from which its class count is told, and nothing else.
  func writeHead(classes: Int, tensor: String = "head.bias", to name: String = "nano.safetensors") throws {
    let header = #"{"\#(tensor)":{"dtype":"F32","shape":[\#(classes)],"data_offsets":[0,\#(4 * classes)]}}"#
    var data = Data()
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
    data += Data(header.utf8) + Data(count: 4 * classes)
    try write(data, to: name)
  }

  static let manifest = """
    run: small
    seed: 7
    models:
      - name: nano
        architecture: replknet-nano
        checkpoint: nano.safetensors
    benchmarks:
      - kind: imagenet-val
        root: val
      - kind: imagenet-c
        root: c
        corruptions: [fog]
        severities: [1, 2]
        scored: false
    sharding: {images: 4, lease: 2m}
    """
}
