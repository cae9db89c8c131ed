/// The `cluster` section of a manifest.
extension ManifestReader {
  /// Reads the section alone; nothing said where there is none.
  ///
  /// - Parameter engines: the names of the engines that there are; nil takes any, since a plan knows none.
  /// - Throws: `ManifestError` as `read()`.
  public func cluster(engines: [String]? = nil) throws -> ClusterSettings {
    let root = try root(of: contents())
    return try sections(of: root)["cluster"].map { try cluster($0, engines: engines) } ?? ClusterSettings()
  }

  /// The run's name alone, of a manifest whose data and checkpoints need not be on this machine.
  ///
  /// - Throws: `ManifestError` as `read()`.
  public func runName() throws -> String {
    let root = try root(of: contents())
    return try required("run", in: sections(of: root), of: root).identifier()
  }

  func cluster(_ node: ManifestNode, engines: [String]? = nil) throws -> ClusterSettings {
    let keys = try node.mapping(known: [
      "engine", "workers", "cpus", "memory", "time", "partition", "account", "constraint", "options", "image",
      "namespace", "volumes",
    ])
    func word(_ key: String) throws -> String? {
      guard let place = keys[key] else { return nil }
      let text = try place.text()
      guard ClusterValue.isWord(text) else { throw place.failure("\(place.path) must be one word") }
      return text
    }
    var settings = ClusterSettings()
    settings.engine =
      try engines.map { engines in
        try keys["engine"]?.choice(engines.map { (word: $0, value: $0) })
      } ?? word("engine")
    settings.workers = try keys["workers"]?.integer(in: ClusterValue.workers)
    settings.cpus = try keys["cpus"]?.integer(in: ClusterValue.cpus)
    settings.memory = try word("memory")
    if let memory = settings.memory, let place = keys["memory"], !ClusterValue.isMemory(memory) {
      throw place.failure("\(place.path) is \(memory), but must be \(ClusterValue.memoryForm)")
    }
    settings.time = try word("time")
    settings.partition = try word("partition")
    settings.account = try word("account")
    settings.constraint = try word("constraint")
    settings.options =
      try keys["options"]?.sequence().map { option in
        let text = try option.text()
        if let reason = SlurmOption.refusal(of: text) { throw option.failure("\(option.path) \(reason)") }
        return text
      } ?? []
    settings.proposedImage = try word("image")
    settings.namespace = try keys["namespace"]?.identifier()
    settings.volumes = try keys["volumes"].map(volumes) ?? []
    return settings
  }

  /// A mapping from claims to the paths where they are mounted.
  private func volumes(_ node: ManifestNode) throws -> [ClusterSettings.Volume] {
    guard case .mapping(let mapping) = node.node else {
      throw node.failure("\(node.path) must be a mapping from claims to paths")
    }
    return try mapping.map { key, value in
      let place = ManifestNode(node: value, file: file, path: node.path + "." + (key.string ?? "?"))
      let path = try place.text()
      guard path.hasPrefix("/"), path.count > 1, let claim = key.string, ClusterValue.isWord(claim) else {
        throw place.failure("\(place.path) must be an absolute path")
      }
      return ClusterSettings.Volume(claim: claim, path: path)
    }
  }
}
