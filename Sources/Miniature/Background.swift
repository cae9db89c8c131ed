import Tensors

/// A silhouette that is not the picture's object, with the number of its colour in `Style.clutter`.
package struct Fragment: Sendable, Equatable {
  let silhouette: Silhouette
  let pose: Pose
  let colourIndex: Int

  /// A splinter, bar or disc, of a radius on the canvas.
  init(centre: Point, radius: Double, _ random: inout CounterRandomSequence) {
    silhouette =
      switch random.index(below: 3) {
      case 0: .disc(radius: 0.8)
      case 1: .polygon([Point(-1, -0.2), Point(1, -0.2), Point(1, 0.2), Point(-1, 0.2)])
      default: Self.splinter(&random)
      }
    pose = Pose(
      centre: centre, radius: radius, turns: random.nextUniform(), stretch: random.number(in: 0.6...1.2))
    colourIndex = random.index(below: 5)
  }

  /// A small object of any class, too small to be the picture's own.
  init(smallObjectAt centre: Point, _ random: inout CounterRandomSequence) {
    let classes = ObjectClass.allCases
    silhouette = classes[random.index(below: classes.count)].silhouette(&random)
    pose = Pose(centre: centre, radius: random.number(in: 0.06...0.1), turns: random.number(in: -0.17...0.17))
    colourIndex = random.index(below: 5)
  }

  private static func splinter(_ random: inout CounterRandomSequence) -> Silhouette {
    .polygon(
      (0..<4).map { corner in
        let turns = (Double(corner) + random.number(in: -0.3...0.3)) / 4
        return Point.direction(turns: turns) * random.number(in: 0.35...1)
      })
  }
}

/// What lies behind the object, without colours.
package struct Background: Sendable, Equatable {
  let texture: Texture
  let fragments: [Fragment]

  /// A texture with one to four fragments on it and at times a small object.
  package init(_ random: inout CounterRandomSequence) {
    texture = Texture(&random)
    var fragments = (0..<1 + random.index(below: 4)).map { _ in
      Fragment(
        centre: Point(random.nextUniform(), random.nextUniform()), radius: random.number(in: 0.04...0.13), &random)
    }
    if random.chance(0.2) {
      let centre = Point(random.number(in: 0.08...0.92), random.number(in: 0.08...0.92))
      fragments.append(Fragment(smallObjectAt: centre, &random))
    }
    self.fragments = fragments
  }
}

/// What lies before the object and hides parts of its edge.
package struct Occlusion: Sendable, Equatable {
  let fragments: [Fragment]

  /// These fragments.
  init(fragments: [Fragment]) {
    self.fragments = fragments
  }

  /// At times a fragment near the edge of an object that lies so.
  package init(near pose: Pose, _ random: inout CounterRandomSequence) {
    fragments = (0..<random.index(below: 2)).map { _ in
      let place = Point.direction(turns: random.nextUniform()) * random.number(in: 0.45...1.05)
      return Fragment(
        centre: pose.apply(to: place), radius: pose.horizontal.length * random.number(in: 0.2...0.45), &random)
    }
  }
}
