import Benchmarks
import Durable
import Networks
import Planning

/// What a worker's machine does not let it read: the checkpoint, pictures of frost, or the data set as a whole. It says
/// nothing of the shard, which another worker may compute, or this one another time.
public struct WorkerTrouble: Error, CustomStringConvertible {
  /// One sentence that names the file.
  public let description: String

  /// Trouble, in one sentence that names the file.
  public init(_ description: String) {
    self.description = description
  }

  /// Gives `body`'s errors of reading as trouble; what is wrong with the files themselves stays as it is.
  static func telling<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as UnreadableFile {
      throw WorkerTrouble("\(error)")
    } catch let error as ListingError {
      throw WorkerTrouble("\(error)")
    } catch let error as FileError {
      throw WorkerTrouble("\(error)")
    } catch let error as RunFolderError {
      throw WorkerTrouble("\(error)")
    } catch CheckpointError.unreadable(let file, let reason) {
      throw WorkerTrouble("\(CheckpointError.unreadable(file: file, reason: reason))")
    }
  }
}

/// Images of a shard that cannot be read, though others of the data set can.
struct UnreadableImage: Error, CustomStringConvertible {
  let file: UnreadableFile
  var description: String { "\(file), though other images of the data set can be read" }
}
