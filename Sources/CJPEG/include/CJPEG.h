#pragma once
#include <stddef.h>

/// libjpeg-turbo's decoder and encoder without what Swift cannot say: structures that are set up by macros, and errors
/// that jump (setjmp) instead of returning. Nothing jumps out of these functions.

/// What libjpeg had to say.
typedef struct {
  /// The error's sentence, or the first warning's; empty without any.
  char text[256];
  /// Warnings so far.
  long warnings;
  /// Whether the file ended before its picture did.
  int ended_early;
} gauntlet_jpeg_report;

/// A file whose header was read.
typedef struct gauntlet_jpeg gauntlet_jpeg;

/// Reads the header of a file, whose bytes must stay until it is closed.
///
/// Returns null with the reason in `report` if there is no header to be read.
gauntlet_jpeg *_Nullable gauntlet_jpeg_open(
    const unsigned char *_Nonnull bytes, size_t count, gauntlet_jpeg_report *_Nonnull report);
void gauntlet_jpeg_close(gauntlet_jpeg *_Nonnull jpeg);

/// Columns and rows.
int gauntlet_jpeg_width(const gauntlet_jpeg *_Nonnull jpeg);
int gauntlet_jpeg_height(const gauntlet_jpeg *_Nonnull jpeg);

/// Bytes of a decoded pixel: 3 of RGB, or 4 of CMYK as it is stored.
int gauntlet_jpeg_channels(const gauntlet_jpeg *_Nonnull jpeg);

/// Which columns are decoded to have those from `left` on: whole blocks, and a pixel beside them, from which chroma is
/// interpolated. Writes the first one to `start`, and returns how many.
///
/// Must be called once before `gauntlet_jpeg_decode`. Returns 0 with the reason in `report` on errors.
int gauntlet_jpeg_start(
    gauntlet_jpeg *_Nonnull jpeg, int left, int width, int *_Nonnull start, gauntlet_jpeg_report *_Nonnull report);

/// Decodes the columns that were started and rows `top` to `top + height`, each `stride` bytes after the one before it;
/// looks at the whole file, so that what is wrong beyond those rows is found, too.
///
/// Returns 0 with the reason in `report` on errors; 1 with warnings, if any, in `report`.
int gauntlet_jpeg_decode(
    gauntlet_jpeg *_Nonnull jpeg, int top, int height, unsigned char *_Nonnull pixels, size_t stride,
    gauntlet_jpeg_report *_Nonnull report);

/// At most how many bytes a file of a picture has.
size_t gauntlet_jpeg_bound(int width, int height);

/// Encodes height x width x 3 bytes of RGB with the accurate integer DCT; `halved` stores chroma at half the resolution.
///
/// Returns the file's size, or 0 with the reason in `report`.
size_t gauntlet_jpeg_encode(
    const unsigned char *_Nonnull pixels, int width, int height, int quality, int halved,
    unsigned char *_Nonnull target, size_t capacity, gauntlet_jpeg_report *_Nonnull report);
