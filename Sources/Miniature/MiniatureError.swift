/// Why the data set was not drawn, and what to do about it.
public enum MiniatureError: Error, Equatable, CustomStringConvertible {
  /// The options ask for no validation picture, or for a negative number.
  case nothingToDraw(Miniature.Options)
  /// The folder holds something that this program did not draw, so it is not replaced.
  case notADataSet(String)
  /// The folder holds the data set of other options.
  case otherDataSet(String, Miniature.Options)
  /// The folder holds files beside those that are drawn.
  case otherFiles(String, names: [String])
  /// A file or folder cannot be written.
  case cannotWrite(String, reason: String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .nothingToDraw(let options):
      """
      cannot draw \(options.validationImages) validation and \(options.trainingImages) training images: ask for at \
      least one validation image
      """
    case .notADataSet(let path):
      "\(path) holds files that are not a drawn data set; give a new or an empty folder"
    case .otherDataSet(let path, let options):
      "\(path) holds the data set of seed \(options.seed) with \(options.validationImages) images; give another folder, or "
        + "remove this one"
    case .otherFiles(let path, let names):
      "\(path) holds other files besides a data set (\(names.prefix(3).joined(separator: ", "))); give another folder, or "
        + "remove them"
    case .cannotWrite(let path, let reason):
      "cannot write \(path): \(reason); check the folder's permissions and the free space"
    }
  }
}
