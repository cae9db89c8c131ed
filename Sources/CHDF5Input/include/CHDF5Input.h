#pragma once
#include <stdint.h>

/// Makes HDF5 read what is opened with this access list from a descriptor, which stays the caller's: it needs no path then,
/// and no right to open files. Whoever opens it has it open once at a time.
///
/// - Returns: a negative number if HDF5 refuses.
int gauntlet_h5_read_from(int64_t access_list, int descriptor, uint64_t size);

/// The same of a file's bytes, which stay the caller's and outlive what is opened.
int gauntlet_h5_read_bytes(int64_t access_list, const void *bytes, uint64_t size);
