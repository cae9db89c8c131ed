/// A tensor as a pickle of PyTorch describes it.
struct PickledTensor {
  let storage: String
  let elementType: ElementType
  /// In numbers.
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

/// Bytes that are no pickle of a state dict.
struct PickleError: Error {
  let reason: String
  /// What to do, where the file is whole but holds something else.
  var advice: String?

  /// The error of a file.
  func error(of file: String) -> CheckpointError {
    advice.map { .foreign(file: file, what: reason, advice: $0) } ?? .malformed(file: file, reason: reason)
  }
}

/// What a pickle builds; nothing of it can do anything.
enum PickleValue {
  case mark, nothing, opaque
  case bool(Bool)
  case integer(Int)
  case string(String)
  case tuple([PickleValue], depth: Int)
  case list(PickleContainer)
  case dictionary(PickleContainer)
  /// What an unknown callable would make; its class is the container's.
  case object(PickleContainer)
  case global(String)
  case storage(name: String, ElementType)
  /// Numbers in a storage that has no type of its own.
  case bytes(name: String)
  case tensor(PickledTensor)
  /// A tensor of a kind that is not read, in words.
  case foreignTensor(String)

  var depth: Int {
    if case .tuple(_, let depth) = self { depth } else { 0 }
  }

  /// The entries of a dictionary, or of an object that is filled like one.
  var entries: [(PickleValue, PickleValue)]? {
    switch self {
    case .dictionary(let container), .object(let container): container.items
    default: nil
    }
  }

  /// The entry of a name.
  subscript(name: String) -> PickleValue? {
    for case (.string(name), let value) in entries ?? [] { return value }
    return nil
  }

  /// An object's state, as Python keeps it in `__dict__`.
  var state: PickleValue? {
    if case .object(let object) = self { object.state } else { nil }
  }

  var text: String? {
    if case .string(let text) = self { text } else { nil }
  }
}

/// A list (keys unused), dictionary or object. A machine keeps all in one place, so that a nest of them is released
/// without recursion and a ring of them at all.
final class PickleContainer {
  var items: [(PickleValue, PickleValue)] = []
  /// Of an object, module and name.
  var className = ""
  /// Of an object.
  var state: PickleValue?
}
