#pragma once
#include <stddef.h>
#include <stdint.h>

/// Where the bytes of a file go that HDF5 writes: to a file of ours, or to memory.
///
/// HDF5 1.10 does not survive a write that fails: closing the file fails then, too, and the library crashes when it ends.
/// So it never learns of one. The first failure is remembered here, and from then on what is written is kept in memory,
/// where it is read again: HDF5 closes its file as if nothing had happened, and `error` says afterwards that it is to be
/// thrown away. Whoever writes looks at `error` after each step, so that little comes after a failure. Reserving the
/// space beforehand would not do: nobody knows how much compressed chunks need, and a quota or a failing disk may refuse
/// a write to space that was reserved.
typedef struct gauntlet_h5_output {
  /// The file, open for reading and writing, which the caller closes; -1 for memory.
  int descriptor;
  /// The `errno` of the first failure, 0 if there was none.
  int error;
  /// HDF5 has not let go of the file yet.
  int is_open;
  /// The caller has, before.
  int is_released;
  /// Bytes up to the end of the file.
  uint64_t size;
  /// The file, where it is in memory.
  unsigned char *bytes;
  size_t capacity;
  /// What was written from the first failure on, the newest first.
  struct gauntlet_h5_extent *late;
} gauntlet_h5_output;

/// An output without a byte; nothing if there is no memory for it.
gauntlet_h5_output *gauntlet_h5_output_make(int descriptor);

/// Frees an output. Where HDF5 has not let go of the file nothing more goes to the descriptor, which may be another file's
/// by then, and the rest follows when it does.
void gauntlet_h5_output_free(gauntlet_h5_output *output);

/// Makes HDF5 write the file that is created with this access list to an output.
///
/// - Returns: a negative number if HDF5 refuses.
int gauntlet_h5_write_to(int64_t access_list, gauntlet_h5_output *output);
