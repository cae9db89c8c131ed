import CAV
import Imaging

/// Writes short sequences as MP4 files of Motion JPEG.
public enum VideoEncoder {
  /// The bytes of an MP4 file that shows one frame a second.
  ///
  /// - Parameters:
  ///   - frames: pictures of one size, at least one.
  ///   - quality: JPEG's, 1 to 100.
  /// - Throws: `ImageError.notEncodable`.
  public static func encode(_ frames: [RGBImage], quality: Int) throws(ImageError) -> [UInt8] {
    guard let first = frames.first, frames.allSatisfy({ $0.width == first.width && $0.height == first.height }) else {
      throw .notEncodable(reason: "a video needs frames, all of one size")
    }
    Library.prepare()
    var context: UnsafeMutablePointer<AVFormatContext>?
    try check(avformat_alloc_output_context2(&context, nil, "mp4", nil))
    guard let context else { throw .notEncodable(reason: "out of memory for a video") }
    defer { avformat_free_context(context) }
    context.pointee.flags |= AVFMT_FLAG_BITEXACT
    try addStream(to: context, width: first.width, height: first.height)
    try check(avio_open_dyn_buf(&context.pointee.pb))
    do {
      try write(frames, quality: quality, to: context)
    } catch {
      _ = contents(of: context)
      throw error
    }
    return contents(of: context)
  }

  private static func addStream(
    to context: UnsafeMutablePointer<AVFormatContext>, width: Int, height: Int
  ) throws(ImageError) {
    guard let stream = avformat_new_stream(context, nil), let parameters = stream.pointee.codecpar,
      let columns = Int32(exactly: width), let rows = Int32(exactly: height)
    else { throw .notEncodable(reason: "out of memory for a video") }
    stream.pointee.time_base = AVRational(num: 1, den: 1)
    stream.pointee.avg_frame_rate = AVRational(num: 1, den: 1)
    parameters.pointee.codec_type = AVMEDIA_TYPE_VIDEO
    parameters.pointee.codec_id = AV_CODEC_ID_MJPEG
    parameters.pointee.width = columns
    parameters.pointee.height = rows
    parameters.pointee.format = AV_PIX_FMT_YUVJ444P.rawValue
  }

  private static func write(
    _ frames: [RGBImage], quality: Int, to context: UnsafeMutablePointer<AVFormatContext>
  ) throws(ImageError) {
    try check(avformat_write_header(context, nil))
    guard let stream = context.pointee.streams[0] else { throw .notEncodable(reason: "the video has no stream") }
    let second = av_rescale_q(1, AVRational(num: 1, den: 1), stream.pointee.time_base)
    var packet = av_packet_alloc()
    defer { av_packet_free(&packet) }
    for (number, frame) in frames.enumerated() {
      let bytes = try JPEGEncoder.encode(frame, quality: quality, subsampling: .full)
      try check(av_new_packet(packet, Int32(clamping: bytes.count)))
      guard let target = packet else { throw .notEncodable(reason: "out of memory for a frame") }
      _ = UnsafeMutableBufferPointer(start: target.pointee.data, count: bytes.count).update(fromContentsOf: bytes)
      target.pointee.stream_index = 0
      target.pointee.pts = Int64(number) * second
      target.pointee.dts = Int64(number) * second
      target.pointee.duration = second
      target.pointee.flags |= AV_PKT_FLAG_KEY
      try check(av_interleaved_write_frame(context, target))
    }
    try check(av_write_trailer(context))
  }

  /// What was written; the buffer is closed.
  private static func contents(of context: UnsafeMutablePointer<AVFormatContext>) -> [UInt8] {
    var buffer: UnsafeMutablePointer<UInt8>?
    let count = avio_close_dyn_buf(context.pointee.pb, &buffer)
    context.pointee.pb = nil
    defer { av_free(buffer) }
    return Array(UnsafeBufferPointer(start: buffer, count: Int(max(0, count))))
  }

  private static func check(_ status: Int32) throws(ImageError) {
    guard status < 0 else { return }
    throw .notEncodable(reason: Library.message(of: status))
  }
}
