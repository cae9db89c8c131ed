#include "CJPEG.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#if !defined(LIBJPEG_TURBO_VERSION)
#error "Gauntlet needs libjpeg-turbo: other libjpegs can neither skip rows nor decode some columns"
#endif

/// libjpeg's manager of errors, where to jump, and where to say why.
typedef struct {
  struct jpeg_error_mgr manager;
  jmp_buf jump;
  gauntlet_jpeg_report *report;
} reporter;

static void say(j_common_ptr codec) {
  reporter *errors = (reporter *)codec->err;
  char text[JMSG_LENGTH_MAX];
  errors->manager.format_message(codec, text);
  strncpy(errors->report->text, text, sizeof errors->report->text - 1);
  errors->report->text[sizeof errors->report->text - 1] = 0;
}

static void fail(j_common_ptr codec) {
  say(codec);
  longjmp(((reporter *)codec->err)->jump, 1);
}

/// Warnings have negative levels; what is not a warning is of no interest.
static void note(j_common_ptr codec, int level) {
  if (level >= 0) return;
  reporter *errors = (reporter *)codec->err;
  if (errors->manager.msg_code == JWRN_JPEG_EOF) errors->report->ended_early = 1;
  if (errors->report->warnings++ == 0) say(codec);
}

static void ignore(j_common_ptr codec) { (void)codec; }

static struct jpeg_error_mgr *prepare(reporter *errors, gauntlet_jpeg_report *report) {
  memset(report, 0, sizeof *report);
  struct jpeg_error_mgr *manager = jpeg_std_error(&errors->manager);
  manager->error_exit = fail;
  manager->emit_message = note;
  manager->output_message = ignore;
  errors->report = report;
  return manager;
}

struct gauntlet_jpeg {
  struct jpeg_decompress_struct decoder;
  reporter errors;
  struct jpeg_progress_mgr progress;
};

/// A few bytes are a scan of all blocks of a picture, so that a small file with very many takes hours. Those of programs
/// have some ten.
static const int most_scans = 100;

static void count_scans(j_common_ptr codec) {
  reporter *errors = (reporter *)codec->err;
  if (!codec->is_decompressor || ((j_decompress_ptr)codec)->input_scan_number <= most_scans) return;
  snprintf(errors->report->text, sizeof errors->report->text, "it has more than %d scans", most_scans);
  longjmp(errors->jump, 1);
}

gauntlet_jpeg *gauntlet_jpeg_open(const unsigned char *bytes, size_t count, gauntlet_jpeg_report *report) {
  gauntlet_jpeg *jpeg = calloc(1, sizeof *jpeg);
  if (!jpeg) {
    memset(report, 0, sizeof *report);
    strcpy(report->text, "no memory for a decoder");
    return NULL;
  }
  jpeg->decoder.err = prepare(&jpeg->errors, report);
  if (setjmp(jpeg->errors.jump)) {
    gauntlet_jpeg_close(jpeg);
    return NULL;
  }
  jpeg_create_decompress(&jpeg->decoder);
  jpeg->progress.progress_monitor = count_scans;
  jpeg->decoder.progress = &jpeg->progress;
  jpeg_mem_src(&jpeg->decoder, bytes, count);
  jpeg_read_header(&jpeg->decoder, TRUE);
  int isCMYK = jpeg->decoder.jpeg_color_space == JCS_CMYK || jpeg->decoder.jpeg_color_space == JCS_YCCK;
  jpeg->decoder.out_color_space = isCMYK ? JCS_CMYK : JCS_RGB;
  return jpeg;
}

void gauntlet_jpeg_close(gauntlet_jpeg *jpeg) {
  jpeg_destroy_decompress(&jpeg->decoder);
  free(jpeg);
}

int gauntlet_jpeg_width(const gauntlet_jpeg *jpeg) { return (int)jpeg->decoder.image_width; }
int gauntlet_jpeg_height(const gauntlet_jpeg *jpeg) { return (int)jpeg->decoder.image_height; }
int gauntlet_jpeg_channels(const gauntlet_jpeg *jpeg) { return jpeg->decoder.out_color_space == JCS_CMYK ? 4 : 3; }

int gauntlet_jpeg_start(gauntlet_jpeg *jpeg, int left, int width, int *start, gauntlet_jpeg_report *report) {
  j_decompress_ptr decoder = &jpeg->decoder;
  jpeg->errors.report = report;
  *start = 0;
  if (setjmp(jpeg->errors.jump)) return 0;
  jpeg_start_decompress(decoder);
  int whole = (int)decoder->output_width;
  // A pixel more on each side: at the ends of what is decoded chroma is repeated, not interpolated.
  int from = left > 0 ? left - 1 : 0;
  int to = left + width < whole ? left + width + 1 : whole;
  if (from == 0 && to == whole) return whole;
  JDIMENSION first = (JDIMENSION)from, columns = (JDIMENSION)(to - from);
  jpeg_crop_scanline(decoder, &first, &columns);
  *start = (int)first;
  return (int)columns;
}

