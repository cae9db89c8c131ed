// libpng reports errors by longjmp, which Swift cannot take part in: the calls between setjmp and longjmp stay here.
#include <png.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *bytes;
  size_t count;
  size_t position;
  int exhausted;
  char message[120];
} gauntlet_png_source;

static void gauntlet_png_read(png_structp png, png_bytep out, png_size_t count) {
  gauntlet_png_source *source = (gauntlet_png_source *)png_get_io_ptr(png);
  if (count > source->count - source->position) {
    source->exhausted = 1;
    png_error(png, "the file ends early");
  }
  memcpy(out, source->bytes + source->position, count);
  source->position += count;
}

static void gauntlet_png_fail(png_structp png, png_const_charp message) {
  gauntlet_png_source *source = (gauntlet_png_source *)png_get_error_ptr(png);
  snprintf(source->message, sizeof source->message, "%s", message);
  png_longjmp(png, 1);
}

static void gauntlet_png_ignore(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/// Reads the header into width and height; with `pixels` (room for width * height * 3) also the picture as 8-bit RGB,
/// alpha dropped. Returns 0, or 1 with a message, or 2 for 16-bit grey.
static inline int gauntlet_png_decode(
    const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height, uint8_t *pixels,
    gauntlet_png_source *source) {
  memset(source, 0, sizeof *source);
  source->bytes = bytes;
  source->count = count;
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, source, gauntlet_png_fail, gauntlet_png_ignore);
  if (!png) return 1;
  png_infop info = png_create_info_struct(png);
  if (!info || setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  png_set_read_fn(png, source, gauntlet_png_read);
  // Texts, profiles and the like are passed over: libpng would unpack each, to 8 MB, and up to a thousand of them.
  static const png_byte passed_over[] = "tEXt\0zTXt\0iTXt\0iCCP\0eXIf\0sPLT\0hIST\0pCAL\0sCAL";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, passed_over, (int)(sizeof passed_over / 5));
  png_read_info(png, info);
  uint32_t rows = png_get_image_height(png, info);
  *width = png_get_image_width(png, info);
  *height = rows;
  int colour = png_get_color_type(png, info);
  int depth = png_get_bit_depth(png, info);
  if (depth == 16 && colour == PNG_COLOR_TYPE_GRAY) {
    png_destroy_read_struct(&png, &info, NULL);
    return 2;
  }
  if (pixels) {
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16) png_set_strip_16(png);
    if (colour == PNG_COLOR_TYPE_GRAY || colour == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(png);
    // A palette's transparency becomes alpha with its colours.
    int has_alpha = (colour & PNG_COLOR_MASK_ALPHA) || (colour == PNG_COLOR_TYPE_PALETTE && png_get_valid(png, info, PNG_INFO_tRNS));
    if (has_alpha) png_set_strip_alpha(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != (size_t)*width * 3) png_error(png, "an unexpected pixel format");
    for (int pass = 0; pass < passes; pass++)
      for (uint32_t row = 0; row < rows; row++) png_read_row(png, pixels + (size_t)row * *width * 3, NULL);
  }
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

typedef struct {
  uint8_t *bytes;
  size_t count;
  size_t room;
  char message[120];
} gauntlet_png_sink;

static void gauntlet_png_write(png_structp png, png_bytep in, png_size_t count) {
  gauntlet_png_sink *sink = (gauntlet_png_sink *)png_get_io_ptr(png);
  if (count > sink->room - sink->count) {
    size_t room = 2 * (sink->count + count) + 4096;
    uint8_t *bytes = (uint8_t *)realloc(sink->bytes, room);
    if (!bytes) png_error(png, "there is no memory for the file");
    sink->bytes = bytes;
    sink->room = room;
  }
  memcpy(sink->bytes + sink->count, in, count);
  sink->count += count;
}

static void gauntlet_png_flush(png_structp png) { (void)png; }

static void gauntlet_png_fail_writing(png_structp png, png_const_charp message) {
  gauntlet_png_sink *sink = (gauntlet_png_sink *)png_get_error_ptr(png);
  snprintf(sink->message, sizeof sink->message, "%s", message);
  png_longjmp(png, 1);
}

/// Writes 8-bit RGB, width * height * 3 values, with nothing beside. The sink's bytes are the caller's to free, whatever is
/// returned: 0, or 1 with a message.
static inline int gauntlet_png_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, gauntlet_png_sink *sink) {
  memset(sink, 0, sizeof *sink);
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, sink, gauntlet_png_fail_writing, gauntlet_png_ignore);
  if (!png) return 1;
  png_infop info = png_create_info_struct(png);
  if (!info || setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    return 1;
  }
  png_set_write_fn(png, sink, gauntlet_png_write, gauntlet_png_flush);
  png_set_IHDR(
      png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
      PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (uint32_t row = 0; row < height; row++) png_write_row(png, (png_bytep)(pixels + (size_t)row * width * 3));
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  return 0;
}
