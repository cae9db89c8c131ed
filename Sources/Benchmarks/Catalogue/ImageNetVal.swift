/// Clean images in class folders: `ROOT/WNID/*.JPEG`, one condition.
public enum ImageNetVal: Benchmark {
  /// `imagenet-val`
  public static let kind = BenchmarkKind.imagenetVal
  /// Relative corruption errors are measured by it.
  public static let isClean = true

  /// Its folder, and what is known of the images.
  public static let keys = ["root", "prototypes"] + AnnotationFile.Kind.allCases.map(\.rawValue)

  /// Class folders, or shards of a WebDataset.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    var benchmark = try oneCondition(manifest, takesWebDatasets: true)
    let prototypes = try manifest.file("prototypes")
    if prototypes != nil, !manifest.has("factors") {
      throw manifest.failure(
        "prototypes", "prototypes only apply to the figures by factor; name a file with the key factors")
    }
    let files = try AnnotationFile.Kind.allCases.compactMap { kind in
      try manifest.file(kind.rawValue).map {
        AnnotationFile(kind, path: $0, prototypes: kind == .factors ? prototypes : nil)
      }
    }
    benchmark.annotationFiles = files.isEmpty ? nil : files
    return benchmark
  }
}

extension BenchmarkKind {
  /// Clean images.
  public static let imagenetVal = BenchmarkKind("imagenet-val")
}

extension BenchmarkDefinition {
  /// Clean images in class folders.
  public static func clean(name: String, root: String) -> BenchmarkDefinition {
    BenchmarkDefinition(kind: .imagenetVal, name: name, layout: PictureLayout(root: root))
  }
}
