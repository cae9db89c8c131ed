/// Whether what a network gave can be scored.
public enum Logits {
  /// What is wrong with the logits of an image, in words; nil where nothing is. A class may be ruled out by minus infinity,
  /// but not all of them.
  public static func problem(in logits: some Collection<Float>) -> String? {
    var largest = -Float.infinity
    for logit in logits {
      if logit.isNaN { return "NaN logits: its weights or its arithmetic overflow" }
      largest = max(largest, logit)
    }
    return largest.isFinite || logits.isEmpty ? nil : "infinite logits: its weights or its arithmetic overflow"
  }
}
