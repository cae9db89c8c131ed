import Benchmarks
import Foundation
import Imaging
import TestSupport
import Testing

/// Masks beside images.
@Suite struct MaskFolderTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    for name in ["val/a/1.JPEG", "val/a/2.x.JPEG", "val/b/1.png", "masks/a/1.png", "masks/a/2.x.png", "masks/a/3.txt"] {
      try write(name, to: name)
    }
  }

  private func write(_ text: String, to name: String) throws {
    let file = folder.path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
  }

  private func definition() throws -> BenchmarkDefinition {
    .occlusion(
      name: "o", root: folder.path + "/val", masks: try MaskFolder(path: folder.path + "/masks"),
      drops: [MaskDrop(isForeground: true, threshold: 128)])
  }

  @Test("an image's mask has its path and the extension .png; images without one are left out and named")
  func listing() throws {
    let masks = try MaskFolder(path: folder.path + "/masks")
    #expect(masks.file(of: "a/2.x.JPEG") == folder.path + "/masks/a/2.x.png")
    let definition = try definition()
    #expect(definition.masks == masks && definition.conditions[0].masks == masks)
    let listing = try definition.listing()
    #expect(listing.paths == ["a/1.JPEG", "a/2.x.JPEG"])
    #expect(listing.leftOut == [LeftOutFile(path: "b/1.png", reason: "it has no mask \(folder.path)/masks/b/1.png")])
    let data = try JSONEncoder().encode(definition)
    #expect(try JSONDecoder().decode(BenchmarkDefinition.self, from: data) == definition)
  }

  @Test("masks that change are noticed; a folder without masks, or without any that an image has, is refused")
  func changes() throws {
    let definition = try definition()
    let masks = try #require(definition.masks)
    try masks.checkUnchanged()
    try write("other", to: "masks/a/3.txt")
    try masks.checkUnchanged()
    try write("masks/a/1.pnG", to: "masks/a/1.png")
    #expect(throws: ListingError.changedPictures(folder.path + "/masks")) { try masks.checkUnchanged() }
    for mask in ["1.png", "2.x.png"] { try FileManager.default.removeItem(atPath: folder.path + "/masks/a/" + mask) }
    #expect(throws: ListingError.noMasks(folder.path + "/masks", example: nil)) {
      try MaskFolder(path: folder.path + "/masks")
    }
    try write("mask", to: "masks/c/1.png")
    #expect(throws: ListingError.noMasks(folder.path + "/masks", example: folder.path + "/masks/a/1.png")) {
      try definition.listing()
    }
  }

  @Test("a mask of the picture's size is resized and cropped as the picture; another is taken as it is")
  func fitted() throws {
    let preprocessing = Preprocessing(
      resize: 8, crop: 4, interpolation: .bilinear, mean: [0, 0, 0], std: [1, 1, 1])
    let bytes = [UInt8]("P5 16 16 255\n".utf8) + (0..<256).map { UInt8($0) }
    let mask = try ImageDecoder.decode(bytes, name: "m")
    let made = try MaskFolder.fitted(bytes, name: "m", to: PictureSize(width: 16, height: 16), preprocessing)
    #expect(made.size == PictureSize(width: 4, height: 4))
    #expect(try preprocessing.geometry(mask) == made)
    #expect(try MaskFolder.fitted(bytes, name: "m", to: PictureSize(width: 16, height: 15), preprocessing) == mask)
    #expect(throws: ImageError.self) {
      try MaskFolder.fitted([1, 2, 3], name: "m", to: PictureSize(width: 16, height: 15), preprocessing)
    }
  }
}
