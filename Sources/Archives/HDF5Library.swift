import CHDF5

/// The HDF5 library that this program is linked with.
public enum HDF5Library {
  /// Its version, such as `1.10.8`.
  public static var version: String {
    HDF5.exclusively {
      var numbers: (UInt32, UInt32, UInt32) = (0, 0, 0)
      guard H5get_libversion(&numbers.0, &numbers.1, &numbers.2) >= 0 else { return "of an unknown version" }
      return "\(numbers.0).\(numbers.1).\(numbers.2)"
    }
  }
}
