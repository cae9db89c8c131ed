import Tensors

/// Red, green and blue, each from 0 to 1 as displayed.
package typealias Colour = SIMD3<Float>

/// How a scene is painted: colours, the object's texture and the light, apart from what lies where.
package struct Style: Sendable, Equatable {
  /// The two colours between which a texture's values lead.
  package struct Pair: Sendable, Equatable {
    let low: Colour
    let high: Colour
  }

  let background: Pair
  let object: Pair
  let objectTexture: Texture
  let clutter: [Colour]
  let light: Light

  /// A random palette and light. Object and background may differ little in brightness, and some of the clutter has the
  /// object's or the background's own colour.
  package init(_ random: inout CounterRandomSequence) {
    let backgroundHue = random.nextUniform()
    let backgroundValue = random.number(in: 0.25...0.85)
    let contrast = random.number(in: 0.12...0.48)
    let isBrighter = backgroundValue < 0.4 || (backgroundValue < 0.65 && random.chance(0.5))
    let objectHue = backgroundHue + random.number(in: 0.08...0.92)
    background = Self.pair(
      hue: backgroundHue, saturation: random.number(in: 0.05...0.65), value: backgroundValue,
      difference: random.number(in: 0.05...0.3), &random)
    object = Self.pair(
      hue: objectHue, saturation: random.number(in: 0.1...0.85),
      value: backgroundValue + (isBrighter ? contrast : -contrast), difference: random.number(in: 0.04...0.24), &random)
    objectTexture = Texture(&random)
    let strangers = (0..<3).map { _ in
      Self.colour(
        hue: random.nextUniform(), saturation: random.number(in: 0.1...0.85), value: random.number(in: 0.15...0.95))
    }
    clutter = [object.low, background.high] + strangers
    light = Light(&random)
  }

  private static func pair(
    hue: Double, saturation: Double, value: Double, difference: Double, _ random: inout CounterRandomSequence
  ) -> Pair {
    Pair(
      low: colour(hue: hue, saturation: saturation, value: value - difference / 2),
      high: colour(hue: hue + random.number(in: -0.07...0.07), saturation: saturation, value: value + difference / 2))
  }

  /// From hue (in turns), saturation and value: f(n) = v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 hue) mod 6.
  static func colour(hue: Double, saturation: Double, value: Double) -> Colour {
    let value = max(0.03, min(0.97, value))
    let position = (hue - hue.rounded(.down)) * 6
    func channel(_ offset: Double) -> Float {
      let place = offset + position < 6 ? offset + position : offset + position - 6
      return Float(value - value * saturation * max(0, min(place, 4 - place, 1)))
    }
    return Colour(channel(5), channel(3), channel(1))
  }
}

/// Where the light comes from and what it does to the scene.
package struct Light: Sendable, Equatable {
  /// The way towards the light in the plane.
  let direction: Point
  /// How much brighter the canvas's side towards the light is.
  let falloff: Float
  /// How strongly the object's rounded edges are shaded.
  let relief: Float
  /// How dark the object's shadow is, 0 to 1.
  let shadow: Float
  /// The shadow's distance, as a part of the canvas.
  let shadowDistance: Double
  /// What all colours are multiplied by.
  let exposure: Float

  init(_ random: inout CounterRandomSequence) {
    direction = Point.direction(turns: random.nextUniform())
    falloff = Float(random.number(in: 0.1...0.7))
    relief = Float(random.number(in: 0.2...1.1))
    shadow = Float(random.number(in: 0...0.5))
    shadowDistance = random.number(in: 0.015...0.06)
    exposure = Float(random.number(in: 0.75...1.15))
  }
}
