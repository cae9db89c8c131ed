/// Reads Python's pickle protocols 2 to 5, as `torch.save` uses them.
///
/// A pickle is a program; here it only ever builds inert values. Tensors and ordered dictionaries are known by name;
/// whatever else it would call becomes a value without a meaning.
struct Unpickler {
  /// The state dict in a pickle.
  static func stateDict(in bytes: [UInt8]) throws(PickleError) -> StateDict {
    var machine = Unpickler(bytes: bytes)
    let result: StateDict
    do {
      result = try StateDict(of: machine.run())
    } catch {
      machine.release()
      throw error
    }
    machine.release()
    return result
  }

  /// What stands at the front of a file of `torch.save` from before version 1.6.
  struct LegacyFront {
    let state: StateDict
    /// In the order in which their numbers follow.
    let storages: [(key: String, elementType: ElementType)]
    /// The byte behind the last pickle.
    let end: Int
  }

  /// Five pickles one after the other: a number that marks the format, its version, the machine, the state dict, and the
  /// storages' keys.
  static func legacyFront(of bytes: [UInt8]) throws(PickleError) -> LegacyFront {
    var machine = Unpickler(bytes: bytes)
    let result: LegacyFront
    do {
      result = try machine.legacyFront()
    } catch {
      machine.release()
      throw error
    }
    machine.release()
    return result
  }

  private mutating func legacyFront() throws(PickleError) -> LegacyFront {
    _ = try runAlone()
    guard case .integer(1001) = try runAlone() else { throw PickleError(reason: "its format version is unsupported") }
    guard case .dictionary(let machine) = try runAlone() else { throw nonsense }
    for (key, value) in machine.items {
      if case .string("little_endian") = key, case .bool(false) = value {
        throw PickleError(reason: "its numbers are big-endian")
      }
    }
    // A whole model is refused at once; what else is wrong may be that the pickles are not all there.
    let state = try StateDict(of: runAlone())
    guard case .list(let keys) = try runAlone() else { throw nonsense }
    var storages: [(String, ElementType)] = []
    for (_, key) in keys.items {
      guard case .string(let key) = key, let type = types[key] else {
        throw PickleError(reason: "it has a storage of an unknown type")
      }
      storages.append((key, type))
    }
    return LegacyFront(state: state, storages: storages, end: position)
  }

  /// The next pickle, which shares nothing with those before it.
  private mutating func runAlone() throws(PickleError) -> Value {
    stack = []
    memo = [:]
    return try run()
  }

  private typealias Value = PickleValue
  private typealias Container = PickleContainer

  private let bytes: [UInt8]
  private var position = 0
  private var stack: [Value] = []
  private var memo: [Int: Value] = [:]
  private var containers: [Container] = []
  /// Of the storages seen so far, by key.
  private var types: [String: ElementType] = [:]

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func release() {
    for container in containers {
      container.items = []
      container.state = nil
    }
  }

  private mutating func run() throws(PickleError) -> Value {
    while true {
      let code = try byte()
      if code == 0x2E { return try pop() }
      try execute(code)
    }
  }

  private mutating func execute(_ code: UInt8) throws(PickleError) {
    switch code {
    case 0x80: _ = try byte()  // PROTO
    case 0x95: _ = try number(8)  // FRAME
    case 0x28: stack.append(.mark)
    case 0x30: _ = try pop()
    case 0x31: _ = try popToMark()
    case 0x32: stack.append(try top())
    case 0x4E: stack.append(.nothing)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case 0x4B: stack.append(.integer(try number(1)))
    case 0x4D: stack.append(.integer(try number(2)))
    case 0x4A: stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
    case 0x8A: stack.append(try long(try number(1)))
    case 0x8B: stack.append(try long(try number(4)))
    case 0x47:  // BINFLOAT
      try skip(8)
    case 0x58: stack.append(.string(try text(try number(4))))
    case 0x8C, 0x55: stack.append(.string(try text(try number(1))))
    case 0x54: stack.append(.string(try text(try number(4))))
    case 0x8D: stack.append(.string(try text(try number(8))))
    case 0x43: try skip(try number(1))  // SHORT_BINBYTES
    case 0x42: try skip(try number(4))  // BINBYTES
    case 0x8E, 0x96: try skip(try number(8))  // BINBYTES8, BYTEARRAY8
    case 0x7D: stack.append(.dictionary(container()))
    case 0x5D: stack.append(.list(container()))
    case 0x29: stack.append(.tuple([], depth: 1))
    case 0x85: try tuple(of: 1)
    case 0x86: try tuple(of: 2)
    case 0x87: try tuple(of: 3)
    case 0x74:
      let items = try popToMark()
      try pushTuple(items)
    case 0x71: memo[try number(1)] = try top()
    case 0x72: memo[try number(4)] = try top()
    case 0x94: memo[memo.count] = try top()
    case 0x68: try recall(try number(1))
    case 0x6A: try recall(try number(4))
    default: try executeObjects(code)
    }
  }

