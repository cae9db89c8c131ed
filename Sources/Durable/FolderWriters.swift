import Foundation

/// Who else than its owner may put files into a folder.
public enum FolderWriters: Sendable, Equatable {
  /// Nobody: the owner is this user, or the administrator where this user is not.
  case nobody
  /// Everyone on this machine.
  case everyone
  /// A group, by its name.
  case group(String)
  /// Its owner, by their name.
  case owner(String)

  /// Who may write a folder; where it is not there, nobody.
  ///
  /// A group of this user alone, which has the user's name as Debian and Red Hat make it, is nobody else, and neither is one
  /// that this machine does not know, which a volume of Kubernetes has.
  public init(of path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .nobody
      return
    }
    let user = geteuid()
    // The administrator may be anyone's guest: in a container all of a user's folders belong to another.
    if user != 0, status.st_uid != user, status.st_uid != 0 {
      self = .owner(Self.name(of: status.st_uid))
    } else if status.st_mode & 0o002 != 0 {
      self = .everyone
    } else if status.st_mode & 0o020 != 0, let group = Self.group(status.st_gid), group != Self.name(of: user),
      group != Self.name(of: status.st_uid)
    {
      self = .group(group)
    } else {
      self = .nobody
    }
  }

  /// In words: `everyone`, `the group physics`, `anna`; nil where it is nobody.
  public var words: String? {
    switch self {
    case .nobody: nil
    case .everyone: "everyone"
    case .group(let name): "the group \(name)"
    case .owner(let name): name
    }
  }

  private static func name(of user: uid_t) -> String {
    getpwuid(user).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? "user \(user)"
  }

  private static func group(_ group: gid_t) -> String? {
    getgrgid(group).flatMap { $0.pointee.gr_name }.map { String(cString: $0) }
  }
}
