import Synchronization

/// How many passes of an image through a network a shard has taken so far. Any thread may ask while another one counts.
public final class PassCounter: Sendable {
  private let count = Atomic<UInt64>(0)

  /// No pass yet.
  public init() {}

  /// Passes so far.
  public var value: UInt64 { count.load(ordering: .relaxed) }

  /// So many more.
  public func add(_ passes: Int) { count.wrappingAdd(UInt64(max(0, passes)), ordering: .relaxed) }
}