  private mutating func executeObjects(_ code: UInt8) throws(PickleError) {
    switch code {
    case 0x63: stack.append(.global(try line() + " " + line()))  // GLOBAL
    case 0x93:  // STACK_GLOBAL
      let name = try pop()
      let module = try pop()
      guard case .string(let name) = name, case .string(let module) = module else { throw nonsense }
      stack.append(.global(module + " " + name))
    case 0x51:  // BINPERSID
      let identifier = try pop()
      stack.append(try persistent(identifier))
    case 0x52:  // REDUCE
      let arguments = try pop()
      stack.append(reduced(try pop(), arguments))
    case 0x81:  // NEWOBJ
      _ = try pop()
      stack.append(object(of: try pop()))
    case 0x92:  // NEWOBJ_EX
      _ = try pop()
      _ = try pop()
      stack.append(object(of: try pop()))
    case 0x62:  // BUILD
      let state = try pop()
      try build(state)
    case 0x8F: stack.append(.opaque)  // EMPTY_SET
    case 0x90: _ = try popToMark()  // ADDITEMS, to a set
    case 0x91:  // FROZENSET
      _ = try popToMark()
      stack.append(.opaque)
    // The items are taken before the call: a method that does not mutate would see the stack as it was.
    case 0x61:
      let item = try pop()
      try extendList([item])
    case 0x65:
      let items = try popToMark()
      try extendList(items)
    case 0x73:
      let value = try pop()
      let key = try pop()
      try setItems([key, value])
    case 0x75:
      let items = try popToMark()
      try setItems(items)
    default: throw PickleError(reason: "its pickle has the opcode \(code), which no state dict needs")
    }
  }

  private mutating func reduced(_ callable: Value, _ arguments: Value) -> Value {
    guard case .global(let name) = callable, case .tuple(let arguments, _) = arguments else { return .opaque }
    switch name {
    case "collections OrderedDict": return ordered(arguments)
    case "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v3":
      return tensor(arguments)
    case "torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state":
      return arguments.first ?? .opaque
    case "torch._tensor _rebuild_from_type_v2", "torch._tensor _rebuild_from_type":
      // The function, the class, the arguments: a tensor with attributes of its own.
      guard arguments.count >= 3, case .tuple = arguments[2] else { return .opaque }
      if case .global(let inner) = arguments[0], inner.hasPrefix("torch._tensor ") { return .opaque }
      return reduced(arguments[0], arguments[2])
    case _ where name.hasPrefix("torch._utils _rebuild_"):
      return .foreignTensor("a tensor made by \(name.dropFirst("torch._utils ".count))")
    case "copyreg _reconstructor", "copy_reg _reconstructor": return object(of: arguments.first ?? .opaque)
    case "__builtin__ set", "builtins set", "__builtin__ frozenset", "builtins frozenset": return .opaque
    default: return object(of: callable)
    }
  }

  /// An ordered dictionary; Python 2 gives its entries as pairs.
  private mutating func ordered(_ arguments: [Value]) -> Value {
    let container = container()
    if case .list(let pairs)? = arguments.first {
      for (_, pair) in pairs.items {
        switch pair {
        case .list(let two) where two.items.count == 2: container.items.append((two.items[0].1, two.items[1].1))
        case .tuple(let two, _) where two.count == 2: container.items.append((two[0], two[1]))
        default: return .opaque
        }
      }
    }
    return .dictionary(container)
  }

  /// What an instance of a class becomes: a thing with entries and a state, and no code.
  private mutating func object(of type: Value) -> Value {
    guard case .global(let name) = type else { return .opaque }
    for kind in ["DTensor", "ShardedTensor", "QTensor"] where name.hasSuffix(kind) {
      return .foreignTensor("a part of a distributed or packed tensor (\(kind)); gather it before saving")
    }
    let container = container()
    container.className = name
    return .object(container)
  }

  private func build(_ state: Value) throws(PickleError) {
    guard case .object(let object) = try top() else { return }
    // With slots the state is a pair.
    if case .tuple(let parts, _) = state {
      object.state = parts.first { $0.entries != nil }
    } else {
      object.state = state
    }
  }

  private func tensor(_ arguments: [Value]) -> Value {
    guard arguments.count >= 4, case .integer(let offset) = arguments[1], let shape = integers(arguments[2]),
      let strides = integers(arguments[3])
    else { return .opaque }
    switch arguments[0] {
    case .storage(let name, let type):
      return .tensor(PickledTensor(storage: name, elementType: type, offset: offset, shape: shape, strides: strides))
    case .bytes(let name):
      // Since version 3 the type stands last but for what else belongs to the tensor.
      guard arguments.count >= 7, case .global(let word) = arguments[6] else { return .opaque }
      guard let type = Self.types[word] else { return .foreignTensor("of type \(word.replacing(" ", with: "."))") }
      return .tensor(PickledTensor(storage: name, elementType: type, offset: offset, shape: shape, strides: strides))
    case .foreignTensor: return arguments[0]
    default: return .opaque
    }
  }

