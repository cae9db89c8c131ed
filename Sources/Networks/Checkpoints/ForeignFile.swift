import Foundation

/// Files and folders that people take for checkpoints: what they are, and what to do with them.
enum ForeignFile {
  /// Why a file that begins so is no checkpoint; nil where that is not known.
  static func refusal(of start: [UInt8], file: String) -> CheckpointError? {
    func refusal(_ what: String, _ advice: String) -> CheckpointError {
      .foreign(file: file, what: what, advice: advice)
    }
    let text = String(decoding: start, as: UTF8.self).drop(while: \.isWhitespace).lowercased()
    if start.isEmpty { return refusal("empty", "fetch or save it again") }
    if text.hasPrefix("version https://git-lfs.github.com/") {
      return refusal("a Git LFS pointer, not the file itself", "fetch the file with git lfs pull")
    }
    if text.hasPrefix("/annex/objects/") || text.contains(".git/annex/objects/") {
      return refusal("a git-annex pointer, not the file itself", "fetch the file with git annex get")
    }
    if ["<!doctype", "<html", "<?xml", "<head"].contains(where: text.hasPrefix) {
      return refusal(
        "a web page, not the file itself", "the download failed; fetch it again by its direct URL")
    }
    if start.starts(with: [0x89, 0x48, 0x44, 0x46]) {
      return refusal("an HDF5 file, such as Keras writes", "export the network to ONNX with tf2onnx")
    }
    if start.count >= 8, start[4..<8].elementsEqual("TFL3".utf8) {
      return refusal("a TensorFlow Lite model", "export the network to ONNX with tf2onnx")
    }
    if start.starts(with: "GGUF".utf8) {
      return refusal("a GGUF language model", "name a classifier instead")
    }
    if start.count >= 262, start[257..<262].elementsEqual("ustar".utf8) {
      return refusal("a tar archive", "unpack it, and name a file in it")
    }
    let packers: [(magic: [UInt8], name: String)] = [
      ([0x1F, 0x8B], "gzip"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
      ([0x42, 0x5A, 0x68], "bzip2"), ([0x37, 0x7A, 0xBC, 0xAF], "7-Zip"),
    ]
    if let packer = packers.first(where: { start.starts(with: $0.magic) }) {
      return refusal("compressed with \(packer.name)", "unpack it")
    }
    if start.count >= 2, start[0] == 0x80, (2...5).contains(start[1]) {
      return refusal(
        "a pickle, but not one written by torch.save",
        "load it in Python and save its tensors by name with safetensors.torch.save_file")
    }
    if start.count >= 16, start.allSatisfy({ $0 == 0 }) {
      return refusal("all zeros at its start", "writing or downloading it was interrupted; fetch it again")
    }
    return nil
  }

  /// Why a zip with files of these names is no checkpoint; nil where it may be one.
  static func refusal(ofZip names: [String], file: String) -> CheckpointError? {
    func has(_ part: String) -> Bool { names.contains { $0.contains(part) } }
    if has("constants.pkl") || has("/code/") {
      return .foreign(
        file: file, what: "a TorchScript program, whose code is not run here",
        advice: "save its weights in Python with torch.save(torch.jit.load(FILE).state_dict(), \"weights.pth\"), or "
          + "export the network to ONNX")
    }
    if has("models/model.json") || has("serialized_exported_program.json") {
      return .foreign(
        file: file, what: "a torch.export program",
        advice: "save its weights in Python with torch.save(torch.export.load(FILE).state_dict, \"weights.pth\"), or "
          + "export the network to ONNX")
    }
    if has("model.weights.h5") {
      return .foreign(file: file, what: "a Keras model", advice: "export it to ONNX with tf2onnx")
    }
    return nil
  }

  /// Why a folder that people take for a checkpoint is none; nil for any other folder or file.
  static func refusal(ofFolder path: String) -> CheckpointError? {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return nil }
    func refusal(_ what: String, _ advice: String) -> CheckpointError {
      .foreign(file: path, what: what, advice: advice)
    }
    if names.contains(".metadata") || names.contains(where: { $0.hasSuffix(".distcp") }) {
      return refusal(
        "a PyTorch distributed checkpoint (FSDP)",
        "merge it with python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE")
    }
    if names.contains("zero_to_fp32.py") {
      return refusal(
        "a DeepSpeed checkpoint folder", "merge it with the script inside: python zero_to_fp32.py . weights.bin")
    }
    if names.contains("saved_model.pb") || names.contains("keras_metadata.pb") {
      return refusal("a TensorFlow SavedModel", "export it to ONNX with python -m tf2onnx.convert --saved-model FOLDER")
    }
    if names.contains(where: { $0.hasSuffix(".ckpt.index") || $0 == "_CHECKPOINT_METADATA" }) {
      return refusal("a checkpoint folder of TensorFlow or JAX", "export the network to ONNX")
    }
    let weights = [
      "model.safetensors.index.json", "pytorch_model.bin.index.json", "model.safetensors", "pytorch_model.bin",
      "weights.pth", "model.pth",
    ]
    if let name = weights.first(where: names.contains) { return refusal("a folder", "name \(name) inside it") }
    // `torch.save`'s zip, unpacked.
    if names.contains("data.pkl"), names.contains("version") {
      return refusal("an unpacked torch.save file", "name the file itself, as torch.save wrote it")
    }
    return nil
  }
}