/// Whether what is not read yet of a file's only scan goes on without a stop to the end of the image: its codes need not
/// be read then, since no more than warnings could come of them. Markers of restarts belong to a scan.
static int is_whole_behind(j_decompress_ptr decoder) {
  if (jpeg_has_multiple_scans(decoder) || decoder->unread_marker != 0) return 0;
  const JOCTET *place = decoder->src->next_input_byte, *end = place + decoder->src->bytes_in_buffer;
  while (place < end && (place = memchr(place, 0xFF, (size_t)(end - place))) && place + 1 < end) {
    int code = place[1];
    if (code == JPEG_EOI) return 1;
    if (code != 0 && code != 0xFF && (code < JPEG_RST0 || code > JPEG_RST0 + 7)) return 0;
    place += code == 0xFF ? 1 : 2;
  }
  return 0;
}

int gauntlet_jpeg_decode(
    gauntlet_jpeg *jpeg, int top, int height, unsigned char *pixels, size_t stride, gauntlet_jpeg_report *report) {
  j_decompress_ptr decoder = &jpeg->decoder;
  jpeg->errors.report = report;
  if (setjmp(jpeg->errors.jump)) return 0;
  int rows = (int)decoder->output_height;
  if (top > 0) jpeg_skip_scanlines(decoder, (JDIMENSION)top);
  while ((int)decoder->output_scanline < top + height) {
    JSAMPROW lines[4];
    int count = top + height - (int)decoder->output_scanline;
    if (count > 4) count = 4;
    for (int line = 0; line < count; line++) lines[line] = pixels + ((int)decoder->output_scanline - top + line) * stride;
    jpeg_read_scanlines(decoder, lines, (JDIMENSION)count);
  }
  if (top + height < rows && is_whole_behind(decoder)) {
    jpeg_abort_decompress(decoder);
    return 1;
  }
  // Skipping to the end would leave the rest unread; the last row is read, into memory that the decoder frees.
  if (top + height < rows) {
    if (top + height + 1 < rows) jpeg_skip_scanlines(decoder, (JDIMENSION)(rows - 1 - top - height));
    JSAMPROW line = decoder->mem->alloc_large(
        (j_common_ptr)decoder, JPOOL_IMAGE, (size_t)decoder->output_width * (size_t)decoder->output_components);
    jpeg_read_scanlines(decoder, &line, 1);
  }
  jpeg_finish_decompress(decoder);
  return 1;
}

size_t gauntlet_jpeg_bound(int width, int height) {
  // Whole blocks of two by two; libjpeg-turbo's own bound, tjBufSize, takes as many bytes a pixel.
  size_t columns = ((size_t)width + 15) / 16 * 16, rows = ((size_t)height + 15) / 16 * 16;
  return columns * rows * 6 + 2048;
}

size_t gauntlet_jpeg_encode(
    const unsigned char *pixels, int width, int height, int quality, int halved, unsigned char *target,
    size_t capacity, gauntlet_jpeg_report *report) {
  struct jpeg_compress_struct encoder;
  reporter errors;
  memset(&encoder, 0, sizeof encoder);
  encoder.err = prepare(&errors, report);
  unsigned char *written = target;
  unsigned long size = capacity;
  if (setjmp(errors.jump)) {
    jpeg_destroy_compress(&encoder);
    return 0;
  }
  jpeg_create_compress(&encoder);
  jpeg_mem_dest(&encoder, &written, &size);
  encoder.image_width = (JDIMENSION)width;
  encoder.image_height = (JDIMENSION)height;
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, quality, TRUE);
  encoder.comp_info[0].h_samp_factor = halved ? 2 : 1;
  encoder.comp_info[0].v_samp_factor = halved ? 2 : 1;
  jpeg_start_compress(&encoder, TRUE);
  while (encoder.next_scanline < encoder.image_height) {
    JSAMPROW line = (JSAMPROW)(pixels + (size_t)encoder.next_scanline * (size_t)width * 3);
    jpeg_write_scanlines(&encoder, &line, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  if (written == target) return size;
  // libjpeg took memory of its own, since the target was too small.
  free(written);
  strcpy(report->text, "the file is larger than its bound");
  return 0;
}
