#include "CFaultyDisk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512 };

/// A change of a file since it was synced.
struct change {
  enum { WRITTEN, CUT, REMOVED } kind;
  size_t offset, count;
  unsigned char *bytes;
};

/// The contents of a file.
struct image {
  int exists;
  unsigned char *bytes;
  size_t size;
};

struct watched {
  struct watched *next;
  char *path;
  struct image synced;
  struct change *changes;
  size_t count, room;
};

struct file {
  sqlite3_file base;
  struct watched *watched;
  /// With its first sync SQLite syncs the folder, too, as a journal may be new in it.
  int syncs_folder;
  // The system's file stands behind it.
};

static sqlite3_vfs *below, layer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watched *all;
static char *folder;
static uint64_t random_state;
static long operations, fault_at;
static enum gauntlet_fault fault_kind;
static int is_off, is_traced;

static sqlite3_file *real(sqlite3_file *file) { return (sqlite3_file *)((struct file *)file + 1); }
static struct watched *of(sqlite3_file *file) { return ((struct file *)file)->watched; }

static uint64_t draw(void) {
  // SplitMix64 (Steele, Lea and Flood, 2014).
  uint64_t z = random_state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

static void *grown(void *memory, size_t size) {
  void *result = realloc(memory, size ? size : 1);
  if (!result) abort();
  return result;
}

// MARK: Contents

static void extend(struct image *image, size_t size) {
  if (size <= image->size) return;
  image->bytes = grown(image->bytes, size);
  memset(image->bytes + image->size, 0, size - image->size);
  image->size = size;
}

static void put(struct image *image, size_t offset, const unsigned char *bytes, size_t count) {
  image->exists = 1;
  extend(image, offset + count);
  memcpy(image->bytes + offset, bytes, count);
}

static void apply(struct image *image, const struct change *change) {
  switch (change->kind) {
  case WRITTEN: put(image, change->offset, change->bytes, change->count); break;
  case CUT:
    if (change->offset < image->size) image->size = change->offset;
    break;
  case REMOVED: image->exists = 0, image->size = 0; break;
  }
}

/// As a power cut may leave it: all, nothing, or some sectors. Whether what comes after it can be there: a file that was not
/// removed is another one than that which was made in its place.
static int apply_in_part(struct image *image, const struct change *change) {
  switch (draw() % 4) {
  case 0: return change->kind != REMOVED;
  case 1:
    if (change->kind == WRITTEN) {
      for (size_t done = 0; done < change->count;) {
        size_t count = SECTOR - (change->offset + done) % SECTOR;
        if (count > change->count - done) count = change->count - done;
        if (draw() % 2) put(image, change->offset + done, change->bytes + done, count);
        done += count;
      }
      return 1;
    }
    // falls through
  default: apply(image, change); return 1;
  }
}

static void forget_changes(struct watched *watched) {
  for (size_t i = 0; i < watched->count; i++) free(watched->changes[i].bytes);
  watched->count = 0;
}

static void note(struct watched *watched, int kind, size_t offset, const void *bytes, size_t count) {
  if (watched->count == watched->room) {
    watched->room = 2 * watched->room + 16;
    watched->changes = grown(watched->changes, watched->room * sizeof *watched->changes);
  }
  struct change *change = &watched->changes[watched->count++];
  change->kind = kind, change->offset = offset, change->count = count, change->bytes = NULL;
  if (count) memcpy(change->bytes = grown(NULL, count), bytes, count);
}

static void load(struct image *image, const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  image->exists = descriptor >= 0;
  image->size = 0;
  if (descriptor < 0) return;
  unsigned char block[65536];
  ssize_t count;
  while ((count = read(descriptor, block, sizeof block)) > 0) put(image, image->size, block, (size_t)count);
  close(descriptor);
}

static int save(const struct image *image, const char *path) {
  // Another file than before, of which this process knows nothing.
  if (unlink(path) != 0 && errno != ENOENT) return errno;
  if (!image->exists) return 0;
  int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno;
  int error = 0;
  for (size_t done = 0; done < image->size && !error;) {
    ssize_t count = write(descriptor, image->bytes + done, image->size - done);
    if (count < 0) error = errno; else done += (size_t)count;
  }
  close(descriptor);
  return error;
}

static struct watched *find(const char *path) {
  if (!folder || !path || strncmp(path, folder, strlen(folder)) != 0) return NULL;
  // The index of a WAL is memory that processes share.
  size_t length = strlen(path);
  if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return NULL;
  for (struct watched *watched = all; watched; watched = watched->next)
    if (strcmp(watched->path, path) == 0) return watched;
  struct watched *watched = calloc(1, sizeof *watched);
  if (!watched || !(watched->path = strdup(path))) abort();
  load(&watched->synced, path);
  watched->next = all;
  return all = watched;
}

/// Counts an operation; SQLite's code of what goes wrong with it, 0 where nothing does.
static int step(int error, const char *what, const char *path, size_t offset, size_t count) {
  if (is_off) return error;
  operations++;
  if (is_traced)
    fprintf(stderr, "%ld %s %s at %zu, %zu bytes%s\n", operations, what, path, offset, count, fault_at == 1 ? ": fails" : "");
  if (fault_at == 0 || --fault_at > 0) return SQLITE_OK;
  if (fault_kind == GAUNTLET_DISK_FULL) return SQLITE_FULL;
  if (fault_kind == GAUNTLET_POWER_CUT || fault_kind == GAUNTLET_KILL) is_off = 1;
  return error;
}

// MARK: Methods of files

static int do_close(sqlite3_file *file) { return real(file)->pMethods->xClose(real(file)); }

static int do_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int do_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  pthread_mutex_lock(&lock);
  int was_off = is_off, error = step(SQLITE_IOERR_WRITE, "write", of(file)->path, (size_t)offset, (size_t)count);
  // That during which the power goes may reach the disk.
  if (!error || (is_off && !was_off && fault_kind == GAUNTLET_POWER_CUT))
    note(of(file), WRITTEN, (size_t)offset, bytes, (size_t)count);
  if (!error) error = real(file)->pMethods->xWrite(real(file), bytes, count, offset);
  pthread_mutex_unlock(&lock);
  return error;
}

