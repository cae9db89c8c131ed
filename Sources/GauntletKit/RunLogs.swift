import Durable
import Foundation
import Planning

/// The logs of what a run has started: of its workers here, of a coordinator in the background, of jobs.
public struct RunLogs: Sendable {
  /// The end of a log.
  public struct Tail: Sendable {
    /// The file's name.
    public let name: String
    /// The file.
    public let path: String
    /// Its last lines, as text that acts on no terminal.
    public let lines: [String]
    /// When it was written last.
    public let changed: Date
  }

  /// Bytes of a file's end that are looked at.
  private static let endBytes = 1 << 20
  private let folder: RunFolder

  /// The logs of the run in a folder.
  ///
  /// - Throws: `RunFolderError` where it holds none.
  public init(_ path: String) throws {
    folder = RunFolder(path)
    try folder.requirePlan()
  }

  /// The ends of the logs, the one that was written last at the end.
  ///
  /// - Parameters:
  ///   - name: of files whose names hold it; nil: of all.
  ///   - count: lines of each.
  /// - Throws: `FileError` where one cannot be read.
  public func tails(_ name: String? = nil, lines count: Int) throws -> [Tail] {
    guard FileManager.default.fileExists(atPath: folder.logs) else { return [] }
    guard let all = try? FileManager.default.contentsOfDirectory(atPath: folder.logs) else {
      throw FileError("read", folder.logs)
    }
    let names = all.filter { file in name.map { file.contains($0) } ?? true }
    return try names.sorted().compactMap { try tail(of: $0, count) }.sorted { $0.changed < $1.changed }
  }

  private func tail(of name: String, _ count: Int) throws -> Tail? {
    let path = folder.logs + "/" + name
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard attributes?[.type] as? FileAttributeType == .typeRegular else { return nil }
    guard let handle = FileHandle(forReadingAtPath: path) else { throw FileError("read", path) }
    defer { try? handle.close() }
    let data: Data
    do {
      let size = try handle.seekToEnd()
      try handle.seek(toOffset: size > UInt64(Self.endBytes) ? size - UInt64(Self.endBytes) : 0)
      // Nothing at all is the end of an empty file.
      data = try handle.read(upToCount: Self.endBytes) ?? Data()
    } catch { throw FileError("read", path) }
    var lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return Tail(
      name: name, path: path, lines: lines.suffix(max(0, count)).map { String($0).plain },
      changed: attributes?[.modificationDate] as? Date ?? .distantPast)
  }
}
