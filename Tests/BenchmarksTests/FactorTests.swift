import Benchmarks
import Foundation
import Records
import TestSupport
import Testing

/// ImageNet-X: how its files are read, and error ratios as the package imagenet-x has them (`tools/make_metric_fixtures.py`).
@Suite struct FactorTests {
  private struct Fixture: Decodable {
    struct Line: Decodable {
      let fields: [String: Value]
      enum Value: Decodable {
        case text(String)
        case number(Int)
        init(from decoder: any Decoder) throws {
          let container = try decoder.singleValueContainer()
          if let number = try? container.decode(Int.self) {
            self = .number(number)
          } else {
            self = .text(try container.decode(String.self))
          }
        }
      }
      init(from decoder: any Decoder) throws {
        fields = try decoder.singleValueContainer().decode([String: Value].self)
      }
      var json: String {
        "{"
          + fields.map { key, value in
            switch value {
            case .text(let text): "\"\(key)\": \"\(text)\""
            case .number(let number): "\"\(key)\": \(number)"
            }
          }.joined(separator: ", ") + ", \"justification\": \"a\\nb\"}"
      }
    }
    let step: Float
    let class_count: Int
    let logits: [Int]
    let labels: [Int32]
    let factor_lines: [Line]
    let prototypes: [String]
    let error_ratio: [String: Double?]
    let images_by_factor: [String: Int]

    static func load() throws -> Fixture {
      let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/annotations.json"
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    var listing: ImageListing {
      ImageListing(
        paths: labels.indices.map { "n/ILSVRC2012_val_" + String(String(100_000_001 + $0).dropFirst()) + ".JPEG" },
        labels: labels, classNames: (0..<class_count).map { "c\($0)" })
    }
  }

  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func write(_ text: String, _ name: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/" + name))
    return folder.path + "/" + name
  }

  @Test("Error ratios by factor are the package's, without the prototypes")
  func ratios() throws {
    let fixture = try Fixture.load()
    let file = AnnotationFile(
      .factors, path: try write(fixture.factor_lines.map(\.json).joined(separator: "\n") + "\n", "x.jsonl"),
      prototypes: try write("file_name\n" + fixture.prototypes.joined(separator: "\n") + "\n", "p.csv"))
    var listing = fixture.listing
    listing.annotations = [try file.annotation(of: listing)]
    let benchmark = BenchmarkDefinition.clean(name: "v", root: "/")
    var tally = ImageNetVal.tally(
      of: benchmark, listing, benchmark.scoring(of: listing, classCount: fixture.class_count), population: 0)
    tally.add(
      condition: 0, firstImage: 0, logits: fixture.logits.map { Float($0) * fixture.step },
      classCount: fixture.class_count)
    let axis = try #require(tally.furtherAxes.last)
    #expect(axis.name == "factor" && axis.values.count == 16)
    let metrics = Dictionary(tally.metrics(clean: nil, seed: 1).map { ($0.name, $0) }) { first, _ in first }
    let (ratios, images) = (try #require(metrics["error_ratio"]), try #require(metrics["images_by_factor"]))
    let (lows, highs) = (metrics["error_ratio_low"]?.values ?? [], metrics["error_ratio_high"]?.values ?? [])
    var undefined = 0
    for (place, name) in axis.values.enumerated() {
      #expect(images.values[place] == Double(fixture.images_by_factor[name] ?? -1), "\(name)")
      guard let wanted = fixture.error_ratio[name] ?? nil else {
        undefined += 1
        #expect(ratios.values[place].isNaN && lows[place].isNaN)
        continue
      }
      #expect(abs(ratios.values[place] - wanted) <= 1e-9, "\(name): \(ratios.values[place]), not \(wanted)")
      #expect(lows[place] < wanted && highs[place] > wanted)
    }
    #expect(undefined == 1)
  }

  @Test("Files that are none are refused with the line")
  func refusals() throws {
    let whole =
      "{\"file_name\": \"ILSVRC2012_val_00000001.JPEG\", "
      + [
        "pose", "background", "pattern", "color", "smaller", "shape", "partial_view", "subcategory", "texture",
        "larger",
      ]
      .map { "\"\($0)\": 0, " }.joined()
      + ["darker", "object_blocking", "person_blocking", "style", "brighter", "multiple_objects"]
      .map { "\"\($0)\": 1" }.joined(separator: ", ") + "}"
    let listing = ImageListing(
      paths: ["n/ILSVRC2012_val_00000001.JPEG"], labels: [0], classNames: ["a", "b"])
    func annotate(_ text: String, prototypes: String? = nil) throws -> ImageAnnotation {
      try AnnotationFile(
        .factors, path: try write(text, "x.jsonl"), prototypes: try prototypes.map { try write($0, "p.csv") }
      ).annotation(of: listing)
    }
    #expect(try annotate(whole + "\n").ofImages == [[10, 11, 12, 13, 14, 15]])
    for (text, says) in [
      (whole + "\n{", "line 2 is not a JSON object with a file_name"),
      (
        whole.replacing("val_00000001.", with: "train_1."),
        "line 1 is about ILSVRC2012_train_1.JPEG, which is not an image of"
      ),
      (whole.replacing("\"style\": 1", with: "\"style\": 2"), "line 1 does not say 0 or 1 for the factor style"),
      (whole.replacing("\"pose\": 0, ", with: ""), "does not say 0 or 1 for the factor pose"),
      (whole + "\n" + whole, "line 2 annotates ILSVRC2012_val_00000001.JPEG again"), ("", "it is empty"),
      (whole.replacing("00000001", with: "00000002"), "it annotates none of the benchmark's images"),
    ] {
      #expect { try annotate(text) } throws: { $0 is AnnotationError && "\($0)".contains(says) }
    }
    #expect { try annotate(whole, prototypes: "path\n") } throws: { "\($0)".contains("first line is not file_name") }
    #expect { try annotate(whole, prototypes: "file_name\nx\n") } throws: {
      "\($0)".contains("it lists x, which is not")
    }
    #expect { try annotate(whole, prototypes: "file_name\nILSVRC2012_val_00000001.JPEG\n") } throws: {
      "\($0)".contains("annotates none")
    }
  }
}
