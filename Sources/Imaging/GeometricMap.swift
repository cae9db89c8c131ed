import Tensors

/// Where the pixels of a moved picture come from.
enum GeometricMap {
  /// Pillow's AFFINE: the point (x, y) of the result is (a x + b y + c, d x + e y + f) of the picture, pixels' middles
  /// being at halves.
  struct Affine {
    var a, b, c, d, e, f: Double

    /// torchvision 0.2's `affine` without shear: turned by an angle and enlarged about the picture's middle, which it
    /// takes half a pixel too far right and down, then shifted, pixels.
    init(degrees: Double = 0, scale: Double = 1, shift: (x: Double, y: Double) = (0, 0), width: Int, height: Int) {
      let (sine, cosine) = ReproducibleMath.sineAndCosine(degrees: degrees)
      let centre = (x: Double(width) * 0.5 + 0.5, y: Double(height) * 0.5 + 0.5)
      a = cosine / scale
      b = sine / scale
      d = -sine / scale
      e = cosine / scale
      c = a * (-centre.x - shift.x) + b * (-centre.y - shift.y) + centre.x
      f = d * (-centre.x - shift.x) + e * (-centre.y - shift.y) + centre.y
    }
  }

  /// A projective map, row-major.
  struct Projective {
    var rows: [Double]

    /// The picture turned in space about its horizontal and then its vertical middle, seen from as far as its diagonal is
    /// long; the map leads from the picture to the result.
    init(tilt degrees: Double, width: Int, height: Int) {
      let (sine, cosine) = ReproducibleMath.sineAndCosine(degrees: degrees)
      let (w, h) = (Double(width), Double(height))
      let far = (w * w + h * h).squareRoot()
      // Columns of the picture: x - w/2 and y - h/2 before a plane at depth 1, turned, moved away, projected.
      func point(_ x: Double, _ y: Double, _ one: Double) -> (Double, Double, Double) {
        let (u, v) = (x - w / 2 * one, y - h / 2 * one)
        // About the vertical axis.
        let (u1, v1, z1) = (cosine * u - sine * one, v, sine * u + cosine * one)
        // About the horizontal axis.
        let (v2, z2) = (cosine * v1 - sine * z1, sine * v1 + cosine * z1)
        let depth = z2 + far * one
        return (far * u1 + w / 2 * depth, far * v2 + h / 2 * depth, depth)
      }
      let columns = [point(1, 0, 0), point(0, 1, 0), point(0, 0, 1)]
      rows = columns.map(\.0) + columns.map(\.1) + columns.map(\.2)
    }

    /// The map back, by cofactors.
    var inverse: Projective? {
      func minor(_ i: Int, _ j: Int, _ k: Int, l: Int) -> Double { rows[i] * rows[j] - rows[k] * rows[l] }
      let cofactors = [
        minor(4, 8, 5, l: 7), minor(2, 7, 1, l: 8), minor(1, 5, 2, l: 4), minor(5, 6, 3, l: 8), minor(0, 8, 2, l: 6),
        minor(2, 3, 0, l: 5), minor(3, 7, 4, l: 6), minor(1, 6, 0, l: 7), minor(0, 4, 1, l: 3),
      ]
      let determinant = rows[0] * cofactors[0] + rows[1] * cofactors[3] + rows[2] * cofactors[6]
      guard determinant != 0 else { return nil }
      var map = self
      map.rows = cofactors.map { $0 / determinant }
      return map
    }
  }
}

extension RGBImage {
  /// The nearest pixels under a map, black where there are none; of the result only what lies in a window.
  func nearest(_ map: GeometricMap.Affine, window: Resampler.Window) -> RGBImage {
    moved(window) { x, y, into in
      let (sourceX, sourceY) = map.source(x, y)
      guard let column = Self.place(sourceX, width), let row = Self.place(sourceY, height) else { return }
      let start = (row * width + column) * 3
      for channel in 0..<3 { into[channel] = pixels[start + channel] }
    }
  }

