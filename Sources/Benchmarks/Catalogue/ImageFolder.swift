/// Any folder of class folders: a benchmark of one's own, without code.
public enum ImageFolder: Benchmark {
  /// `image-folder`
  public static let kind = BenchmarkKind.imageFolder

  /// Class folders, or shards of a WebDataset.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    try oneCondition(manifest, takesWebDatasets: true)
  }
}

extension BenchmarkKind {
  /// A folder of class folders.
  public static let imageFolder = BenchmarkKind("image-folder")
}
