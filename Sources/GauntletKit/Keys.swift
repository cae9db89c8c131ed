import Messaging

/// The CURVE keys of coordinators and workers.
public enum Keys {
  /// Makes a coordinator's and its workers' in a folder of its own.
  ///
  /// - Returns: the bundle's file, for workers that do not read the run folder.
  /// - Throws: `Misuse` where the folder holds keys.
  public static func make(in folder: String) throws -> String {
    let store = KeyStore(folder: folder)
    if store.exists {
      throw Misuse("\(folder) already holds keys; choose another folder, or remove this one to revoke them")
    }
    try store.create()
    return store.bundlePath
  }

  /// Makes another pair for workers, which the coordinator lets in from now on.
  ///
  /// - Returns: the bundle's file.
  public static func add(_ name: String, to folder: String) throws -> String {
    try KeyStore(folder: folder).add(name)
  }
}
