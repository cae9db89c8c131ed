import Benchmarks
import Foundation
import Imaging
import Planning
import TestSupport
import Testing

/// Manifest entries of the experiments that change what a network is given.
@Suite struct StudyManifestTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func parse(_ benchmark: String) throws -> BenchmarkDefinition {
    let head = try #require(Workspace.manifest.components(separatedBy: "benchmarks:").first)
    return try #require(
      ManifestReader(file: workspace.path + "/m.yaml").parse(head + "benchmarks:\n  - " + benchmark + "\n").benchmarks
        .first)
  }

  private func expectRefusal(_ benchmark: String, _ words: String) {
    #expect { try parse(benchmark) } throws: { "\($0)".contains(words) && $0 is ManifestError }
  }

  @Test("noise by frequency: eleven bands of 40/255 unless something else is asked for")
  func frequencyNoise() throws {
    let plain = try parse("{kind: frequency-noise, root: val}")
    #expect(plain.conditions.count == 12 && plain.name == "frequency-noise")
    guard case .addNoise(let noise)? = plain.conditions[1].input.first else {
      Issue.record("\(plain.conditions[1])")
      return
    }
    #expect(noise == BandNoise(band: FrequencyBand(tenth: 0), making: BandNoise.Making(epsilon: 40.0 / 255)))
    let authors = try parse(
      "{kind: frequency-noise, root: val, frequencies: [0.7, 0.0], domain: normalised, mask: authors, energy: equal, sign: false}"
    )
    let making = BandNoise.Making(
      epsilon: 0.7, domain: .normalised, mask: .authors, energy: .equal, isSign: false, clips: false)
    #expect(authors.grid.axes[0].values == ["none", "0.0", "0.7"])
    #expect(authors.conditions[2].input == [.addNoise(BandNoise(band: FrequencyBand(tenth: 7), making: making))])
    for (eps, value) in [("8/255", 8.0 / 255), ("0.03", 0.03), ("1", 1)] {
      #expect(try parse("{kind: frequency-noise, root: val, eps: \(eps)}").attributes["noise_eps"] == "\(value)")
    }
    expectRefusal(
      "{kind: frequency-noise, root: val, eps: 8}", "eps is 8.0, but must be greater than 0.0 and at most 1.0")
    expectRefusal("{kind: frequency-noise, root: val, eps: 300/255}", "eps is 300/255, but must be greater than 0.0")
    expectRefusal("{kind: frequency-noise, root: val, eps: 8/0}", "a fraction such as 8/255")
    expectRefusal("{kind: frequency-noise, root: val, eps: 8/255/2}", "eps must be a number")
    expectRefusal("{kind: frequency-noise, root: val, frequencies: [0.75]}", "must be one of 0.0, 0.1")
    expectRefusal("{kind: frequency-noise, root: val, sign: maybe}", "must be one of true, false")
    expectRefusal("{kind: frequency-noise, root: val, mask: round}", "must be one of symmetric, authors")
    expectRefusal("{kind: frequency-noise, root: val, epsilon: 1}", "unknown key \"epsilon\"")
  }

  @Test(
    "a heat map of frequencies: 63 x 63 with norm 15.7; an even size, and more waves than images have pixels for, are refused"
  )
  func fourierHeatMap() throws {
    let plain = try parse("{kind: fourier-heat-map, root: val}")
    #expect(plain.conditions.count == 1985 && plain.attributes["wave_norm"] == "15.7")
    guard case .addWave(let wave)? = plain.conditions[0].input.first else {
      Issue.record("\(plain.conditions[0])")
      return
    }
    #expect(wave == FourierWave(row: 31, column: 31, norm: 15.7))
    #expect(try parse("{kind: fourier-heat-map, root: val, size: 5, norm: 4}").conditions.count == 13)
    expectRefusal("{kind: fourier-heat-map, root: val, size: 4}", "size is 4, but must be odd")
    expectRefusal("{kind: fourier-heat-map, root: val, norm: 0}", "norm is 0.0, but must be greater than 0.0")
    func plan(_ size: Int) throws -> Plan {
      try workspace.write(
        """
        run: map
        models: [{architecture: replknet-nano, checkpoint: nano.safetensors}]
        benchmarks: [{kind: fourier-heat-map, root: val, size: \(size)}]
        """, to: "map.yaml")
      return try Plan.make(manifestPath: workspace.path + "/map.yaml")
    }
    #expect(try plan(63).manifest.benchmarks[0].conditions.count == 1985)
    #expect { try plan(65) } throws: {
      "\($0)".contains("takes images of 64x64, which have up to 31; ask for fewer with the key size, 63 at most")
    }
  }

  private func plan(_ benchmark: String) throws -> Plan {
    try workspace.write(
      """
      run: plan
      models: [{architecture: replknet-nano, checkpoint: nano.safetensors}]
      benchmarks: [\(benchmark)]
      """, to: "plan.yaml")
    return try Plan.make(manifestPath: workspace.path + "/plan.yaml")
  }

  private func grey(_ width: Int, _ height: Int, to name: String) throws {
    try workspace.write("P5 \(width) \(height) 255\n" + String(repeating: "A", count: width * height), to: name)
  }

  @Test("occlusion takes any grid, moved or not, and patches in another order are a benchmark of their own")
  func grids() throws {
    let wide = try parse("{kind: occlusion, root: val, grid: 4x8, percents: [50], shift: true}")
    let drop = PatchDrop(grid: PatchGrid(rows: 4, columns: 8), percent: 50, isShifted: true)
    #expect(wide.condition(at: 0)?.steps == [.fit, .drop(drop)])
    #expect(wide.attributes["patch_grid"] == "4x8" && wide.attributes["patch_shift"] != nil)
    let plain = try parse("{kind: occlusion, root: val}")
    #expect(plain.attributes == ["patch_grid": "14", "patches_dropped": "19 39 58 78 98 117 137 156 176"])
    for grid in ["0", "4x", "x4", "4x8x2", "-1x4", "2000", "4 x 8"] {
      expectRefusal("{kind: occlusion, root: val, grid: \(grid)}", "rows and columns as in 4x8")
    }
    let shuffled = try parse("{kind: patch-shuffle, root: val}")
    #expect(shuffled.grid.axes[0].values == ["2x2", "2x4", "4x4", "4x8", "8x8", "14x14", "16x16"])
    #expect(shuffled.condition(at: 1)?.steps == [.fit, .shuffle(PatchShuffle(grid: PatchGrid(rows: 2, columns: 4)))])
    expectRefusal("{kind: patch-shuffle, root: val, grids: [2x2, 2]}", "different grids")
    #expect(try plan("{kind: patch-shuffle, root: val, grids: [2, 4x8]}").manifest.benchmarks[0].conditions.count == 2)
    #expect { try plan("{kind: patch-shuffle, root: val, grids: [2, 14]}") } throws: {
      "\($0)".contains("has 14x14 patches, but replknet-nano takes images of 64x64")
    }
  }

  @Test("occlusion by masks: what is dropped, and which keys go with it")
  func masks() throws {
    for name in ["apple", "pear"] {
      for image in 0..<4 { try grey(8, 8, to: "masks/\(name)/\(image).png") }
    }
    let salient = try parse("{kind: occlusion, root: val, masks: masks, grid: 8, percents: [10, 50]}")
    let masks = try #require(salient.masks)
    let grid = PatchGrid(side: 8)
    #expect(
      salient.condition(at: 1)?.steps == [.fit, .hide(MaskDrop(isSalient: true, grid: grid, percent: 50), masks)])
    #expect(salient.attributes["dropped"] == "salient" && salient.attributes["masks_sha256"] == masks.digest)
    let rest = try parse("{kind: occlusion, root: val, masks: masks, drop: non-salient}")
    #expect(rest.conditions.count == 9)
    let background = try parse("{kind: occlusion, root: val, masks: masks, drop: background, threshold: 1}")
    #expect(background.conditions.map(\.steps) == [[.fit, .hide(MaskDrop(isForeground: false, threshold: 1), masks)]])
    expectRefusal("{kind: occlusion, root: val, drop: salient}", "drop: salient needs masks")
    expectRefusal("{kind: occlusion, root: val, masks: masks, drop: random}", "masks needs one of drop: salient")
    expectRefusal("{kind: occlusion, root: val, masks: masks, shift: true}", "shift only applies to random patches")
    expectRefusal("{kind: occlusion, root: val, masks: masks, threshold: 9}", "threshold needs drop: foreground")
    expectRefusal(
      "{kind: occlusion, root: val, masks: masks, drop: foreground, percents: [1]}", "percents applies to patches")
    expectRefusal("{kind: occlusion, root: val, masks: gone}", "gone, which does not exist")
    expectRefusal("{kind: occlusion, root: val, masks: val}", "no masks in")
  }

  @Test("masks of a plan: images without are left out, those that fit nothing refused")
  func plannedMasks() throws {
    for image in 0..<4 { try grey(8, 8, to: "masks/apple/\(image).png") }
    try grey(8, 8, to: "masks/pear/0.png")
    let planned = try plan("{kind: occlusion, root: val, masks: masks, grid: 8, percents: [50]}")
    #expect(planned.listings[0].paths.count == 5 && planned.listings[0].leftOut.count == 5)
    #expect(planned.listings[0].leftOut.allSatisfy { $0.reason.contains("it has no mask") })
    try planned.checkInputsUnchanged()
    #expect { try plan("{kind: occlusion, root: val, masks: masks, percents: [50]}") } throws: {
      "\($0)".contains("has 14x14 patches, but")
    }
    // The first mask cannot be decoded; the next one counts.
    try workspace.write("no picture", to: "masks/apple/0.png")
    #expect(throws: (any Error).self) { try planned.checkInputsUnchanged() }
    #expect(try plan("{kind: occlusion, root: val, masks: masks, grid: 8}").listings[0].paths.count == 5)
    try grey(9, 9, to: "masks/apple/0.png")
    #expect { try plan("{kind: occlusion, root: val, masks: masks, grid: 8}") } throws: {
      "\($0)".contains("apple/0.png of 9x9, but replknet-nano takes images of 64x64")
    }
    // Of the picture's own size.
    try grey(64, 48, to: "masks/apple/0.png")
    #expect(try plan("{kind: occlusion, root: val, masks: masks, grid: 8}").listings[0].paths.count == 5)
    for mask in ["apple/0", "apple/1", "apple/2", "apple/3", "pear/0"] {
      try workspace.write("no picture", to: "masks/\(mask).png")
    }
    #expect { try plan("{kind: occlusion, root: val, masks: masks, grid: 8}") } throws: {
      "\($0)".contains("no mask among the first 16 that can be decoded")
    }
  }

  @Test("ImageNet-A and -R may be scored among all classes, others not")
  func classes() throws {
    for kind in ["imagenet-a", "imagenet-r"] {
      #expect(try parse("{kind: \(kind), root: val, classes: all}").answersAmongAll)
      let plain = try parse("{kind: \(kind), root: val}")
      let all = try parse("{kind: \(kind), root: val, classes: all}")
      #expect(!plain.answersAmongAll && all.classes.isEmpty && all != plain)
    }
    for kind in ["imagenet-val", "occlusion"] {
      expectRefusal(
        "{kind: \(kind), root: val, classes: all}",
        "classes: all is for imagenet-a and imagenet-r; \(kind) takes a list of class folders")
    }
    expectRefusal("{kind: imagenet-o, root: val, in: val, classes: all}", "classes: all is for imagenet-a")
  }

  @Test("what is seen within networks: how many images, and refusals")
  func observations() throws {
    let features = try parse("{kind: feature-maps, root: val}")
    #expect(features.observed == .features && features.sample == ImageSample(1280) && !features.needsClasses)
    #expect(try parse("{kind: attention-distance, root: val}").sample == ImageSample(128))
    #expect(try parse("{kind: receptive-field, root: val, images: 3}").sample == ImageSample(3))
    #expect(try parse("{kind: gradient-maps, root: val, steps: 9}").observed == .gradients(steps: 9))
    let kernels = try parse("{kind: kernel-distance, models: [nano]}")
    #expect(kernels.observed == .kernelDistance && kernels.models == ["nano"] && !kernels.evaluates("other"))
    #expect(try kernels.listing().paths == ["weights"])
    expectRefusal("{kind: kernel-distance, root: val}", "unknown key \"root\"")
    expectRefusal("{kind: feature-maps, root: val, images: 0}", "images")
    expectRefusal("{kind: feature-maps}", "missing key \"root\"")
    expectRefusal("{kind: feature-maps, root: val, models: []}", "must list different names of the run's models")
    expectRefusal(
      "{kind: feature-maps, root: val, models: [nano, nano]}", "must list different names of the run's models")
    expectRefusal("{kind: feature-maps, root: val, models: [nut]}", "must be one of nano")
    #expect(try parse("{kind: imagenet-val, root: val, images: 3}").sample == ImageSample(3))
    try workspace.write("# one of them\n1.png\n", to: "list.txt")
    #expect(try parse("{kind: imagenet-val, root: val, images: list.txt}").sample == ImageSample(names: ["1.png"]))
    try workspace.write("# none\n", to: "empty.txt")
    expectRefusal("{kind: imagenet-val, root: val, images: empty.txt}", "lists 0 images, but must list from 1")
    expectRefusal("{kind: imagenet-val, root: val, images: nowhere.txt}", "which does not exist")
    try workspace.write("7.png\n8.png\n", to: "others.txt")
    let others = try parse("{kind: imagenet-val, root: val, images: others.txt}")
    #expect(throws: ListingError.self) { try others.listing() }
    // Sets whose images belong together are not sampled.
    expectRefusal("{kind: imagenet-o, root: val, in: val, images: 3}", "unknown key \"images\"")
  }

  @Test("images are transferred to models that take them and can be scored, and their passes are counted")
  func transfers() throws {
    func plan(_ other: String, _ models: String = "[one]") throws -> Plan {
      try workspace.writeHead(classes: 3, to: "three.safetensors")
      try workspace.write(
        """
        run: transfer
        models:
          - {name: one, architecture: replknet-nano, checkpoint: nano.safetensors}
          - {name: other, \(other)}
        benchmarks:
          - {kind: attack, root: val, method: fgsm, budgets: [1/255], transfer: true, models: \(models)}
          - {kind: receptive-field, root: val, models: \(models), images: 4}
        """, to: "transfer.yaml")
      return try Plan.make(manifestPath: workspace.path + "/transfer.yaml")
    }
    let costs = try plan("architecture: replknet-nano, checkpoint: nano.safetensors").costs
    // Of ten images clean and attacked: own logits, the other's, and a gradient; of four images gradients alone.
    #expect(costs.map(\.passes) == [Passes(forward: 2 * 20, gradients: 10), Passes(gradients: 4)])
    #expect { try plan("architecture: replknet-nano, checkpoint: three.safetensors") } throws: {
      "\($0)".contains("other cannot be scored on attack")
    }
    #expect { try plan("architecture: replknet-nano@96, checkpoint: nano.safetensors") } throws: {
      "\($0)".contains("one takes images of 64x64 and other of 96x96; a run must have models of one size")
    }
  }

  @Test("occlusion in the order in which a network looks: a model of the run, one of its own, the gradient")
  func saliency() throws {
    let own = try parse("{kind: occlusion, root: val, saliency: gradient, percents: [50]}")
    #expect(
      own.conditions[0].saliency == SaliencyDrop(isSalient: true, percent: 50, source: .gradient(PatchGrid(side: 14))))
    #expect(own.conditions[0].needsGradients && own.conditions[0].needsLabels && own.isDrawn)
    let other = try parse(
      "{kind: occlusion, root: val, drop: non-salient, saliency: gradient, grid: 8, percents: [10, 20]}")
    #expect(
      other.conditions.map { $0.saliency?.isSalient } == [false, false]
        && other.conditions[1].saliency?.grid == PatchGrid(side: 8))
    expectRefusal("{kind: occlusion, root: val, saliency: nut}", "must be gradient, the name of one of the models")
    // The run's own network is no transformer.
    expectRefusal(
      "{kind: occlusion, root: val, saliency: nano}",
      "no global self-attention; name a ViT, or write gradient"
    )
    expectRefusal("{kind: occlusion, root: val, saliency: gradient, masks: val}", "are mutually exclusive")
    expectRefusal(
      "{kind: occlusion, root: val, drop: random, saliency: gradient}", "saliency needs one of drop: salient")
    expectRefusal(
      "{kind: occlusion, root: val, drop: foreground, saliency: gradient}", "needs masks, not a network")
    expectRefusal("{kind: occlusion, root: val, saliency: {checkpoint: nowhere}}", "which does not exist")
    // Another network's checkpoint is found out before anything starts; one without a head will do.
    expectRefusal(
      "{kind: occlusion, root: val, saliency: {architecture: vit-nano, checkpoint: \(Repository.path)/models/resnet-nano.safetensors}}",
      "is missing")
    let vit = try parse(
      "{kind: occlusion, root: val, saliency: {architecture: vit-nano, checkpoint: \(Repository.path)/models/vit-nano.safetensors, head: 2}}"
    )
    guard case .attention(let network)? = vit.conditions[0].saliency?.source else {
      Issue.record("\(vit.conditions[0])")
      return
    }
    #expect(network.head == 2 && network.grid == PatchGrid(side: 8))
    expectRefusal(
      "{kind: occlusion, root: val, saliency: {architecture: vit-nano, checkpoint: \(Repository.path)/models/vit-nano.safetensors, head: 3}}",
      "head")
    expectRefusal(
      "{kind: occlusion, root: val, drop: salient}", "needs masks: a folder of grey pictures; or saliency: a network")
    // What says what is salient looks at the images as they are given to the network that answers.
    #expect {
      try plan("{kind: occlusion, root: val, saliency: gradient, grid: 7}")
    } throws: {
      "\($0)".contains("has 7x7 patches, but replknet-nano takes images of 64x64")
    }
    try workspace.write(
      """
      run: sizes
      models: [{name: wide, architecture: replknet-nano@96, checkpoint: nano.safetensors}]
      benchmarks:
        - {kind: occlusion, root: val,
           saliency: {architecture: vit-nano, checkpoint: \(Repository.path)/models/vit-nano.safetensors}}
      """, to: "sizes.yaml")
    #expect {
      try Plan.make(manifestPath: workspace.path + "/sizes.yaml")
    } throws: {
      "\($0)".contains("takes saliency from vit-nano, which takes images of 64x64, but wide takes images of 96x96")
    }
    #expect(try parse("{kind: attack, root: val, transfer: true}").observed == .transferredLogits)
    #expect(try parse("{kind: attack, root: val}").observed == .logits)
  }
}
