import Crypto
import Foundation

/// Indexes of large archives on disk, so that an archive's headers, which lie all over it, are read once and not by every
/// process anew: in `$XDG_CACHE_HOME/gauntlet/tar`, or `~/.cache/gauntlet/tar`.
///
/// A file is believed if its digest matches and it was made of this archive, of this length and date. An archive that was
/// changed in these seconds is not kept: it could change again with the same date, where the file system's are coarse. A
/// folder that cannot be written costs the saving, nothing else.
package struct TarIndexCache: Sendable {
  /// What an index was made of.
  struct Subject: Sendable, Equatable {
    let archive: String
    let byteCount: Int64
    let seconds: Int
    let nanoseconds: Int
  }

  private static let format = "gauntlet tar index 2"
  /// Seconds after which an archive's next change has another date on every file system.
  private static let settled = 3
  /// The smallest archive whose index is kept, files; smaller ones are read again in no time.
  let smallest: Int
  private let folder: String

  /// The cache in a folder, which is made when there is something to keep.
  package init(folder: String, smallest: Int) {
    self.folder = folder
    self.smallest = smallest
  }

  /// The user's cache.
  static var ofUser: TarIndexCache {
    let environment = ProcessInfo.processInfo.environment
    let base = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? NSHomeDirectory() + "/.cache"
    return TarIndexCache(folder: base + "/gauntlet/tar", smallest: 1_000)
  }

  /// The kept index of an archive; nil where there is none, or none that is to be believed.
  func index(of subject: Subject) -> TarIndex? {
    guard let data = FileManager.default.contents(atPath: path(of: subject)) else { return nil }
    let body = [UInt8](data.dropLast(Self.sealBytes))
    guard Data(data.suffix(Self.sealBytes)) == Self.seal(body) else { return nil }
    var lines = body.split(separator: 10, omittingEmptySubsequences: false).makeIterator()
    guard lines.next().map({ String(decoding: $0, as: UTF8.self) }) == Self.header(subject) else { return nil }
    var index = TarIndex()
    while let line = lines.next(), !line.isEmpty {
      if line.starts(with: Self.unreadMark.utf8) {
        let parts = line.dropFirst(Self.unreadMark.utf8.count).split(separator: 9, maxSplits: 1)
        guard parts.count == 2 else { return nil }
        index.leaveOut(String(decoding: parts[1], as: UTF8.self), String(decoding: parts[0], as: UTF8.self))
        continue
      }
      let fields = line.split(separator: 32, maxSplits: 2)
      guard fields.count == 3, let offset = UInt64(String(decoding: fields[0], as: UTF8.self)),
        let byteCount = UInt64(String(decoding: fields[1], as: UTF8.self))
      else { return nil }
      index.add(String(decoding: fields[2], as: UTF8.self), TarIndex.Entry(offset: offset, byteCount: byteCount))
    }
    return index
  }

  /// Keeps an index, if it is worth it and can be written.
  func keep(_ index: TarIndex, of subject: Subject) {
    guard subject.seconds + Self.settled <= time(nil), index.files.count >= smallest,
      !index.files.keys.contains(where: { $0.text.utf8.contains(10) }),
      !index.unread.contains(where: { $0.key.text.utf8.contains(10) || $0.value.utf8.contains { $0 == 9 || $0 == 10 } })
    else { return }
    var body = Array((Self.header(subject) + "\n").utf8)
    for (name, entry) in index.files { body += "\(entry.offset) \(entry.byteCount) \(name)\n".utf8 }
    for (name, reason) in index.unread { body += "\(Self.unreadMark)\(reason)\t\(name)\n".utf8 }
    let target = path(of: subject)
    let draft = "\(target).\(UUID().uuidString)"
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let isWritten = FileManager.default.createFile(
      atPath: draft, contents: Data(body) + Self.seal(body), attributes: [.posixPermissions: 0o600])
    if !isWritten || rename(draft, target) != 0 { try? FileManager.default.removeItem(atPath: draft) }
  }

  private static func header(_ subject: Subject) -> String {
    let archive = subject.archive.replacing("\n", with: "\\n")
    return "\(format) \(subject.byteCount) \(subject.seconds).\(subject.nanoseconds) \(archive)"
  }

  private static let sealBytes = 65
  /// What starts the line of an entry that is no file.
  private static let unreadMark = "- "

  /// SHA-256 in hexadecimal digits, and a newline.
  private static func seal(_ body: [UInt8]) -> Data { Data((hexadecimal(SHA256.hash(data: body)) + "\n").utf8) }

  private func path(of subject: Subject) -> String {
    folder + "/" + Self.hexadecimal(SHA256.hash(data: Data(subject.archive.utf8))) + ".index"
  }

  private static func hexadecimal(_ digest: SHA256Digest) -> String {
    digest.map { String(format: "%02x", $0) }.joined()
  }
}
