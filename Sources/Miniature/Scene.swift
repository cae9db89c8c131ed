import Imaging
import Tensors

/// A picture before it is drawn. Object, background, occlusion and style are separate inputs: any one may be exchanged
/// while the others stay, which is how benchmarks of backgrounds and of shape against texture are made.
package struct Scene: Sendable, Equatable {
  /// The object's figure.
  package var silhouette: Silhouette
  /// The object's place.
  package var pose: Pose
  /// What lies behind the object.
  package var background: Background
  /// What hides parts of the object.
  package var occlusion: Occlusion
  /// How all of it is painted.
  package var style: Style

  /// A scene of its parts.
  package init(silhouette: Silhouette, pose: Pose, background: Background, occlusion: Occlusion, style: Style) {
    self.silhouette = silhouette
    self.pose = pose
    self.background = background
    self.occlusion = occlusion
    self.style = style
  }

  /// The scene number `index` of a family; each of its parts is drawn from a stream of its own.
  ///
  /// - Parameter key: the family: seed and split.
  package init(of objectClass: ObjectClass, key: UInt64, index: UInt64) {
    func stream(_ part: UInt64) -> CounterRandomSequence {
      CounterRandomSequence(CounterRandom(key: key, stream: index &* 4 &+ part))
    }
    var object = stream(0)
    var behind = stream(1)
    var before = stream(2)
    var paint = stream(3)
    let silhouette = objectClass.silhouette(&object)
    let pose = Pose.ofObject(&object)
    self.init(
      silhouette: silhouette, pose: pose, background: Background(&behind),
      occlusion: Occlusion(near: pose, &before), style: Style(&paint))
  }

  /// The samples of each pixel, a side.
  static let samplesPerPixel = 4

  /// Draws the scene, `side` x `side` pixels. Additions, multiplications, divisions and square roots alone, in one
  /// order, so that every machine draws the same bytes.
  package func render(side: Int) -> RGBImage {
    let samples = side * Self.samplesPerPixel
    var canvas = Canvas(texture: background.texture.values(side: samples), colours: style.background, side: samples)
    for fragment in background.fragments { canvas.draw(fragment, style: style) }
    let mask = Mask(silhouette, pose: pose, side: samples)
    canvas.drawObject(mask, texture: style.objectTexture.values(side: samples), style: style)
    for fragment in occlusion.fragments { canvas.draw(fragment, style: style) }
    canvas.illuminate(by: style.light)
    return canvas.image(samplesPerPixel: Self.samplesPerPixel)
  }
}

/// The colours of all samples while a scene is drawn.
struct Canvas {
  let side: Int
  var colours: [Colour]

  init(colours: [Colour], side: Int) {
    self.colours = colours
    self.side = side
  }

  init(texture: [Float], colours pair: Style.Pair, side: Int) {
    self.side = side
    let difference = pair.high - pair.low
    colours = texture.map { pair.low + difference * $0 }
  }

  mutating func draw(_ fragment: Fragment, style: Style) {
    let mask = Mask(fragment.silhouette, pose: fragment.pose, side: side)
    let colour = style.clutter[fragment.colourIndex]
    for index in colours.indices where mask.samples[index] == 1 { colours[index] = colour }
  }

  mutating func drawObject(_ mask: Mask, texture: [Float], style: Style) {
    let soft = mask.softened(radius: side / 48)
    castShadow(soft, light: style.light)
    let difference = style.object.high - style.object.low
    let towardsLight = SIMD2<Float>(Float(style.light.direction.x), Float(style.light.direction.y))
    let slopeScale = style.light.relief * Float(side) / 64
    for row in 0..<side {
      for column in 0..<side where mask.samples[row * side + column] == 1 {
        let index = row * side + column
        let slope = SIMD2<Float>(
          soft[row * side + max(column - 1, 0)] - soft[row * side + min(column + 1, side - 1)],
          soft[max(row - 1, 0) * side + column] - soft[min(row + 1, side - 1) * side + column])
        let shade = 1 + slopeScale * (slope.x * towardsLight.x + slope.y * towardsLight.y)
        colours[index] = (style.object.low + difference * texture[index]) * shade
      }
    }
  }

  private mutating func castShadow(_ soft: [Float], light: Light) {
    let offset = light.direction * (light.shadowDistance * Double(side))
    let right = Int(offset.x.rounded())
    let down = Int(offset.y.rounded())
    for row in max(0, -down)..<min(side, side - down) {
      for column in max(0, -right)..<min(side, side - right) {
        colours[row * side + column] *= 1 - light.shadow * soft[(row + down) * side + column + right]
      }
    }
  }

  mutating func illuminate(by light: Light) {
    let right = Float(light.direction.x) * light.falloff / Float(side)
    let down = Float(light.direction.y) * light.falloff / Float(side)
    let middle = Float(side) / 2
    for row in 0..<side {
      for column in 0..<side {
        let gain = 1 + right * (Float(column) - middle) + down * (Float(row) - middle)
        colours[row * side + column] *= light.exposure * gain
      }
    }
  }

  func image(samplesPerPixel: Int) -> RGBImage {
    let width = side / samplesPerPixel
    let scale = 255 / Float(samplesPerPixel * samplesPerPixel)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * width * 3)
    for row in 0..<width {
      for column in 0..<width {
        var sum = Colour()
        for y in row * samplesPerPixel..<(row + 1) * samplesPerPixel {
          for x in column * samplesPerPixel..<(column + 1) * samplesPerPixel {
            sum += colours[y * side + x].clamped(lowerBound: Colour(), upperBound: Colour(repeating: 1))
          }
        }
        for channel in 0..<3 { pixels.append(UInt8(sum[channel] * scale + 0.5)) }
      }
    }
    return RGBImage(width: width, height: width, pixels: pixels)
  }
}
