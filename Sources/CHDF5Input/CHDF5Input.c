#include "CHDF5Input.h"

#include <errno.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  /// The file, unless its bytes are in memory.
  int descriptor;
  const char *bytes;
  haddr_t size;
} input;

/// What HDF5 knows as an open file; its own part comes first.
typedef struct {
  H5FD_t shared;
  input input;
  haddr_t allocated;
} open_file;

#define LARGEST_ADDRESS (((haddr_t)1 << 62) - 1)

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t largest) {
  (void)name, (void)largest;
  const input *from = H5Pget_driver_info(access);
  // Only what is there is read: no other file, and nothing is written.
  if (!from || flags & H5F_ACC_RDWR) return NULL;
  open_file *file = calloc(1, sizeof(open_file));
  if (!file) return NULL;
  file->input = *from;
  return &file->shared;
}

static herr_t driver_close(H5FD_t *shared) {
  free(shared);
  return 0;
}

static herr_t driver_query(const H5FD_t *shared, unsigned long *flags) {
  (void)shared;
  *flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE;
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
  return ((const open_file *)shared)->input.size;
}

/// Gives zeros beyond the end, as HDF5's own driver does.
static herr_t driver_read(H5FD_t *shared, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *bytes) {
  (void)type, (void)transfer;
  const input *from = &((open_file *)shared)->input;
  char *next = bytes;
  if (from->bytes) {
    size_t there = address >= from->size ? 0 : from->size - address < size ? (size_t)(from->size - address) : size;
    if (there) memcpy(next, from->bytes + address, there);
    memset(next + there, 0, size - there);
    return 0;
  }
  while (size > 0) {
    if (address > LARGEST_ADDRESS) return -1;
    ssize_t count = pread(from->descriptor, next, size, (off_t)address);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) {
      memset(next, 0, size);
      return 0;
    }
    next += count;
    address += (haddr_t)count;
    size -= (size_t)count;
  }
  return 0;
}

static herr_t driver_write(
    H5FD_t *shared, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, const void *bytes) {
  (void)shared, (void)type, (void)transfer, (void)address, (void)size, (void)bytes;
  return -1;
}

static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)(H5_VFD_RESERVED + 1),
#endif
    .name = "gauntlet-input",
    .maxaddr = LARGEST_ADDRESS,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(input),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_allocated,
    .set_eoa = driver_allocate,
    .get_eof = driver_end,
    .read = driver_read,
    .write = driver_write,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

static int read_input(int64_t access_list, input from) {
  // HDF5 is called by one thread at a time.
  static hid_t registered = -1;
  if (registered < 0) registered = H5FDregister(&driver);
  if (registered < 0) return -1;
  return H5Pset_driver(access_list, registered, &from);
}

int gauntlet_h5_read_from(int64_t access_list, int descriptor, uint64_t size) {
  return read_input(access_list, (input){descriptor, NULL, size});
}

int gauntlet_h5_read_bytes(int64_t access_list, const void *bytes, uint64_t size) {
  return read_input(access_list, (input){-1, bytes, size});
}
