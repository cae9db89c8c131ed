import Crypto
import Durable
import Foundation

/// The report as one HTML file that needs no network: what several models did on each benchmark, as a study publishes it. All
/// of it is there without its script, which sorts and filters tables.
public enum HTMLReport {
  /// The page: an abstract, contents, each benchmark with its models in columns, definitions and origins.
  public static func render(_ model: ReportModel) -> String {
    let benchmarks = BenchmarkComparison.all(of: model)
    let pairs = ModelPairs(model)
    var page = PageWriter()
    page.abstract(of: model, benchmarks)
    page.contents(benchmarks, hasOverview: benchmarks.count > 1)
    if benchmarks.count > 1 { page.overview(benchmarks) }
    for (place, benchmark) in benchmarks.enumerated() {
      let examples = model.examples.filter { $0.benchmark == benchmark.name }
      page.benchmark(benchmark, place: place, pairs: pairs, examples: examples)
    }
    page.definitions(pairs: pairs)
    page.provenance(of: model)
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="\(policy(hasPictures: !model.examples.isEmpty))">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(escaped(model.title))</title>
      <style>\(PageStyle.text)</style>
      </head>
      <body>
      <a class="skip" href="#contents">Skip to contents</a>
      <header><h1>\(escaped(model.title))</h1></header>
      <main>
      \(page.html)
      </main>
      <script>\(PageScript.text)</script>
      </body>
      </html>

      """
  }

  /// What a browser lets the page do: show itself, and run the one script whose digest this is. Whatever else got into it, no
  /// other script runs and nothing is fetched or sent.
  private static func policy(hasPictures: Bool) -> String {
    let digest = Data(SHA256.hash(data: Data(PageScript.text.utf8))).base64EncodedString()
    return "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-\(digest)'; "
      + (hasPictures ? "img-src data:; " : "") + "base-uri 'none'; form-action 'none'"
  }

  /// Text as HTML shows it, in elements and attributes.
  static func escaped(_ text: String) -> String { text.plainLines.inHTML }
}
