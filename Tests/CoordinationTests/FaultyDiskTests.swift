import Testing

/// Tests on the one disk that `CFaultyDisk` is: one after the other.
@Suite(.serialized) enum FaultyDiskTests {}
