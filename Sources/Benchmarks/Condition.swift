import Imaging
import Tensors

/// What is evaluated at one cell of a benchmark's grid: what is done to each picture, step by step, and what is left out of
/// the network. It is made once, when a run is planned.
public struct Condition: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The cell of the grid.
  public let cell: GridCell
  /// What is done to a picture, from the file's to the network's, in this order.
  public let steps: [PictureStep]
  /// What is done then to the values that the network is given, in this order; none: they are the picture's own.
  public let input: [InputStep]
  /// Which patches of them are then set to 0, in the order in which a network looks at them; nil: none.
  public let saliency: SaliencyDrop?
  /// How the values are changed then so that the network errs; nil: not at all.
  public let attack: Attack?
  /// What is left out of the network; nil: nothing.
  public let lesion: Lesion?

  /// What is done at a cell of a grid.
  public init(
    _ cell: GridCell, steps: [PictureStep], input: [InputStep] = [], saliency: SaliencyDrop? = nil,
    attack: Attack? = nil,
    lesion: Lesion? = nil
  ) {
    self.saliency = saliency
    self.cell = cell
    self.steps = steps
    self.input = input
    self.attack = attack
    self.lesion = lesion
  }

  /// The cell as people write it.
  public var description: String { cell.description }

  /// Whether the network is asked for gradients before it is asked for its answer.
  public var needsGradients: Bool {
    if case .gradient? = saliency?.source { return true }
    return attack?.method.needsGradients == true
  }

  /// Whether what is done rests on what images show.
  public var needsLabels: Bool {
    if case .gradient? = saliency?.source { return true }
    return attack != nil
  }

  /// Whether values are changed once they have the network's size, in [0, 1], by asking a network.
  public var asksNetworks: Bool { saliency != nil || attack != nil }

  /// Where the masks lie that the steps need.
  public var masks: MaskFolder? {
    steps.lazy.compactMap { if case .hide(_, let masks) = $0 { masks } else { nil } }.first
  }

  /// Where the pictures of frost lie that the steps need.
  public var frost: FrostFolder? {
    steps.lazy.compactMap { if case .corrupt(_, severity: _, let making) = $0 { making.frost } else { nil } }.first
  }
}

/// One thing that is done to a picture.
public enum PictureStep: Sendable, Hashable, Codable {
  /// It is resized and cropped to the network's size.
  case fit
  /// It becomes a frame of a sequence at the network's size: pictures are moved before they are cropped.
  case perturb(Perturbation, frame: Int)
  /// It is corrupted.
  case corrupt(Corruption, severity: Int, CorruptionMaking)
  /// Patches of it are set to 0.
  case drop(PatchDrop)
  /// Its patches are put in another order.
  case shuffle(PatchShuffle)
  /// What its mask says is set to 0.
  case hide(MaskDrop, MaskFolder)
}

/// What steps need to know of an image besides its picture.
public struct PictureContext: Sendable {
  /// How pictures come to the network's size.
  public let preprocessing: Preprocessing
  /// Pictures of this size are taken as they are; nil: none are.
  public let kept: PictureSize?
  /// The run's seed.
  public let seed: UInt64
  /// What ``FrostFolder/pictures()`` gives of the condition's folder.
  public let frostPictures: [RGBImage]
  /// The image's mask as ``MaskFolder/fitted(_:name:to:_:)`` gives it, where the condition has masks.
  public var mask: RGBImage?

  /// What is known of the images of a shard.
  public init(preprocessing: Preprocessing, keeping kept: PictureSize?, seed: UInt64, frostPictures: [RGBImage]) {
    (self.preprocessing, self.kept, self.seed, self.frostPictures) = (preprocessing, kept, seed, frostPictures)
  }

  /// The random numbers of what is done to an image.
  func random(at path: String, _ what: String) -> CounterRandom {
    CounterRandom(key: seed, stream: StableHash.of("\(path)\t\(what)"))
  }
}

extension PictureStep {
  /// The picture after this step. Random numbers are those of the run's seed, the image's path and what is done, so that
  /// they are the same wherever and whenever it is done.
  ///
  /// - Throws: `ImageError` for a picture that cannot be changed so.
  public func apply(to picture: RGBImage, at path: String, _ context: PictureContext) throws(ImageError) -> RGBImage {
    func random(_ what: String) -> CounterRandom { context.random(at: path, what) }
    switch self {
    case .fit: return picture.size == context.kept ? picture : try context.preprocessing.geometry(picture)
    case .perturb(let perturbation, let frame):
      return try perturbation.frame(
        frame, of: picture, preprocessing: context.preprocessing, random: random(perturbation.rawValue))
    case .corrupt(let corruption, let severity, let making):
      return try making.apply(
        corruption, to: picture, severity: severity, random: random("\(corruption.rawValue)\t\(severity)"),
        frostPictures: context.frostPictures)
    case .drop(let drop): return drop.apply(picture, random: random("occlusion"))
    case .shuffle(let shuffle): return try shuffle.apply(picture, random: random("shuffle\t\(shuffle.grid)"))
    case .hide(let drop, let masks):
      guard let mask = context.mask else {
        throw .unreadable(masks.file(of: path), reason: "the mask was not read")
      }
      return try drop.apply(picture, mask: mask)
    }
  }
}
