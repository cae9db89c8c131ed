// inflateInit2 is a macro, which Swift cannot call.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

/// Unpacks a raw deflate stream into exactly `count` bytes, or with `is_start` its first: 0, or 1 where the stream is
/// damaged, ends early, or gives other than as many.
static inline int gauntlet_inflate(
    const uint8_t *packed, size_t packed_count, uint8_t *target, size_t count, int is_start) {
  if (packed_count > UINT32_MAX || count > UINT32_MAX) return 1;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return 1;
  stream.next_in = (Bytef *)packed;
  stream.avail_in = (uInt)packed_count;
  stream.next_out = target;
  stream.avail_out = (uInt)count;
  int status = inflate(&stream, is_start ? Z_SYNC_FLUSH : Z_FINISH);
  size_t written = stream.total_out;
  inflateEnd(&stream);
  return (status == Z_STREAM_END || (is_start && status == Z_OK)) && written == count ? 0 : 1;
}
