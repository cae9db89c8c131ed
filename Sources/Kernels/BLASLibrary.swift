import COpenBLAS

/// The OpenBLAS library that this program is linked with.
public enum BLASLibrary {
  /// Its version, such as `0.3.21`.
  public static var version: String {
    // `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...`
    let words = openblas_get_config().map { String(cString: $0) }?.split(separator: " ") ?? []
    return words.count > 1 ? String(words[1]) : "of an unknown version"
  }
}
