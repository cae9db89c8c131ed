#include "CHDF5Output.h"

#include <errno.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// A piece of the file that is kept in memory after a failure.
typedef struct gauntlet_h5_extent {
  struct gauntlet_h5_extent *older;
  uint64_t address;
  size_t size;
  unsigned char bytes[];
} extent;

/// What HDF5 knows as an open file; its own part comes first.
typedef struct {
  H5FD_t shared;
  gauntlet_h5_output *output;
  haddr_t allocated;
} open_file;

#define LARGEST_ADDRESS (((haddr_t)1 << 62) - 1)

static void fail(gauntlet_h5_output *output, int error) {
  if (output->error == 0) output->error = error ? error : EIO;
}

// MARK: After a failure

static void keep(gauntlet_h5_output *output, uint64_t address, size_t size, const void *bytes) {
  extent *new = malloc(sizeof(extent) + size);
  // Without memory it is dropped: the file is lost anyway, and HDF5 reads little of what it wrote last.
  if (!new) return;
  new->older = output->late;
  new->address = address;
  new->size = size;
  memcpy(new->bytes, bytes, size);
  output->late = new;
}

/// Puts what is kept of a range in its place, the oldest first.
static void recall(const extent *kept, uint64_t address, size_t size, unsigned char *bytes) {
  if (!kept) return;
  // From the newest to the oldest and back, without recursion: each byte is taken from the newest piece that has it.
  unsigned char *is_known = calloc(1, size);
  if (!is_known) return;
  for (; kept; kept = kept->older) {
    uint64_t first = kept->address > address ? kept->address : address;
    uint64_t end = kept->address + kept->size < address + size ? kept->address + kept->size : address + size;
    for (uint64_t place = first; place < end; place++) {
      if (is_known[place - address]) continue;
      is_known[place - address] = 1;
      bytes[place - address] = kept->bytes[place - kept->address];
    }
  }
  free(is_known);
}

// MARK: Bytes to and from their place

/// Makes room up to `end`; zeros lie where nothing was written.
static int grow(gauntlet_h5_output *output, uint64_t end) {
  if (end <= output->capacity) return 0;
  size_t capacity = output->capacity ? output->capacity : (size_t)1 << 14;
  while (capacity < end) capacity *= 2;
  unsigned char *bytes = realloc(output->bytes, capacity);
  if (!bytes) return ENOMEM;
  memset(bytes + output->capacity, 0, capacity - output->capacity);
  output->bytes = bytes;
  output->capacity = capacity;
  return 0;
}

static int put(gauntlet_h5_output *output, uint64_t address, size_t size, const unsigned char *bytes) {
  if (output->descriptor < 0) {
    int error = grow(output, address + size);
    if (error == 0) memcpy(output->bytes + address, bytes, size);
    return error;
  }
  while (size > 0) {
    ssize_t count = pwrite(output->descriptor, bytes, size, (off_t)address);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : ENOSPC;
    bytes += count;
    address += (uint64_t)count;
    size -= (size_t)count;
  }
  return 0;
}

/// Gives zeros where nothing was written.
static int get(const gauntlet_h5_output *output, uint64_t address, size_t size, unsigned char *bytes) {
  memset(bytes, 0, size);
  if (output->descriptor < 0) {
    if (address < output->size && address < output->capacity) {
      uint64_t end = output->size < output->capacity ? output->size : output->capacity;
      memcpy(bytes, output->bytes + address, end - address < size ? end - address : size);
    }
    return 0;
  }
  while (size > 0) {
    ssize_t count = pread(output->descriptor, bytes, size, (off_t)address);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : 0;
    bytes += count;
    address += (uint64_t)count;
    size -= (size_t)count;
  }
  return 0;
}

// MARK: What HDF5 calls

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t largest) {
  (void)name, (void)flags, (void)largest;
  gauntlet_h5_output *const *output = H5Pget_driver_info(access);
  open_file *file = output ? calloc(1, sizeof(open_file)) : NULL;
  if (!file) return NULL;
  file->output = *output;
  file->output->is_open = 1;
  return &file->shared;
}

static herr_t driver_close(H5FD_t *shared) {
  open_file *file = (open_file *)shared;
  file->output->is_open = 0;
  if (file->output->is_released) gauntlet_h5_output_free(file->output);
  free(file);
  return 0;
}

/// What HDF5's own driver for files says: the layout of a file follows from it.
static herr_t driver_query(const H5FD_t *shared, unsigned long *flags) {
  (void)shared;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

static haddr_t driver_allocated(const H5FD_t *shared, H5FD_mem_t type) {
  (void)type;
  return ((const open_file *)shared)->allocated;
}

static herr_t driver_allocate(H5FD_t *shared, H5FD_mem_t type, haddr_t end) {
  (void)type;
  ((open_file *)shared)->allocated = end;
  return 0;
}

static haddr_t driver_end(const H5FD_t *shared, H5FD_mem_t type) {
  (void)type;
  return ((const open_file *)shared)->output->size;
}

static herr_t driver_read(H5FD_t *shared, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *bytes) {
  (void)type, (void)transfer;
  gauntlet_h5_output *output = ((open_file *)shared)->output;
  int error = get(output, address, size, bytes);
  if (error) fail(output, error);
  recall(output->late, address, size, bytes);
  return 0;
}

static herr_t driver_write(
    H5FD_t *shared, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, const void *bytes) {
  (void)type, (void)transfer;
  gauntlet_h5_output *output = ((open_file *)shared)->output;
  if (output->error == 0) {
    int error = put(output, address, size, bytes);
    if (error) fail(output, error);
  }
  if (output->error) keep(output, address, size, bytes);
  if (address + size > output->size) output->size = address + size;
  return 0;
}

static herr_t driver_truncate(H5FD_t *shared, hid_t transfer, hbool_t closing) {
  (void)transfer, (void)closing;
  open_file *file = (open_file *)shared;
  gauntlet_h5_output *output = file->output;
  if (file->allocated == output->size) return 0;
  if (output->error == 0) {
    int error = output->descriptor < 0 ? grow(output, file->allocated)
                : ftruncate(output->descriptor, (off_t)file->allocated) == 0 ? 0 : errno;
    if (error) fail(output, error);
  }
  output->size = file->allocated;
  return 0;
}

static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)H5_VFD_RESERVED,
#endif
    .name = "gauntlet",
    .maxaddr = LARGEST_ADDRESS,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(gauntlet_h5_output *),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_allocated,
    .set_eoa = driver_allocate,
    .get_eof = driver_end,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

// MARK: What we call

gauntlet_h5_output *gauntlet_h5_output_make(int descriptor) {
  gauntlet_h5_output *output = calloc(1, sizeof(gauntlet_h5_output));
  if (output) output->descriptor = descriptor;
  return output;
}

void gauntlet_h5_output_free(gauntlet_h5_output *output) {
  if (!output) return;
  if (output->is_open) {
    output->is_released = 1;
    fail(output, ECANCELED);
    return;
  }
  for (extent *kept = output->late; kept;) {
    extent *older = kept->older;
    free(kept);
    kept = older;
  }
  free(output->bytes);
  free(output);
}

int gauntlet_h5_write_to(int64_t access_list, gauntlet_h5_output *output) {
  // HDF5 is called by one thread at a time.
  static hid_t registered = -1;
  if (registered < 0) registered = H5FDregister(&driver);
  if (registered < 0) return -1;
  return H5Pset_driver(access_list, registered, &output);
}
