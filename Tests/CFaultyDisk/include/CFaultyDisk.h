#pragma once

#include <stdint.h>

/// What goes wrong at the operation that was chosen.
enum gauntlet_fault {
  /// The power goes: what was not synced may be lost, in part or whole; all later operations fail.
  GAUNTLET_POWER_CUT,
  /// The disk is full, once.
  GAUNTLET_DISK_FULL,
  /// An I/O error, once.
  GAUNTLET_IO_ERROR,
  /// The process is killed before the operation: all later ones fail, and what was written is there.
  GAUNTLET_KILL,
};

/// Puts a layer between SQLite and the system that can lose what was written, for files below the folder that is watched.
/// Once a process, before any database is opened. 0, or SQLite's error.
int gauntlet_disk_install(void);

/// Watches the files below `folder` from now on, as they are then, and no others. Random choices are the seed's.
void gauntlet_disk_watch(const char *folder, uint64_t seed);

/// Lets `fault` happen at the operation of this number from now, counted from 1; 0: never.
void gauntlet_disk_arm(enum gauntlet_fault fault, long operation);

/// Operations that changed a watched file, or would have, since the disk is watched.
long gauntlet_disk_operations(void);

/// Counts an operation of somebody else's on the same disk. 0, or the errno with which it fails.
int gauntlet_disk_step(void);

/// Whether a fault is still to come.
int gauntlet_disk_is_armed(void);

/// Whether the power is off, or the process killed.
int gauntlet_disk_is_off(void);

/// Begins another process after one was killed: what was written and not synced is there, and may still be lost.
void gauntlet_disk_revive(void);

/// Gives the watched files contents that a power cut may leave: all that was synced, and of each write since then all,
/// nothing or some sectors of 512 bytes. All databases of theirs must be closed. 0, or an errno.
int gauntlet_disk_restore(void);
