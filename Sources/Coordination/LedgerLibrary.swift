import GRDB

/// The SQLite library that this program is linked with.
public enum LedgerLibrary {
  /// Its version, such as `3.40.1`.
  public static var version: String {
    let found = try? DatabaseQueue().read { try String.fetchOne($0, sql: "SELECT sqlite_version()") }
    return found.flatMap { $0 } ?? "of an unknown version"
  }
}
