import CAV
import Imaging

/// Decodes the frames of MP4 files, such as ImageNet-P's sequences, to 8-bit RGB; the same bits on every machine.
///
/// One thread decodes, with libav's bit-exact routines; the conversion to RGB is Gauntlet's own. Frames are counted in
/// the order in which they are shown.
public enum VideoDecoder {
  /// Frames beyond this many are not looked at.
  public static let maximumFrames = 10_000

  /// One frame of a file that errors call `name`.
  ///
  /// - Throws: `ImageError.damaged` also where the video ends before that frame.
  public static func frame(_ number: Int, of bytes: [UInt8], name: String) throws(ImageError) -> RGBImage {
    let video = try OpenVideo(bytes, name: name)
    var count = 0
    while count <= number, count < maximumFrames {
      guard let frame = try video.next() else {
        throw .damaged(name, reason: "it has \(count) frames, so there is no frame \(number), counted from 0")
      }
      if count == number { return try FrameConversion.rgb(frame, name: name) }
      count += 1
    }
    throw .damaged(name, reason: "frame \(number) is beyond the limit of \(maximumFrames)")
  }

  /// How many frames a file has, at most `maximumFrames`: all of them are decoded.
  public static func frameCount(of bytes: [UInt8], name: String) throws(ImageError) -> Int {
    let video = try OpenVideo(bytes, name: name)
    var count = 0
    while count < maximumFrames, try video.next() != nil { count += 1 }
    return count
  }
}

/// libav as a whole.
enum Library {
  private static let largestAllocation = 1 << 29
  private static let isPrepared: Bool = {
    av_log_set_level(AV_LOG_QUIET)
    av_max_alloc(largestAllocation)
    return true
  }()

  /// Keeps libav from writing to the terminal, and from large allocations that a damaged file asks for.
  static func prepare() { _ = isPrepared }

  /// What a negative status says.
  static func message(of status: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      guard let text = buffer.baseAddress else { return "status \(status)" }
      gauntlet_av_message(status, text, buffer.count)
      return String(cString: text)
    }
  }
}

/// A video in memory on its way through demuxer and decoder.
private final class OpenVideo {
  private static let codecs: Set<AVCodecID.RawValue> = Set(
    [AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG4, AV_CODEC_ID_MJPEG].map(\.rawValue))
  private static let bufferSize = 1 << 15

  private let name: String
  private let source: UnsafeMutablePointer<MemorySource>
  private var input: UnsafeMutablePointer<AVIOContext>?
  private var format: UnsafeMutablePointer<AVFormatContext>?
  private var codec: UnsafeMutablePointer<AVCodecContext>?
  private var packet: UnsafeMutablePointer<AVPacket>?
  private var frame: UnsafeMutablePointer<AVFrame>?
  private var stream: Int32 = 0
  private var isDrained = false

  init(_ bytes: [UInt8], name: String) throws(ImageError) {
    self.name = name
    guard !bytes.isEmpty else { throw .empty(name) }
    guard bytes.count >= 12, bytes[4..<8].elementsEqual("ftyp".utf8) else {
      throw .damaged(name, reason: "it is not an MP4 file")
    }
    source = .allocate(capacity: 1)
    source.initialize(to: MemorySource(bytes))
    Library.prepare()
    try open()
  }

  deinit {
    av_frame_free(&frame)
    av_packet_free(&packet)
    avcodec_free_context(&codec)
    avformat_close_input(&format)
    if let input { av_freep(&input.pointee.buffer) }
    avio_context_free(&input)
    source.deinitialize(count: 1)
    source.deallocate()
  }

