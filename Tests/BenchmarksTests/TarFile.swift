import Foundation

/// Writes tar archives block by block.
enum TarFile {
  private static func header(
    _ name: String, size: String, type: Character, prefix: String = "", target: String = ""
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put(name, 0)
    put(size, 124)
    put(String(type), 156)
    put(target, 157)
    put("ustar\0" + "00", 257)
    put(prefix, 345)
    put("        ", 148)
    let sum = block.reduce(0) { $0 + Int($1) }
    put(String(sum, radix: 8), 148)
    block[148 + String(sum, radix: 8).count] = 0
    return block
  }

  /// A file's header and contents.
  static func member(_ name: String, _ text: String, type: Character = "0", prefix: String = "") -> [UInt8] {
    let bytes = [UInt8](text.utf8)
    return header(name, size: String(bytes.count, radix: 8), type: type, prefix: prefix) + bytes
      + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
  }

  /// A link's header: symbolic, or hard of type 1.
  static func link(_ name: String, to target: String, type: Character = "2") -> [UInt8] {
    header(name, size: "0", type: type, target: target)
  }

  /// Writes members and the archive's end; gives the path.
  static func write(_ members: [[UInt8]], to path: String) throws -> String {
    try Data(members.flatMap { $0 } + [UInt8](repeating: 0, count: 1024)).write(to: URL(fileURLWithPath: path))
    return path
  }
}
