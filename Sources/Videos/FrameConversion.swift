import CAV
import Imaging

/// Decoded frames to RGB.
enum FrameConversion {
  /// How a frame's planes lie: the shifts from its pixels to those of its chroma.
  private struct Layout {
    let shiftX: Int
    let shiftY: Int
    let isFullRange: Bool

    init?(_ format: AVPixelFormat, isFullRange: Bool) {
      switch format {
      case AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P: (shiftX, shiftY) = (1, 1)
      case AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUVJ422P: (shiftX, shiftY) = (1, 0)
      case AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ444P: (shiftX, shiftY) = (0, 0)
      default: return nil
      }
      let isJPEG = [AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P].contains(format)
      self.isFullRange = isFullRange || isJPEG
    }
  }

  /// Coefficients in 65536ths.
  private struct Matrix {
    let luma: Int32
    let black: Int32
    let redV: Int32
    let greenU: Int32
    let greenV: Int32
    let blueU: Int32

    /// From the shares of red and blue in luma (ITU-T H.273), for 8 bits of full or of studio range.
    init(red: Double, blue: Double, isFullRange: Bool) {
      let green = 1 - red - blue
      let lumaScale = isFullRange ? 1 : 255.0 / 219
      let chromaScale = isFullRange ? 1 : 255.0 / 224
      func fixed(_ value: Double) -> Int32 { Int32((value * 65536).rounded()) }
      luma = fixed(lumaScale)
      black = isFullRange ? 0 : 16
      redV = fixed(2 * (1 - red) * chromaScale)
      blueU = fixed(2 * (1 - blue) * chromaScale)
      greenU = fixed(2 * (1 - blue) * blue / green * chromaScale)
      greenV = fixed(2 * (1 - red) * red / green * chromaScale)
    }
  }

  /// Full or studio range as the frame says, BT.709 where it says so and otherwise BT.601, each pixel with the chroma
  /// sample that covers it.
  ///
  /// - Throws: `ImageError` for a layout that is none of 8-bit 4:2:0, 4:2:2, 4:4:4 and grey.
  static func rgb(_ frame: AVFrame, name: String) throws(ImageError) -> RGBImage {
    let (width, height) = (Int(frame.width), Int(frame.height))
    guard width > 0, height > 0, width <= RGBImage.maximumPixels / height else {
      throw .tooLarge(name, width: width, height: height)
    }
    let format = AVPixelFormat(frame.format)
    let isFullRange = frame.color_range == AVCOL_RANGE_JPEG
    guard let luma = plane(frame.data.0, frame.linesize.0, height) else { throw unsupported(name) }
    let isBT709 = frame.colorspace == AVCOL_SPC_BT709
    func matrix(_ isFullRange: Bool) -> Matrix {
      Matrix(red: isBT709 ? 0.2126 : 0.299, blue: isBT709 ? 0.0722 : 0.114, isFullRange: isFullRange)
    }
    if format == AV_PIX_FMT_GRAY8 {
      return converted(width, height, luma, chroma: nil, matrix: matrix(isFullRange))
    }
    guard let layout = Layout(format, isFullRange: isFullRange),
      let u = plane(frame.data.1, frame.linesize.1, (height + layout.shiftY) >> layout.shiftY),
      let v = plane(frame.data.2, frame.linesize.2, (height + layout.shiftY) >> layout.shiftY)
    else { throw unsupported(name) }
    return converted(width, height, luma, chroma: (u, v, layout), matrix: matrix(layout.isFullRange))
  }

  private static func unsupported(_ name: String) -> ImageError {
    .damaged(name, reason: "its frames are not stored as 8-bit 4:2:0, 4:2:2, 4:4:4 or grey")
  }

  private struct Plane {
    let samples: UnsafeBufferPointer<UInt8>
    let stride: Int
  }

  private static func plane(_ start: UnsafeMutablePointer<UInt8>?, _ stride: Int32, _ rows: Int) -> Plane? {
    guard let start, stride > 0 else { return nil }
    return Plane(samples: UnsafeBufferPointer(start: start, count: Int(stride) * rows), stride: Int(stride))
  }

  private static func converted(
    _ width: Int, _ height: Int, _ luma: Plane, chroma: (u: Plane, v: Plane, layout: Layout)?, matrix: Matrix
  ) -> RGBImage {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    func level(_ value: Int32) -> UInt8 { UInt8(min(max((value + 32768) >> 16, 0), 255)) }
    for row in 0..<height {
      for column in 0..<width {
        let y = (Int32(luma.samples[row * luma.stride + column]) - matrix.black) * matrix.luma
        var (u, v): (Int32, Int32) = (0, 0)
        if let chroma {
          let (place, line) = (column >> chroma.layout.shiftX, row >> chroma.layout.shiftY)
          u = Int32(chroma.u.samples[line * chroma.u.stride + place]) - 128
          v = Int32(chroma.v.samples[line * chroma.v.stride + place]) - 128
        }
        pixels.append(level(y + matrix.redV * v))
        pixels.append(level(y - matrix.greenU * u - matrix.greenV * v))
        pixels.append(level(y + matrix.blueU * u))
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
