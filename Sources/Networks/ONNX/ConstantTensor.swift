import Foundation

/// A tensor that is known before any image: an initialiser of the file, or what was computed from such.
struct ConstantTensor: Sendable {
  let shape: [Int]
  let storage: Storage

  enum Storage: Sendable {
    case floats([Float])
    /// Integers and truth values, held within ±2^40, so that sums and products of two cannot overflow.
    case integers([Int])
    /// Numbers as the file holds them, read when they are asked for.
    case stored(StoredNumbers)
  }

  init(shape: [Int], floats: [Float]) {
    self.shape = shape
    storage = .floats(floats)
  }

  init(shape: [Int], integers: [Int]) {
    self.shape = shape
    storage = .integers(integers.map(Self.bounded))
  }

  init(shape: [Int], stored: StoredNumbers) {
    self.shape = shape
    storage = .stored(stored)
  }

  var count: Int { shape.reduce(1, *) }

  var isFloatingPoint: Bool {
    switch storage {
    case .floats: true
    case .integers: false
    case .stored(let numbers): numbers.type.isFloatingPoint
    }
  }

  /// The numbers, row-major.
  func floats() throws(CheckpointError) -> [Float] {
    switch storage {
    case .floats(let values): values
    case .integers(let values): values.map { Float($0) }
    case .stored(let numbers): try numbers.floats()
    }
  }

  /// The numbers, row-major, those with a fraction cut off.
  func integers() throws(CheckpointError) -> [Int] {
    switch storage {
    case .floats(let values): values.map(Self.truncated)
    case .integers(let values): values
    case .stored(let numbers) where numbers.type.isFloatingPoint: try numbers.floats().map(Self.truncated)
    case .stored(let numbers): try numbers.integers().map(Self.bounded)
    }
  }

  func reshaped(_ shape: [Int]) -> ConstantTensor { ConstantTensor(shape: shape, storage: storage) }

  private init(shape: [Int], storage: Storage) {
    self.shape = shape
    self.storage = storage
  }

  static func bounded(_ value: Int) -> Int { min(max(value, -(1 << 40)), 1 << 40) }

  private static func truncated(_ value: Float) -> Int {
    value.isNaN ? 0 : Int(min(max(value, -0x1p40), 0x1p40))
  }
}

/// Numbers as an ONNX file holds them: in the message, or in a file beside it.
struct StoredNumbers: Sendable {
  let type: ElementType
  let count: Int
  let place: Place
  /// What the model calls them, and the model's file, for errors.
  let name: String
  let origin: String

  enum Place: Sendable {
    case bytes(Data)
    case file(CheckpointFile, offset: Int)
  }

  func floats() throws(CheckpointError) -> [Float] {
    let bytes = try bytes()
    let values = bytes.withUnsafeBytes { raw in
      (0..<count).map { type.float(raw, at: $0 * type.byteCount) }
    }
    // An infinite number may be meant, as in a mask of attention.
    guard !values.contains(where: \.isNaN) else { throw .notFinite(name: name, what: "NaN", file: origin) }
    return values
  }

  func integers() throws(CheckpointError) -> [Int] {
    let bytes = try bytes()
    return bytes.withUnsafeBytes { raw in
      (0..<count).map { type.integer(raw, at: $0 * type.byteCount) }
    }
  }

  private func bytes() throws(CheckpointError) -> Data {
    switch place {
    case .bytes(let data): data
    case .file(let file, let offset): Data(try file.read(offset: offset, count: count * type.byteCount))
    }
  }
}
