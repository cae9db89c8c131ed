/// The control groups that a process is in, of version 2 and of version 1: containers, Slurm and Kubernetes set their
/// limits there.
///
/// A group is held to its own limits and to those of all groups above it, so that the least counts. See `cgroups(7)`.
struct ControlGroups: Sendable {
  /// A hierarchy as it is mounted, and the process's place in it.
  private struct Hierarchy: Sendable {
    let isVersion2: Bool
    let controllers: Set<Substring>
    /// The process's own folder, the one above it, and so on up to the mount.
    let folders: [String]
  }

  private let hierarchies: [Hierarchy]

  /// Those of this process, from `/proc/self/cgroup` and `/proc/self/mountinfo`; none where they tell nothing.
  init(read: (String) -> String?) {
    let mounts = (read("/proc/self/mountinfo") ?? "").split(separator: "\n").compactMap { Mount($0) }
    hierarchies = (read("/proc/self/cgroup") ?? "").split(separator: "\n").compactMap { line in
      // NUMBER:CONTROLLERS:PATH; version 2 has number 0 and no controllers.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      let controllers = Set(parts[1].split(separator: ","))
      let isVersion2 = parts[0] == "0" && controllers.isEmpty
      let candidates = mounts.filter {
        isVersion2 ? $0.kind == "cgroup2" : $0.kind == "cgroup" && controllers.isSubset(of: $0.options)
      }
      guard !controllers.isEmpty || isVersion2,
        let folders = candidates.lazy.compactMap({ $0.folders(to: String(parts[2])) }).first
          ?? candidates.first.map({
            [$0.point]
          })
      else { return nil }
      return Hierarchy(isVersion2: isVersion2, controllers: controllers, folders: folders)
    }
  }

  /// Processors that the quotas pay for, a part of one counted as one; nil where there is no quota.
  func processors(_ read: (String) -> String?) -> Int? {
    least("cpu") { hierarchy, folder in
      let words =
        hierarchy.isVersion2
        ? (read(folder + "/cpu.max") ?? "").split { $0.isWhitespace }
        : ["cpu.cfs_quota_us", "cpu.cfs_period_us"].flatMap {
          (read(folder + "/" + $0) ?? "").split { $0.isWhitespace }
        }
      // "max" and -1 stand for no quota.
      guard words.count == 2, let quota = Int(words[0]), let period = Int(words[1]), quota > 0, period > 0 else {
        return []
      }
      return [(quota - 1) / period + 1]
    }
  }

  /// Bytes; nil where there is no limit.
  func memory(_ read: (String) -> String?) -> Int? {
    least("memory") { hierarchy, folder in
      let files = hierarchy.isVersion2 ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"]
      return files.compactMap { read(folder + "/" + $0)?.split { $0.isWhitespace }.first.flatMap { Int($0) } }
        .filter { $0 > 0 }
    }
  }

  private func least(_ controller: Substring, _ limits: (Hierarchy, String) -> [Int]) -> Int? {
    hierarchies.filter { $0.isVersion2 || $0.controllers.contains(controller) }
      .flatMap { hierarchy in hierarchy.folders.flatMap { limits(hierarchy, $0) } }.min()
  }

  /// A line of `/proc/self/mountinfo`, see `proc(5)`.
  private struct Mount {
    let root: String
    let point: String
    let kind: Substring
    let options: Set<Substring>

    init?(_ line: Substring) {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { return nil }
      root = Self.unescaped(fields[3])
      point = Self.unescaped(fields[4])
      kind = fields[dash + 1]
      options = Set(fields[dash + 3].split(separator: ","))
    }

    /// The folders from a group's to the mount's own; nil where the mount does not show the group.
    func folders(to path: String) -> [String]? {
      let root = root == "/" ? "" : root
      guard path == root || path.hasPrefix(root + "/") else { return nil }
      var parts = path.dropFirst(root.count).split(separator: "/")
      // A group outside the namespace's root is told by dots, which lead nowhere here.
      guard !parts.contains("..") else { return nil }
      var folders: [String] = []
      while !parts.isEmpty {
        folders.append(point + "/" + parts.joined(separator: "/"))
        parts.removeLast()
      }
      return folders + [point]
    }

    /// A space in a path is written \040.
    private static func unescaped(_ text: Substring) -> String {
      var bytes: [UInt8] = []
      var rest = text.utf8[...]
      while let byte = rest.first {
        if byte == UInt8(ascii: "\\"),
          let code = UInt8(String(decoding: rest.dropFirst().prefix(3), as: UTF8.self), radix: 8)
        {
          bytes.append(code)
          rest = rest.dropFirst(4)
        } else {
          bytes.append(byte)
          rest = rest.dropFirst()
        }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
