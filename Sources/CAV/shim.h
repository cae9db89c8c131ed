// What Swift does not import of libav's headers: macros with a cast in them.
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>

static const int gauntlet_av_end_of_file = AVERROR_EOF;
static const int gauntlet_av_again = AVERROR(EAGAIN);
static const int gauntlet_av_invalid = AVERROR(EINVAL);

static inline void gauntlet_av_message(int status, char *text, size_t size) { av_strerror(status, text, size); }
