// HDF5's constants are macros over calls and casts, which Swift does not import; here they become functions. So do the
// property lists, which are nothing but a row of such constants.
#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/// The library prints its error stack to stderr unless each thread tells it not to.
static inline void gauntlet_h5_quiet(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

typedef struct {
  char text[200];
} gauntlet_h5_message;

static herr_t gauntlet_h5_innermost(unsigned depth, const H5E_error2_t *error, void *message) {
  if (depth == 0) snprintf(((gauntlet_h5_message *)message)->text, 200, "%s", error->desc ? error->desc : "");
  return 0;
}

/// What the innermost function said of the last failure, or nothing.
static inline gauntlet_h5_message gauntlet_h5_last_message(void) {
  gauntlet_h5_message message = {{0}};
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, gauntlet_h5_innermost, &message);
  return message;
}

// Element types: of memory, and of the file, where all numbers are little-endian.
static inline hid_t gauntlet_h5_native_int8(void) { return H5T_NATIVE_INT8; }
static inline hid_t gauntlet_h5_native_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t gauntlet_h5_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t gauntlet_h5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t gauntlet_h5_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t gauntlet_h5_file_int8(void) { return H5T_STD_I8LE; }
static inline hid_t gauntlet_h5_file_int32(void) { return H5T_STD_I32LE; }
static inline hid_t gauntlet_h5_file_int64(void) { return H5T_STD_I64LE; }
static inline hid_t gauntlet_h5_file_float(void) { return H5T_IEEE_F32LE; }
static inline hid_t gauntlet_h5_file_double(void) { return H5T_IEEE_F64LE; }

/// Variable-length UTF-8. The caller closes it.
static inline hid_t gauntlet_h5_string(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

static inline hid_t gauntlet_h5_scalar(void) { return H5Screate(H5S_SCALAR); }

/// The format of HDF5 1.10, whose metadata carries checksums. A lock would only get in the way of network file systems:
/// files are written under a name of their own, and renamed when they are whole.
static inline hid_t gauntlet_h5_file_access(void) {
  hid_t list = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_V110);
  H5Pset_file_locking(list, 0, 1);
  H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
  return list;
}

// No object carries a time, so that the same contents give the same bytes. netCDF-4 asks for creation order.
static inline void gauntlet_h5_ordered_group(hid_t list) {
  H5Pset_obj_track_times(list, 0);
  H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
}

static inline hid_t gauntlet_h5_file_creation(void) {
  hid_t list = H5Pcreate(H5P_FILE_CREATE);
  gauntlet_h5_ordered_group(list);
  return list;
}

static inline hid_t gauntlet_h5_group_creation(void) {
  hid_t list = H5Pcreate(H5P_GROUP_CREATE);
  gauntlet_h5_ordered_group(list);
  return list;
}

/// Contiguous, or with a rank above 0 chunked under Fletcher-32, `compressed` with shuffle and gzip below it.
static inline hid_t gauntlet_h5_dataset_creation(int rank, const hsize_t *chunk, int compressed) {
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(list, 0);
  H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  if (rank > 0) {
    H5Pset_chunk(list, rank, chunk);
    if (compressed) {
      H5Pset_shuffle(list);
      H5Pset_deflate(list, 4);
    }
    H5Pset_fletcher32(list);
  }
  return list;
}

/// Room for the chunks that parts of one condition share, so that each is written once.
static inline hid_t gauntlet_h5_chunk_cache(size_t bytes) {
  hid_t list = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(list, 521, bytes, 1.0);
  return list;
}

/// When a process ends the library closes nothing: every handle has an owner, and threads may still be using theirs. To be
/// called before anything else.
static inline void gauntlet_h5_begin(void) {
  H5dont_atexit();
  // A file must not make the library load programs, which is what its filters of others' are.
  H5PLset_loading_state(0);
}

/// What a name of a group stands for: an object of the same file (1), nothing (0), or something that leads elsewhere, as
/// links to names or to other files do (-1).
static inline int gauntlet_h5_link(hid_t group, const char *name) {
  if (H5Lexists(group, name, H5P_DEFAULT) <= 0) return 0;
  H5L_info_t link;
  return H5Lget_info(group, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD ? 1 : -1;
}

static inline const char *gauntlet_h5_fault_of_creation(hid_t list) {
  if (H5Pget_layout(list) == H5D_VIRTUAL) return "is put together from other datasets";
  if (H5Pget_external_count(list) != 0) return "lies in another file";
  int filters = H5Pget_nfilters(list);
  if (filters < 0 || filters > 8) return "is packed in a way that is not understood";
  for (int index = 0; index < filters; index++) {
    unsigned flags;
    size_t count = 0;
    H5Z_filter_t filter = H5Pget_filter2(list, (unsigned)index, &flags, &count, NULL, 0, NULL, NULL);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
      return "is packed in a way that is not understood";
  }
  return NULL;
}

/// Why a dataset is not to be read, as it stands after its name; nothing where it may be.
static inline const char *gauntlet_h5_fault(hid_t dataset) {
  hid_t list = H5Dget_create_plist(dataset);
  if (list < 0) return "does not say how it is stored";
  const char *fault = gauntlet_h5_fault_of_creation(list);
  H5Pclose(list);
  return fault;
}

/// Bytes of one chunk of a dataset; 0 where it has none.
static inline uint64_t gauntlet_h5_chunk_bytes(hid_t dataset, size_t element) {
  hid_t list = H5Dget_create_plist(dataset);
  if (list < 0) return 0;
  hsize_t extents[32];
  int rank = H5Pget_layout(list) == H5D_CHUNKED ? H5Pget_chunk(list, 32, extents) : 0;
  uint64_t bytes = rank > 0 ? element : 0;
  for (int axis = 0; axis < rank && axis < 32; axis++) {
    if (__builtin_mul_overflow(bytes, (uint64_t)extents[axis], &bytes)) {
      bytes = UINT64_MAX;
      break;
    }
  }
  H5Pclose(list);
  return bytes;
}

static inline hid_t gauntlet_h5_create(const char *path, hid_t creation, hid_t access) {
  return H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
}

static inline hid_t gauntlet_h5_open(const char *path, hid_t access) { return H5Fopen(path, H5F_ACC_RDONLY, access); }

static inline herr_t gauntlet_h5_flush(hid_t file) { return H5Fflush(file, H5F_SCOPE_GLOBAL); }

static inline int gauntlet_h5_is_string(hid_t type) { return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0; }

static inline int gauntlet_h5_is_integer(hid_t type) { return H5Tget_class(type) == H5T_INTEGER; }

static inline int gauntlet_h5_is_number(hid_t type) {
  return H5Tget_class(type) == H5T_INTEGER || H5Tget_class(type) == H5T_FLOAT;
}

static inline herr_t gauntlet_h5_select(hid_t space, const hsize_t *start, const hsize_t *count) {
  return H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
}

static inline ssize_t gauntlet_h5_attribute_name(hid_t object, hsize_t index, char *name, size_t size) {
  return H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index, name, size, H5P_DEFAULT);
}
