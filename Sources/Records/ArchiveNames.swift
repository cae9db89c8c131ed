/// Names that the archive has for itself.
public enum ArchiveNames {
  /// Groups that no model may be named as.
  public static let reserved: Set<String> = ["provenance", "comparisons"]
}