static int do_truncate(sqlite3_file *file, sqlite3_int64 size) {
  pthread_mutex_lock(&lock);
  int error = step(SQLITE_IOERR_TRUNCATE, "cut", of(file)->path, (size_t)size, 0);
  if (!error) {
    note(of(file), CUT, (size_t)size, NULL, 0);
    error = real(file)->pMethods->xTruncate(real(file), size);
  }
  pthread_mutex_unlock(&lock);
  return error;
}

/// All watched files lie in one folder: once that is synced, those that were removed stay so.
static void sync_removals(void) {
  for (struct watched *watched = all; watched; watched = watched->next) {
    size_t last = watched->count;
    while (last > 0 && watched->changes[last - 1].kind != REMOVED) last--;
    if (last == 0) continue;
    watched->synced.exists = 0, watched->synced.size = 0;
    for (size_t i = 0; i < last; i++) free(watched->changes[i].bytes);
    memmove(watched->changes, watched->changes + last, (watched->count - last) * sizeof *watched->changes);
    watched->count -= last;
  }
}

static int do_sync(sqlite3_file *file, int flags) {
  (void)flags;
  pthread_mutex_lock(&lock);
  int error = step(SQLITE_IOERR_FSYNC, "sync", of(file)->path, 0, 0);
  if (!error) {
    struct watched *watched = of(file);
    for (size_t i = 0; i < watched->count; i++) apply(&watched->synced, &watched->changes[i]);
    watched->synced.exists = 1;
    forget_changes(watched);
    if (((struct file *)file)->syncs_folder) sync_removals();
    ((struct file *)file)->syncs_folder = 0;
  }
  pthread_mutex_unlock(&lock);
  return error;
}