  private func open() throws(ImageError) {
    guard let buffer = av_malloc(Self.bufferSize) else { throw outOfMemory }
    input = avio_alloc_context(
      buffer.assumingMemoryBound(to: UInt8.self), Int32(Self.bufferSize), 0, source,
      { MemorySource.read($0, $1, $2) }, nil, { MemorySource.seek($0, $1, $2) })
    guard let input else {
      av_free(buffer)
      throw outOfMemory
    }
    (format, packet, frame) = (avformat_alloc_context(), av_packet_alloc(), av_frame_alloc())
    guard format != nil, packet != nil, frame != nil else { throw outOfMemory }
    format?.pointee.pb = input
    // A failure frees the context.
    try check(avformat_open_input(&format, nil, av_find_input_format("mp4"), nil))
    var decoder: UnsafePointer<AVCodec>?
    stream = try check(av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0))
    guard let format, let decoder, let parameters = format.pointee.streams[Int(stream)]?.pointee.codecpar,
      Self.codecs.contains(parameters.pointee.codec_id.rawValue)
    else { throw .damaged(name, reason: "its video is not H.264, H.265, MPEG-4 or Motion JPEG") }
    guard parameters.pointee.width <= 1 << 14, parameters.pointee.height <= 1 << 14,
      Int(parameters.pointee.width) * Int(parameters.pointee.height) <= RGBImage.maximumPixels
    else {
      throw .tooLarge(name, width: Int(parameters.pointee.width), height: Int(parameters.pointee.height))
    }
    codec = avcodec_alloc_context3(decoder)
    guard let codec else { throw outOfMemory }
    try check(avcodec_parameters_to_context(codec, parameters))
    codec.pointee.thread_count = 1
    codec.pointee.flags |= AV_CODEC_FLAG_BITEXACT
    codec.pointee.err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER
    codec.pointee.max_pixels = Int64(RGBImage.maximumPixels)
    try check(avcodec_open2(codec, decoder, nil))
  }

  /// The next frame; it is good until the next call. nil after the last.
  ///
  /// - Throws: `ImageError.damaged` where a part of a frame would have to be made up.
  func next() throws(ImageError) -> AVFrame? {
    while true {
      let status = avcodec_receive_frame(codec, frame)
      if status == gauntlet_av_end_of_file { return nil }
      if status >= 0, let frame = frame?.pointee {
        guard frame.flags & AV_FRAME_FLAG_CORRUPT == 0, frame.decode_error_flags == 0 else {
          throw .damaged(name, reason: "a frame of the video is incomplete")
        }
        return frame
      }
      guard status == gauntlet_av_again, !isDrained else { throw failure(status) }
      try feed()
    }
  }

  private func feed() throws(ImageError) {
    while true {
      let status = av_read_frame(format, packet)
      if status == gauntlet_av_end_of_file {
        isDrained = true
        try check(avcodec_send_packet(codec, nil))
        return
      }
      try check(status)
      defer { av_packet_unref(packet) }
      guard let packet, packet.pointee.stream_index == stream else { continue }
      guard packet.pointee.flags & AV_PKT_FLAG_CORRUPT == 0 else {
        throw .damaged(name, reason: "it is truncated: a frame extends beyond its end")
      }
      try check(avcodec_send_packet(codec, packet))
      return
    }
  }

  @discardableResult private func check(_ status: Int32) throws(ImageError) -> Int32 {
    guard status >= 0 else { throw failure(status) }
    return status
  }

  private func failure(_ status: Int32) -> ImageError {
    let text = Library.message(of: status)
    return .damaged(name, reason: text.prefix(1).lowercased() + text.dropFirst())
  }

  private var outOfMemory: ImageError { .damaged(name, reason: "out of memory for its decoder") }
}

/// Bytes that libav reads as if they were a file.
private struct MemorySource {
  let bytes: [UInt8]
  var position = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  static func read(_ opaque: UnsafeMutableRawPointer?, _ buffer: UnsafeMutablePointer<UInt8>?, _ size: Int32) -> Int32 {
    guard let source = opaque?.assumingMemoryBound(to: MemorySource.self), let buffer, size > 0 else {
      return gauntlet_av_invalid
    }
    let count = min(Int(size), source.pointee.bytes.count - source.pointee.position)
    guard count > 0 else { return gauntlet_av_end_of_file }
    let start = source.pointee.position
    source.pointee.bytes.withUnsafeBufferPointer { bytes in
      _ = UnsafeMutableBufferPointer(start: buffer, count: count).update(
        fromContentsOf: UnsafeBufferPointer(rebasing: bytes[start..<start + count]))
    }
    source.pointee.position += count
    return Int32(count)
  }

  static func seek(_ opaque: UnsafeMutableRawPointer?, _ offset: Int64, _ origin: Int32) -> Int64 {
    guard let source = opaque?.assumingMemoryBound(to: MemorySource.self) else { return Int64(gauntlet_av_invalid) }
    let count = Int64(source.pointee.bytes.count)
    let base: Int64
    switch origin & ~AVSEEK_FORCE {
    case AVSEEK_SIZE: return count
    case SEEK_SET: base = 0
    case SEEK_CUR: base = Int64(source.pointee.position)
    case SEEK_END: base = count
    default: return Int64(gauntlet_av_invalid)
    }
    let (target, overflow) = base.addingReportingOverflow(offset)
    guard !overflow, (0...count).contains(target) else { return Int64(gauntlet_av_invalid) }
    source.pointee.position = Int(target)
    return target
  }
}
