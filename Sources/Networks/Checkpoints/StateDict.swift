/// The tensors of a state dict in what a pickle built, and what stands beside it.
struct StateDict {
  var tensors: [(String, PickledTensor)] = []
  var record = CheckpointRecord()

  /// Entries that state dicts lie under, the likeliest first.
  fileprivate static let names = [
    "model", "state_dict", "model_state_dict", "model_state", "net", "network", "module", "weights", "params",
    "model_ema", "state_dict_ema", "ema_state_dict", "ema",
  ]
  /// Entries whose tensors are no weights.
  fileprivate static let others = [
    "optimizer", "optim", "scheduler", "scaler", "amp", "rng", "callbacks", "loops", "criterion",
  ]

  /// Finds the state dict: the value itself, or the entry of one of the names; a tensor or two beside it do not matter.
  ///
  /// - Throws: where there is something else, such as a whole model, or several things that could be meant.
  init(of root: PickleValue) throws(PickleError) {
    record.architecture = Self.architecture(in: root)
    var finder = StateDictFinder()
    guard let found = try finder.find(root) else {
      if let className = Self.wholeModel(root)
        ?? Self.names.lazy.compactMap({ root[$0].flatMap(Self.wholeModel) }).first
      {
        throw PickleError(
          reason: "a pickled \(className.prefix(80)) object, which only its own code can load",
          advice: "load it in Python and save only its tensors: torch.save(model.state_dict(), \"weights.pth\"); "
            + "or export it to ONNX")
      }
      return
    }
    if let (name, kind) = found.foreign.first {
      throw PickleError(reason: "\(name) is \(kind), which is not supported")
    }
    tensors = found.tensors
    record.entry = found.entry
    record.otherEntries = found.others
  }

  /// The class of a whole network that was saved as an object.
  private static func wholeModel(_ value: PickleValue) -> String? {
    guard case .object(let object) = value, let state = object.state,
      state["_modules"] != nil || state["_parameters"] != nil
    else { return nil }
    return object.className.replacing(" ", with: ".")
  }

  /// The name of the network that training wrote beside its tensors.
  private static func architecture(in root: PickleValue) -> String? {
    if let text = root["arch"]?.text ?? root["model_name"]?.text { return text }
    for settings in [root["args"], root["hyper_parameters"], root["config"]].compactMap({ $0 }) {
      for values in [settings.state, settings].compactMap({ $0 }) {
        if let text = ["arch", "model", "model_name"].lazy.compactMap({ values[$0]?.text }).first { return text }
      }
    }
    return nil
  }
}

/// Looks for tensors in what a pickle built, which may be a ring or a thicket.
private struct StateDictFinder {
  struct Candidate {
    var tensors: [(String, PickledTensor)] = []
    var foreign: [(String, String)] = []
    var entry: String?
    var others: [String] = []
    var count: Int { tensors.count + foreign.count }
  }

  /// Entries that may still be looked at.
  private var allowance = 50_000_000

  mutating func find(_ value: PickleValue, depth: Int = 0) throws(PickleError) -> Candidate? {
    guard depth < 4, let entries = value.entries else { return nil }
    try spend(entries.count)
    var own = Candidate()
    var named: [String: PickleValue] = [:]
    for case (.string(let name), let item) in entries {
      switch item {
      case .tensor(let tensor): own.tensors.append((name, tensor))
      case .foreignTensor(let kind): own.foreign.append((name, kind))
      case .dictionary, .object: if StateDict.names.contains(name) { named[name] = item }
      default: break
      }
    }
    var inner: [(name: String, found: Candidate)] = []
    for name in StateDict.names {
      guard let item = named[name], let found = try find(item, depth: depth + 1) else { continue }
      inner.append((name, found))
    }
    if inner.isEmpty, own.count == 0, depth < 2 { inner = try unnamed(entries, depth) }
    guard var best = inner.first?.found, best.count > own.count else { return own.count > 0 ? own : nil }
    best.entry = [inner[0].name, best.entry].compactMap { $0 }.joined(separator: ".")
    best.others += inner.dropFirst().map(\.name)
    return best
  }

  /// The one entry of an unusual name that holds tensors.
  private mutating func unnamed(
    _ entries: [(PickleValue, PickleValue)], _ depth: Int
  ) throws(PickleError) -> [(name: String, found: Candidate)] {
    var inner: [(name: String, found: Candidate)] = []
    for case (.string(let name), let item) in entries where inner.count < 8 {
      guard item.entries != nil, !StateDict.others.contains(where: name.lowercased().contains),
        let found = try find(item, depth: depth + 1)
      else { continue }
      inner.append((name, found))
    }
    guard inner.count < 2 else {
      throw PickleError(
        reason: "a file with tensors under several names (\(inner.prefix(4).map(\.name).joined(separator: ", ")))",
        advice: "save only the network's: torch.save(torch.load(FILE)[\"\(inner[0].name)\"], \"weights.pth\")")
    }
    return inner
  }

  private mutating func spend(_ count: Int) throws(PickleError) {
    allowance -= count + 1
    guard allowance >= 0 else { throw PickleError(reason: "its entries are nested or shared too much") }
  }
}
