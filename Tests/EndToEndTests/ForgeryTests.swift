import Archives
import Foundation
import Records
import TestSupport
import Testing

/// Archives that somebody changed and sealed anew: whole by every checksum, and not what was computed.
@Suite struct ForgeryTests {
  /// What a forger changes; everything else is copied.
  private struct Forgery {
    var metrics: (String, [Metric]) -> [Metric] = { $1 }
    var labels: ([Int32]) -> [Int32] = { $0 }
    var values: ([Float]) -> [Float] = { $0 }
    var keepsPlan = true
  }

  private static func write(_ forgery: Forgery, of original: String, to path: String) throws {
    let archive = try ArchiveReader(path: original)
    func own(_ attributes: [String: String], _ hidden: [String]) -> [String: String] {
      attributes.filter { !hidden.contains($0.key) }
    }
    let writer = try ArchiveWriter(
      path: path, attributes: own(archive.attributes, ["groups"]),
      groups: archive.groups.map { group in
        ArchiveGroupPlan(
          path: group.path, axes: group.axes, imagePaths: group.imagePaths, labels: forgery.labels(group.labels),
          classNames: group.classNames, variables: group.variables,
          attributes: own(group.attributes, ["axes", "variables", "metrics", "further_axes"]))
      }, compressed: true)
    for (shard, part) in try archive.parts().enumerated() {
      let group = try #require(archive.groups.first { $0.path == part.group })
      try writer.add(
        PartContents(
          shard: Int64(shard), group: part.group, conditionIndex: part.condition, firstImage: part.images.lowerBound,
          imageCount: part.images.count,
          observations: try group.variables.map { variable in
            let values = try archive.values(
              of: variable.name, group: part.group, conditionIndex: part.condition, images: part.images)
            return Observation(variable, forgery.values(values))
          }, failures: [], attributes: [:]), fileSHA256: "")
    }
    for group in archive.groups {
      try writer.writeMetrics(
        group: group.path, forgery.metrics(group.path, try archive.metrics(group: group.path)),
        further: group.furtherAxes)
    }
    try writer.writeComparisons(try archive.comparisons())
    try writer.writeTable(
      "attempts",
      columns: [
        .integers("shard", []), .integers("attempt", []), .strings("worker", []), .numbers("leased", []),
        .numbers("ended", []), .strings("outcome", []),
      ])
    let leftOut = try archive.leftOut()
    try writer.writeTable(
      "left_out",
      columns: [
        .strings("benchmark", leftOut.map(\.benchmark)), .strings("path", leftOut.map(\.path)),
        .integers("count", leftOut.map { Int64($0.count) }), .strings("reason", leftOut.map(\.reason)),
      ])
    if forgery.keepsPlan {
      let plan = try archive.planTexts()
      try writer.writeTable(
        "plan", columns: [.strings("name", plan.map(\.name)), .strings("json", plan.map(\.text))])
    }
    try writer.close()
  }

  private func verify(_ path: String, _ options: [String] = []) throws -> (status: Int32, output: String) {
    let found = try CommandLineTool.run(["verify", path] + options)
    return (found.status, found.output + found.errors)
  }