  /// Pillow's bilinear filter under a map: cut off, not rounded, black where the middle of a pixel comes from outside.
  func bilinear(_ map: GeometricMap.Affine, window: Resampler.Window) -> RGBImage {
    moved(window) { x, y, into in
      let (sourceX, sourceY) = map.source(x, y)
      guard Self.place(sourceX, width) != nil, Self.place(sourceY, height) != nil else { return }
      let (left, top) = ((sourceX - 0.5).rounded(.down), (sourceY - 0.5).rounded(.down))
      let (right, down) = (sourceX - 0.5 - left, sourceY - 0.5 - top)
      let columns = (max(Int(left), 0) * 3, min(Int(left) + 1, width - 1) * 3)
      let rows = (max(Int(top), 0) * width * 3, min(Int(top) + 1, height - 1) * width * 3)
      for channel in 0..<3 {
        func along(_ row: Int) -> Double {
          let first = Double(pixels[row + columns.0 + channel])
          return first + (Double(pixels[row + columns.1 + channel]) - first) * right
        }
        let upper = along(rows.0)
        into[channel] = UInt8(upper + (along(rows.1) - upper) * down)
      }
    }
  }

  /// OpenCV's `warpPerspective`, bilinear: places in 32nds of a pixel, black around the picture.
  ///
  /// - Parameter map: leads from the result to the picture.
  func bilinear(_ map: GeometricMap.Projective, window: Resampler.Window) -> RGBImage {
    let rows = map.rows
    return moved(window) { x, y, into in
      let (u, v) = (Double(x), Double(y))
      let depth = rows[6] * u + rows[7] * v + rows[8]
      let unit = depth == 0 ? 0 : 32 / depth
      func place(_ row: Int) -> Int {
        let value = (rows[row] * u + rows[row + 1] * v + rows[row + 2]) * unit
        return Int(min(max(value, -0x1p30), 0x1p30).rounded(.toNearestOrEven))
      }
      let (fineX, fineY) = (place(0), place(3))
      let (left, top, right, down) = (fineX >> 5, fineY >> 5, fineX & 31, fineY & 31)
      for channel in 0..<3 {
        func value(_ column: Int, _ row: Int) -> Int {
          guard column >= 0, row >= 0, column < width, row < height else { return 0 }
          return Int(pixels[(row * width + column) * 3 + channel])
        }
        let upper = value(left, top) * (32 - right) + value(left + 1, top) * right
        let lower = value(left, top + 1) * (32 - right) + value(left + 1, top + 1) * right
        into[channel] = UInt8((upper * (32 - down) + lower * down + 512) >> 10)
      }
    }
  }

  /// The pixel that holds a coordinate; nil outside.
  private static func place(_ coordinate: Double, _ count: Int) -> Int? {
    coordinate >= 0 && coordinate < Double(count) ? Int(coordinate) : nil
  }

  private func moved(
    _ window: Resampler.Window, _ pixel: (_ x: Int, _ y: Int, _ into: UnsafeMutableBufferPointer<UInt8>) -> Void
  ) -> RGBImage {
    var result = [UInt8](repeating: 0, count: window.width * window.height * 3)
    result.withUnsafeMutableBufferPointer { result in
      for row in 0..<window.height {
        for column in 0..<window.width {
          let start = (row * window.width + column) * 3
          pixel(
            window.left + column, window.top + row, UnsafeMutableBufferPointer(rebasing: result[start..<start + 3]))
        }
      }
    }
    return RGBImage(width: window.width, height: window.height, pixels: result)
  }
}

extension GeometricMap.Affine {
  /// Where the middle of a pixel of the result comes from.
  fileprivate func source(_ x: Int, _ y: Int) -> (x: Double, y: Double) {
    let (u, v) = (Double(x) + 0.5, Double(y) + 0.5)
    return (a * u + b * v + c, d * u + e * v + f)
  }
}