  private func integers(_ value: Value) -> [Int]? {
    guard case .tuple(let items, _) = value else { return nil }
    var numbers: [Int] = []
    for item in items {
      guard case .integer(let number) = item else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  private static let storageTypes: [String: ElementType] = [
    "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16,
    "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8,
    "ByteStorage": .uint8, "BoolStorage": .bool,
  ]
  private static let types: [String: ElementType] = [
    "torch float64": .float64, "torch float32": .float32, "torch float16": .float16, "torch bfloat16": .bfloat16,
    "torch int64": .int64, "torch int32": .int32, "torch int16": .int16, "torch int8": .int8, "torch uint8": .uint8,
    "torch bool": .bool,
  ]

  /// ("storage", torch.FloatStorage, key, device, count).
  private mutating func persistent(_ value: Value) throws(PickleError) -> Value {
    guard case .tuple(let items, _) = value, items.count >= 3, case .global(let kind) = items[1],
      case .string(let name) = items[2]
    else { throw nonsense }
    let word = String(kind.split(separator: " ").last ?? "")
    if word == "UntypedStorage" {
      types[name] = .uint8
      return .bytes(name: name)
    }
    guard let type = Self.storageTypes[word] else { return .foreignTensor("in a \(word.prefix(60))") }
    types[name] = type
    return .storage(name: name, type)
  }

  // MARK: The stack

  private var nonsense: PickleError { PickleError(reason: "its pickle is malformed at byte \(position)") }

  private mutating func container() -> Container {
    let container = Container()
    containers.append(container)
    return container
  }

  private func top() throws(PickleError) -> Value {
    guard let value = stack.last else { throw nonsense }
    return value
  }

  private mutating func pop() throws(PickleError) -> Value {
    guard let value = stack.popLast() else { throw nonsense }
    return value
  }

  private mutating func popToMark() throws(PickleError) -> [Value] {
    let mark = stack.lastIndex {
      if case .mark = $0 { true } else { false }
    }
    guard let mark else { throw nonsense }
    let items = Array(stack[(mark + 1)...])
    stack.removeSubrange(mark...)
    return items
  }

  private mutating func tuple(of count: Int) throws(PickleError) {
    guard stack.count >= count else { throw nonsense }
    let items = Array(stack.suffix(count))
    stack.removeLast(count)
    try pushTuple(items)
  }

  private mutating func pushTuple(_ items: [Value]) throws(PickleError) {
    let depth = 1 + (items.map(\.depth).max() ?? 0)
    guard depth <= 64 else { throw PickleError(reason: "its pickle nests too deeply") }
    stack.append(.tuple(items, depth: depth))
  }

  private mutating func recall(_ place: Int) throws(PickleError) {
    guard let value = memo[place] else { throw nonsense }
    stack.append(value)
  }

  private func extendList(_ items: [Value]) throws(PickleError) {
    switch stack.last {
    case .list(let list): list.items += items.map { (.nothing, $0) }
    case .opaque, .object, .foreignTensor: break
    default: throw nonsense
    }
  }

  private func setItems(_ items: [Value]) throws(PickleError) {
    guard items.count % 2 == 0 else { throw nonsense }
    switch stack.last {
    case .dictionary(let dictionary), .object(let dictionary):
      for index in stride(from: 0, to: items.count, by: 2) {
        dictionary.items.append((items[index], items[index + 1]))
      }
    case .opaque, .foreignTensor: break
    default: throw nonsense
    }
  }

  // MARK: The bytes

  private mutating func skip(_ count: Int) throws(PickleError) {
    _ = try take(count)
    stack.append(.opaque)
  }

  private mutating func byte() throws(PickleError) -> UInt8 {
    guard position < bytes.count else { throw PickleError(reason: "its pickle is truncated") }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func take(_ count: Int) throws(PickleError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else { throw PickleError(reason: "its pickle is truncated") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func number(_ length: Int) throws(PickleError) -> Int {
    Int(truncatingIfNeeded: try take(length).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  private mutating func long(_ length: Int) throws(PickleError) -> Value {
    let digits = try take(length)
    guard digits.count <= 8 else { return .opaque }
    let value = digits.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let shift = UInt64(64 - 8 * digits.count)
    return .integer(digits.isEmpty ? 0 : Int(Int64(bitPattern: value << shift) >> Int64(shift)))
  }

  private mutating func text(_ length: Int) throws(PickleError) -> String {
    String(decoding: try take(length), as: UTF8.self)
  }

  private mutating func line() throws(PickleError) -> String {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else { throw nonsense }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }
}
