import CZeroMQ

/// The ZeroMQ library that this program is linked with.
public enum ZeroMQLibrary {
  /// Its version, such as `4.3.4`.
  public static var version: String {
    var numbers: (Int32, Int32, Int32) = (0, 0, 0)
    zmq_version(&numbers.0, &numbers.1, &numbers.2)
    return "\(numbers.0).\(numbers.1).\(numbers.2)"
  }

  /// Whether it encrypts.
  public static var hasCurve: Bool { zmq_has("curve") == 1 }
}
