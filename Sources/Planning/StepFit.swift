import Benchmarks
import Imaging
import Networks

extension Plan {
  /// Refuses steps that images of a model's size do not fit: more waves than they have pixels for, patches that are not all of one
  /// size, masks of another size.
  ///
  /// - Throws: `ManifestError`.
  func checkSteps(_ file: String) throws {
    for (benchmark, listing) in zip(manifest.benchmarks, listings) {
      for (model, input) in zip(manifest.models, inputs) where benchmark.evaluates(model.name) {
        var problem = benchmark.conditions.lazy.compactMap { $0.misfit(of: input, model.name) }.first
        if problem == nil, let masks = benchmark.masks {
          problem = try benchmark.misfit(of: masks, listing, model, input)
        }
        guard let problem else { continue }
        throw ManifestError(file: file, line: nil, column: nil, problem: "\(benchmark.name) \(problem)")
      }
    }
  }
}

extension Condition {
  /// What an input's size is too small or too odd for, in words.
  fileprivate func misfit(of input: PictureSize, _ model: String) -> String? {
    for case .addWave(let wave) in self.input {
      let (most, side) = (max(abs(wave.row), abs(wave.column)), min(input.width, input.height))
      guard 2 * most < side else {
        return
          "has frequencies of up to \(most) waves, but \(model) takes images of \(input), which have up to \((side - 1) / 2); "
          + "ask for fewer with the key size, \(2 * ((side - 1) / 2) + 1) at most"
      }
    }
    if let saliency {
      if case .attention(let network) = saliency.source, let taken = network.input, taken != input {
        return
          "takes saliency from \(network.architecture), which takes images of \(taken), but \(model) takes images of "
          + "\(input); name one for the same size, such as \(network.architecture.prefix { $0 != "@" })@\(input.width)"
      }
      guard saliency.grid.divides(input) else {
        return
          "has \(saliency.grid) patches, but \(model) takes images of \(input), which they do not divide evenly"
      }
    }
    for step in steps {
      let grid: PatchGrid
      switch step {
      case .shuffle(let shuffle): grid = shuffle.grid
      case .hide(let drop, _): grid = drop.grid
      default: continue
      }
      guard grid.divides(input) else {
        return
          "has \(grid) patches, but \(model) takes images of \(input), which they do not divide evenly; ask for "
          + "other patches with the key grid or grids"
      }
    }
    return nil
  }
}

extension BenchmarkDefinition {
  /// What is wrong with the mask of the first image whose mask can be decoded, in words.
  fileprivate func misfit(
    of masks: MaskFolder, _ listing: ImageListing, _ model: ModelSpecification, _ input: PictureSize
  ) throws -> String? {
    var reason: (any Error)?
    for path in listing.paths.prefix(FirstPictures.tries) {
      let (name, picture) = (masks.file(of: path), file(of: path, in: root))
      let mask: RGBImage
      do {
        let size = try ImageDecoder.decode(try FileTree.contents(of: picture), name: picture).size
        mask = try MaskFolder.fitted(
          try FileTree.contents(of: name), name: name, to: size, model.preprocessing)
      } catch {
        reason = reason ?? error
        continue
      }
      guard mask.width > 0, mask.height > 0, input.width % mask.width == 0, input.height % mask.height == 0 else {
        return
          "has the mask \(name) of \(mask.size), but \(model.name) takes images of \(input); a mask must have the size of "
          + "its picture, of the network's input, or of its grid of patches"
      }
      return nil
    }
    return
      "has no mask among the first \(FirstPictures.tries) that can be decoded: \(reason.map { "\($0)" } ?? "there are none")"
  }
}

extension SaliencyNetwork {
  /// The size of its images; nil where its architecture is not known.
  fileprivate var input: PictureSize? {
    guard let found = try? Architecture.named(architecture, checkpoint: checkpoint) else { return nil }
    return PictureSize(width: found.inputWidth, height: found.inputHeight)
  }
}

extension BenchmarkDefinition {
  /// Refuses to go on where the network that says what is salient is another one.
  ///
  /// - Throws: `RunFolderError.changedCheckpoint`, or a file error.
  func checkSaliencyUnchanged() throws {
    guard case .attention(let network)? = conditions.lazy.compactMap(\.saliency).first?.source,
      try FileDigest.checkpoint(network.checkpoint) != network.checkpointDigest
    else { return }
    throw RunFolderError.changedCheckpoint(model: network.architecture, path: network.checkpoint)
  }
}
