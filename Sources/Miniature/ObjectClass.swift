import Tensors

/// What a picture of the miniature shows; the case's name is its class folder.
///
/// The classes come in pairs that resemble each other when small, turned or partly covered: ring and gear, arrow and key,
/// cross and star, heart and triangle, crescent and ring, bolt and arrow.
public enum ObjectClass: String, CaseIterable, Sendable {
  /// A shaft with a head.
  case arrow
  /// A flash of lightning.
  case bolt
  /// A disc out of which a smaller one is cut at the side.
  case crescent
  /// Two bars at right angles.
  case cross
  /// A toothed wheel with a hole.
  case gear
  /// A heart.
  case heart
  /// A key with a round bow and two teeth.
  case key
  /// A disc with a hole.
  case ring
  /// A star of five points.
  case star
  /// A triangle of three equal sides.
  case triangle

  /// The class folders' names in class-index order.
  public static let names = allCases.map(\.rawValue).sorted()

  /// One individual of the class: proportions and number of teeth vary.
  package func silhouette(_ random: inout CounterRandomSequence) -> Silhouette {
    switch self {
    case .arrow: Self.arrow(&random)
    case .bolt: Self.bolt(&random)
    case .crescent: Self.crescent(&random)
    case .cross: Self.cross(&random)
    case .gear: Self.gear(&random)
    case .heart: Self.heart(&random)
    case .key: Self.key(&random)
    case .ring: Self.ring(&random)
    case .star: Self.star(&random)
    case .triangle: Silhouette.polygon(Silhouette.vertices(count: 3, radii: [1]))
    }
  }

  private static func arrow(_ random: inout CounterRandomSequence) -> Silhouette {
    let shaft = random.number(in: 0.13...0.26)
    let head = random.number(in: 0.5...0.72)
    let neck = random.number(in: -0.05...0.25)
    return .polygon([
      Point(-0.95, -shaft), Point(neck, -shaft), Point(neck, -head), Point(1, 0), Point(neck, head), Point(neck, shaft),
      Point(-0.95, shaft),
    ])
  }

  private static func bolt(_ random: inout CounterRandomSequence) -> Silhouette {
    let width = random.number(in: 0.42...0.62)
    let step = random.number(in: 0.1...0.22)
    return .polygon([
      Point(0.28, -0.98), Point(-width, step), Point(-0.06, step), Point(-0.28, 0.98), Point(width, -step),
      Point(0.06, -step),
    ])
  }

  private static func crescent(_ random: inout CounterRandomSequence) -> Silhouette {
    let bite = random.number(in: 0.68...0.8)
    let offset = random.number(in: 0.36...0.5)
    return Silhouette(parts: [
      .fill(.disc(centre: Point(0, 0), radius: 0.95)), .cut(.disc(centre: Point(offset, 0), radius: bite)),
    ])
  }

  private static func cross(_ random: inout CounterRandomSequence) -> Silhouette {
    let width = random.number(in: 0.2...0.34)
    return Silhouette(parts: [
      .fill(.rectangle(from: Point(-0.9, -width), to: Point(0.9, width))),
      .fill(.rectangle(from: Point(-width, -0.9), to: Point(width, 0.9))),
    ])
  }

  private static func gear(_ random: inout CounterRandomSequence) -> Silhouette {
    let teeth = 6 + random.index(below: 4)
    let root = random.number(in: 0.68...0.78)
    let hole = random.number(in: 0.26...0.46)
    return Silhouette(parts: [
      .fill(.polygon(Silhouette.vertices(count: teeth * 4, radii: [root, 0.98, 0.98, root]))),
      .cut(.disc(centre: Point(0, 0), radius: hole)),
    ])
  }

  private static func heart(_ random: inout CounterRandomSequence) -> Silhouette {
    let lobe = Point(random.number(in: 0.4...0.48), -0.32)
    let radius = random.number(in: 0.46...0.52)
    let tip = Point(0, random.number(in: 0.8...0.98))
    let touch = Silhouette.tangentPoint(from: tip, centre: lobe, radius: radius)
    return Silhouette(parts: [
      .fill(.disc(centre: lobe, radius: radius)),
      .fill(.disc(centre: Point(-lobe.x, lobe.y), radius: radius)),
      .fill(.polygon([tip, touch, lobe, Point(-lobe.x, lobe.y), Point(-touch.x, touch.y)])),
    ])
  }

  private static func key(_ random: inout CounterRandomSequence) -> Silhouette {
    let bow = random.number(in: 0.36...0.46)
    let shaft = random.number(in: 0.09...0.14)
    let tooth = random.number(in: 0.32...0.46)
    return Silhouette(parts: [
      .fill(.rectangle(from: Point(-0.6, -shaft), to: Point(0.96, shaft))),
      .fill(.rectangle(from: Point(0.44, 0), to: Point(0.6, tooth))),
      .fill(.rectangle(from: Point(0.8, 0), to: Point(0.96, tooth))),
      .fill(.disc(centre: Point(-0.54, 0), radius: bow)),
      .cut(.disc(centre: Point(-0.54, 0), radius: bow * 0.5)),
    ])
  }

  private static func ring(_ random: inout CounterRandomSequence) -> Silhouette {
    Silhouette(parts: [
      .fill(.disc(centre: Point(0, 0), radius: 0.92)),
      .cut(.disc(centre: Point(0, 0), radius: random.number(in: 0.4...0.68))),
    ])
  }

  private static func star(_ random: inout CounterRandomSequence) -> Silhouette {
    .polygon(Silhouette.vertices(count: 10, radii: [1, random.number(in: 0.38...0.54)]))
  }
}