  @Test("A signature tells who made an archive: another's, one of other bytes and none at all are not taken for it")
  func signatures() throws {
    let scratch = try ScratchFolder()
    let fixtures = Repository.path + "/Tests/EndToEndTests/Fixtures/"
    let key = scratch.path + "/key"
    try FileManager.default.copyItem(atPath: fixtures + "signing-key", toPath: key)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
    let run = scratch.path + "/run"
    let manifest = try scratch.miniature(images: 10, shardImages: 10)
    #expect(try CommandLineTool.run(["run", manifest, "--run", run]).status == 0)
    let (archive, own) = (run + "/archive.h5", ["--key", fixtures + "signing-key.pub"])
    let unsigned = try verify(run, own)
    #expect(unsigned.status == 2 && unsigned.output.contains("archive.h5.sig"), "\(unsigned.output)")
    let signed = try CommandLineTool.run(["sign", run, "--key", key])
    #expect(signed.status == 0 && signed.output.contains(archive + ".sig"), "\(signed.errors)")
    let good = try verify(run, own)
    #expect(good.status == 0 && good.output.contains("signed by the key SHA256:"), "\(good.output)")
    let other = try verify(run, ["--key", fixtures + "other-key.pub"])
    #expect(other.status == 3 && other.output.contains("which is not in"), "\(other.output)")
    #expect(try verify(run, ["--signature", archive + ".sig"]).status == 2)
    // What is read for it is not written over.
    let over = try CommandLineTool.run(["sign", run, "--key", key, "-o", key])
    #expect(over.status == 2 && over.errors.contains("which is one of the inputs"), "\(over.errors)")
    let forged = scratch.path + "/forged.h5"
    try Self.write(Forgery(), of: archive, to: forged)
    try FileManager.default.copyItem(atPath: archive + ".sig", toPath: forged + ".sig")
    let changed = try verify(forged, own)
    #expect(changed.status == 3 && changed.output.contains("do not match the signature"), "\(changed.output)")
    let full = try CommandLineTool.run(["sign", run, "--key", key, "-o", "/dev/full"])
    #expect(full.status == 2 && full.errors.contains("not a regular file"), "\(full.errors)")
  }

  @Test("Figures, labels and logits that do not follow from each other are told from what was computed")
  func contradictions() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 20, shardImages: 10)
    #expect(try CommandLineTool.run(["run", manifest, "--run", scratch.path + "/run"]).status == 0)
    let (honest, forged) = (scratch.path + "/run/archive.h5", scratch.path + "/forged.h5")
    let whole = try verify(honest)
    #expect(whole.status == 0 && whole.output.contains(" figures recomputed, all equal"), "\(whole.output)")

    func tell(_ forgery: Forgery, _ words: String, status: Int32 = 3) throws {
      try? FileManager.default.removeItem(atPath: forged)
      try Self.write(forgery, of: honest, to: forged)
      let found = try verify(forged)
      #expect(found.status == status && found.output.contains(words), "\(found.output)")
    }
    try tell(Forgery(), "whole and sound", status: 0)
    try tell(Forgery(keepsPlan: false), "its figures were not recomputed", status: 0)
    try tell(
      Forgery(metrics: { group, metrics in
        metrics.map { metric in
          guard metric.name == "top1", group.hasSuffix("/imagenet-c") else { return metric }
          return Metric(
            name: metric.name, description: metric.description, axes: metric.axes,
            values: metric.values.map { $0 - 0.01 },
            figure: metric.figure)
        }
      }), "imagenet-c: top1 is recorded as")
    try tell(
      Forgery(metrics: { $1.filter { $0.name != "top5" } }), "top5 is missing, or has the wrong size")
    // As one that was collected before there was such a figure; of one group alone it was taken out.
    let later = "mean_top1_by_severity"
    try tell(
      Forgery(metrics: { $1.filter { !$0.name.hasPrefix(later) } }), "it was collected before \(later)",
      status: 0)
    try tell(
      Forgery(metrics: { group, metrics in
        metrics.filter { !group.hasSuffix("/imagenet-c") || !$0.name.hasPrefix(later) }
      }), "imagenet-c: \(later) is missing, or has the wrong size")
    try tell(Forgery(labels: { [$0[0] == 0 ? 1 : 0] + $0.dropFirst() }), "its labels do not match its plan")
    try tell(
      Forgery(values: { $0.map { $0 == $0 ? -$0 : $0 } }),
      "sealed, but inconsistent: not what gauntlet collected")

    let merged = try CommandLineTool.run(["merge", honest, forged, "-o", scratch.path + "/merged.h5"])
    #expect(merged.status == 3 && merged.errors.contains("but with different values"), "\(merged.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/merged.h5"))
    try? FileManager.default.removeItem(atPath: forged)
    try Self.write(Forgery(keepsPlan: false), of: honest, to: forged)
    let unplanned = try CommandLineTool.run(["merge", honest, forged, "-o", scratch.path + "/merged.h5"])
    #expect(
      unplanned.status == 2 && unplanned.errors.contains("does not record its plan"), "\(unplanned.errors)")
  }
}
