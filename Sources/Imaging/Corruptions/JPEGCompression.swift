extension Corruption {
  /// Saved as JPEG of some quality and read again.
  public static let jpegCompression = Corruption(
    "jpeg_compression", .standard(alexNetError: 0.606500), levels: [25, 18, 15, 10, 7]
  ) { (image, quality, _) throws(ImageError) in
    try JPEGDecoder.decode(JPEGEncoder.encode(image, quality: quality), name: "jpeg_compression")
  }
}
