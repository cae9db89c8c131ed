import Imaging
import Tensors

/// A way to show an object without its texture, as ImageNet-R's drawings do.
package enum Rendition: String, CaseIterable, Sendable {
  /// The dark edge on white.
  case outline
  /// One colour on another.
  case flat
  /// Grey strokes inside an edge, on paper.
  case sketch
}

/// A shape of no class that a network of the miniature learns.
package enum ForeignShape: String, CaseIterable, Sendable {
  /// Six equal sides.
  case hexagon
  /// Two triangles that meet at a point.
  case hourglass
  /// Three steps.
  case stairs
  /// Open at the top.
  case cup
  /// A bar with four prongs.
  case comb

  /// The shape's figure.
  package var silhouette: Silhouette {
    switch self {
    case .hexagon: .polygon(Silhouette.vertices(count: 6, radii: [0.95]))
    case .hourglass: .polygon([Point(-0.7, -0.9), Point(0.7, -0.9), Point(-0.7, 0.9), Point(0.7, 0.9)])
    case .stairs:
      .polygon([
        Point(-0.8, 0.8), Point(-0.8, 0.3), Point(-0.3, 0.3), Point(-0.3, -0.2), Point(0.2, -0.2), Point(0.2, -0.7),
        Point(0.8, -0.7), Point(0.8, 0.8),
      ])
    case .cup:
      .polygon([
        Point(-0.8, -0.8), Point(-0.4, -0.8), Point(-0.4, 0.4), Point(0.4, 0.4), Point(0.4, -0.8), Point(0.8, -0.8),
        Point(0.8, 0.8), Point(-0.8, 0.8),
      ])
    case .comb:
      Silhouette(
        parts: [.fill(.rectangle(from: Point(-0.85, -0.7), to: Point(0.85, -0.25)))]
          + (0..<4).map { prong in
            let left = -0.85 + 0.48 * Double(prong)
            return .fill(.rectangle(from: Point(left, -0.25), to: Point(left + 0.26, 0.75)))
          })
    }
  }
}

/// What of a picture's foreground and background is shown, as in ImageNet-9.
package enum BackgroundVariant: String, CaseIterable, Sendable {
  /// The picture itself.
  case original
  /// The object before the background of another picture of its class.
  case mixedSame = "mixed_same"
  /// The object before the background of a picture of any class.
  case mixedRandom = "mixed_rand"
  /// The object before the background of a picture of the next class.
  case mixedNext = "mixed_next"
  /// The object on black.
  case onlyForeground = "only_fg"
  /// The picture with the object's figure in black.
  case noForeground = "no_fg"
  /// The background with the object's bounding box in black.
  case onlyBackgroundBlack = "only_bg_b"
  /// The background without the object.
  case onlyBackground = "only_bg_t"
}

extension Scene {
  /// The scene with a smaller, more turned object behind more fragments: hard by construction, not by any network.
  func hardened(_ random: inout CounterRandomSequence) -> Scene {
    var scene = self
    let small = Pose(
      centre: pose.centre, radius: pose.horizontal.length * random.number(in: 0.5...0.7),
      turns: random.number(in: -0.25...0.25))
    scene.pose = small
    scene.occlusion = Occlusion(
      fragments: (0..<3).flatMap { _ in Occlusion(near: small, &random).fragments })
    return scene
  }

  /// The object alone in a manner of drawing, `side` x `side` pixels.
  package func render(as rendition: Rendition, side: Int) -> RGBImage {
    let samples = side * Self.samplesPerPixel
    let mask = Mask(silhouette, pose: pose, side: samples)
    let edge = mask.softened(radius: samples / 96)
    let paper = rendition == .flat ? style.background.high : Colour(repeating: 0.96)
    var colours = [Colour](repeating: paper, count: samples * samples)
    for index in colours.indices {
      let isEdge = edge[index] > 0.15 && edge[index] < 0.85
      let (row, column) = (index / samples, index % samples)
      switch rendition {
      case .outline: if isEdge { colours[index] = Colour(repeating: 0.1) }
      case .flat: if mask.samples[index] == 1 { colours[index] = style.object.low }
      case .sketch:
        let isStroke = mask.samples[index] == 1 && (row + column) % (samples / 16) < samples / 64
        if isEdge || isStroke { colours[index] = Colour(repeating: 0.4) }
      }
    }
    return Canvas(colours: colours, side: samples).image(samplesPerPixel: Self.samplesPerPixel)
  }

  /// The scene with foreground and background as a variant has them, `side` x `side` pixels.
  ///
  /// - Parameter other: whose background is shown where the variant mixes two scenes.
  package func render(_ variant: BackgroundVariant, other: Scene, side: Int) -> RGBImage {
    let black = RGBImage(width: side, height: side, pixels: [])
    let cover = coverage(side: side)
    switch variant {
    case .original: return render(side: side)
    case .mixedSame, .mixedRandom, .mixedNext:
      return render(side: side).blended(over: other.renderBackground(side: side), cover: cover)
    case .onlyForeground: return render(side: side).blended(over: black, cover: cover)
    case .noForeground: return black.blended(over: render(side: side), cover: cover)
    case .onlyBackgroundBlack:
      return black.blended(over: renderBackground(side: side), cover: Self.boundingBox(of: cover, side: side))
    case .onlyBackground: return renderBackground(side: side)
    }
  }

  private func renderBackground(side: Int) -> RGBImage {
    let samples = side * Self.samplesPerPixel
    var canvas = Canvas(texture: background.texture.values(side: samples), colours: style.background, side: samples)
    for fragment in background.fragments { canvas.draw(fragment, style: style) }
    canvas.illuminate(by: style.light)
    return canvas.image(samplesPerPixel: Self.samplesPerPixel)
  }

  /// How many samples of each pixel the object covers.
  private func coverage(side: Int) -> [Int] {
    let samples = side * Self.samplesPerPixel
    let mask = Mask(silhouette, pose: pose, side: samples)
    var cover = [Int](repeating: 0, count: side * side)
    for index in mask.samples.indices where mask.samples[index] == 1 {
      cover[index / samples / Self.samplesPerPixel * side + index % samples / Self.samplesPerPixel] += 1
    }
    return cover
  }

  private static func boundingBox(of cover: [Int], side: Int) -> [Int] {
    let covered = cover.indices.filter { cover[$0] > 0 }
    let rows = covered.map { $0 / side }
    let columns = covered.map { $0 % side }
    guard let top = rows.min(), let bottom = rows.max(), let left = columns.min(), let right = columns.max() else {
      return cover
    }
    return cover.indices.map { (top...bottom).contains($0 / side) && (left...right).contains($0 % side) ? 16 : 0 }
  }
}

extension RGBImage {
  /// This picture where `cover` is 16, the other where it is 0, rounded between.
  fileprivate func blended(over other: RGBImage, cover: [Int]) -> RGBImage {
    let mixed = pixels.indices.map { index in
      let share = cover[index / 3]
      return UInt8((Int(pixels[index]) * share + Int(other.pixels[index]) * (16 - share) + 8) / 16)
    }
    return RGBImage(width: width, height: height, pixels: mixed)
  }
}
