import Foundation

/// Pictures and data sets that tests make up.
public enum SmallPicture {
  /// A PPM file of these pixels, 8-bit RGB row by row.
  public static func ppm(width: Int, height: Int, pixels: [UInt8]) -> Data {
    Data("P6 \(width) \(height) 255\n".utf8) + Data(pixels)
  }

  /// Puts the same picture into new folders of classes.
  ///
  /// - Parameters:
  ///   - folder: where the folders are made.
  ///   - classes: their names.
  ///   - name: the file's.
  public static func fill(_ folder: String, classes: [String], name: String, with picture: Data) throws {
    for label in classes {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(label)", withIntermediateDirectories: true)
      try picture.write(to: URL(fileURLWithPath: "\(folder)/\(label)/\(name)"))
    }
  }
}
