/// An image of a shard that could not be evaluated, and why.
public struct ImageFailure: Sendable, Hashable, Codable {
  /// The image's place in the shard.
  public let offset: Int
  /// One sentence that names the file.
  public let reason: String
  private let unreadable: Bool?

  /// The file could not be read, which says nothing of the picture: another time it may be.
  public var isUnreadable: Bool { unreadable ?? false }

  /// A failure at a place of the shard.
  public init(offset: Int, reason: String, isUnreadable: Bool = false) {
    self.offset = offset
    self.reason = reason
    // Left out where it is not so, as in parts of former programs.
    unreadable = isUnreadable ? true : nil
  }
}
