/// The options of sbatch that a manifest may give. A manifest may be a stranger's, and some options name programs,
/// environment or files (`--export`, `--wrap`, `--output`, `--chdir`, `--prolog`): those only who launches may give, on the
/// command line. So this is a list of what is allowed, by whole names, as sbatch also takes beginnings of names.
enum SlurmOption {
  /// What stands behind an option's equals sign.
  private enum Value {
    /// Nothing.
    case none
    /// Nothing, or one of these.
    case noneOr([String])
    /// One of these.
    case oneOf([String])
    /// A whole number that is not negative.
    case count
    /// A whole number.
    case number
    /// Digits and K, M, G or T.
    case memory
    /// Letters, digits and `_ - . , : = [ ] / *`: names, times, lists of hosts and of resources.
    case names

    func takes(_ text: String?) -> Bool {
      switch (self, text) {
      case (.none, nil), (.noneOr, nil): true
      case (.none, _), (_, nil): false
      case (.noneOr(let words), let text?), (.oneOf(let words), let text?): words.contains(text)
      case (.count, let text?): text.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt32(text) != nil
      case (.number, let text?): Int32(text) != nil
      case (.memory, let text?): ClusterValue.bytes(text) != nil
      case (.names, let text?): Self.isNames(text)
      }
    }

    private static func isNames(_ text: String) -> Bool {
      let further = "_-.,:=[]/*".utf8
      return (1...200).contains(text.utf8.count)
        && text.utf8.allSatisfy { byte in
          (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || further.contains(byte)
        }
    }
  }

  private static let allowed: [String: Value] = [
    "--begin": .names, "--clusters": .names, "--comment": .names, "--core-spec": .count, "--deadline": .names,
    "--distribution": .names, "--exclude": .names, "--exclusive": .noneOr(["user", "mcs", "topo"]), "--gres": .names,
    "--hint": .oneOf(["compute_bound", "memory_bound", "multithread", "nomultithread"]), "--licenses": .names,
    "--mem-bind": .names, "--mem-per-cpu": .memory, "--nice": .number, "--nodelist": .names, "--prefer": .names,
    "--priority": .count, "--qos": .names, "--reservation": .names, "--spread-job": .none, "--switches": .names,
    "--threads-per-core": .count, "--time-min": .names, "--tmp": .memory, "--wckey": .names,
  ]

  /// Why a manifest may not give this option; nil where it may.
  static func refusal(of text: String) -> String? {
    guard ClusterValue.isOption(text) else { return "must be like --qos=low" }
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let value = allowed[parts[0]] else {
      return
        "is \"\(text.prefix(60))\", but a manifest may give sbatch only \(allowed.keys.sorted().joined(separator: ", ")); "
        + "give others, which may name programs or files, on the command line: gauntlet launch --option=\(parts[0].prefix(40))=..."
    }
    guard value.takes(parts.count > 1 ? parts[1] : nil) else {
      return "is \"\(text.prefix(60))\", which is not a valid value of \(parts[0])"
    }
    return nil
  }
}
