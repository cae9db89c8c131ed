import Foundation

/// How many files, sockets included, this process may have open at once.
public enum OpenFiles {
  /// No limit that is raised goes beyond it: some systems allow a thousand million, and some libraries keep a table.
  private static let most: rlim_t = 1 << 20

  /// The limit as it is now.
  public static var limit: Int {
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return 1_024 }
    return Int(min(limit.rlim_cur, most))
  }

  /// Raises the limit as far as the system lets every user: many allow a process 1,024 unless it asks for more.
  public static func raiseLimit() {
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, most))
    _ = setrlimit(resource, &limit)
  }

  private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
}