static int do_size(sqlite3_file *file, sqlite3_int64 *size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
static int do_lock(sqlite3_file *file, int level) { return real(file)->pMethods->xLock(real(file), level); }
static int do_unlock(sqlite3_file *file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
static int do_check(sqlite3_file *file, int *result) {
  return real(file)->pMethods->xCheckReservedLock(real(file), result);
}
static int do_control(sqlite3_file *file, int operation, void *argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
static int do_sector(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }
static int do_characteristics(sqlite3_file *file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
static int do_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **place) {
  return real(file)->pMethods->xShmMap(real(file), region, size, extend, place);
}
static int do_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
static void do_shm_barrier(sqlite3_file *file) { real(file)->pMethods->xShmBarrier(real(file)); }
static int do_shm_unmap(sqlite3_file *file, int removes) {
  return real(file)->pMethods->xShmUnmap(real(file), removes);
}

// Version 2: without memory-mapped files, whose writes nobody sees.
static const sqlite3_io_methods methods = {
  2, do_close, do_read, do_write, do_truncate, do_sync, do_size, do_lock, do_unlock, do_check, do_control, do_sector,
  do_characteristics, do_shm_map, do_shm_lock, do_shm_barrier, do_shm_unmap, NULL, NULL,
};

// MARK: Methods of the layer

static int layer_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *flags_out) {
  (void)vfs;
  pthread_mutex_lock(&lock);
  struct watched *watched = find(path);
  int is_refused = watched && is_off && flags & SQLITE_OPEN_CREATE && access(path, F_OK) != 0;
  pthread_mutex_unlock(&lock);
  if (!watched) return below->xOpen(below, path, file, flags, flags_out);
  file->pMethods = NULL;
  if (is_refused) return SQLITE_CANTOPEN;
  int error = below->xOpen(below, path, real(file), flags, flags_out);
  if (real(file)->pMethods) {
    int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    ((struct file *)file)->watched = watched;
    ((struct file *)file)->syncs_folder = flags & SQLITE_OPEN_CREATE && flags & journals;
    file->pMethods = &methods;
  }
  return error;
}

static int layer_delete(sqlite3_vfs *vfs, const char *path, int is_synced) {
  (void)vfs;
  pthread_mutex_lock(&lock);
  struct watched *watched = find(path);
  int error = watched ? step(SQLITE_IOERR_DELETE, "remove", path, 0, (size_t)is_synced) : SQLITE_OK;
  if (!error) {
    error = below->xDelete(below, path, is_synced);
    if (watched && !error) {
      note(watched, REMOVED, 0, NULL, 0);
      if (is_synced) {
        watched->synced.exists = 0, watched->synced.size = 0;
        forget_changes(watched);
      }
    }
  }
  pthread_mutex_unlock(&lock);
  return error;
}

// MARK: What tests call

int gauntlet_disk_install(void) {
  if (below) return SQLITE_OK;
  is_traced = getenv("GAUNTLET_DISK_TRACE") != NULL;
  int error = sqlite3_initialize();
  if (error) return error;
  sqlite3_vfs *system = sqlite3_vfs_find(NULL);
  if (!system) return SQLITE_ERROR;
  layer = *system;
  layer.zName = "gauntlet-faulty-disk";
  layer.szOsFile = (int)sizeof(struct file) + system->szOsFile;
  layer.xOpen = layer_open;
  layer.xDelete = layer_delete;
  layer.pNext = NULL;
  below = system;
  return sqlite3_vfs_register(&layer, 1);
}

void gauntlet_disk_watch(const char *path, uint64_t seed) {
  pthread_mutex_lock(&lock);
  while (all) {
    struct watched *watched = all;
    all = watched->next;
    forget_changes(watched);
    free(watched->changes), free(watched->synced.bytes), free(watched->path), free(watched);
  }
  free(folder);
  folder = strdup(path);
  random_state = seed;
  operations = fault_at = 0;
  is_off = 0;
  pthread_mutex_unlock(&lock);
}

void gauntlet_disk_arm(enum gauntlet_fault fault, long operation) {
  pthread_mutex_lock(&lock);
  fault_kind = fault, fault_at = operation;
  pthread_mutex_unlock(&lock);
}

long gauntlet_disk_operations(void) {
  pthread_mutex_lock(&lock);
  long result = operations;
  pthread_mutex_unlock(&lock);
  return result;
}

int gauntlet_disk_step(void) {
  pthread_mutex_lock(&lock);
  int error = step(SQLITE_IOERR, "file", "", 0, 0);
  pthread_mutex_unlock(&lock);
  return error == SQLITE_OK ? 0 : error == SQLITE_FULL ? ENOSPC : EIO;
}

int gauntlet_disk_is_armed(void) {
  pthread_mutex_lock(&lock);
  int result = fault_at != 0;
  pthread_mutex_unlock(&lock);
  return result;
}

void gauntlet_disk_revive(void) {
  pthread_mutex_lock(&lock);
  is_off = 0, fault_at = 0;
  pthread_mutex_unlock(&lock);
}

int gauntlet_disk_is_off(void) {
  pthread_mutex_lock(&lock);
  int result = is_off;
  pthread_mutex_unlock(&lock);
  return result;
}

int gauntlet_disk_restore(void) {
  pthread_mutex_lock(&lock);
  int error = 0;
  for (struct watched *watched = all; watched && !error; watched = watched->next) {
    for (size_t i = 0; i < watched->count && apply_in_part(&watched->synced, &watched->changes[i]); i++) {}
    forget_changes(watched);
    error = save(&watched->synced, watched->path);
    size_t length = strlen(watched->path);
    char *index = grown(NULL, length + 5);
    memcpy(index, watched->path, length), memcpy(index + length, "-shm", 5);
    unlink(index);
    free(index);
  }
  is_off = 0, fault_at = 0;
  pthread_mutex_unlock(&lock);
  return error;
}
