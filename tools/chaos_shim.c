// What a failing disk, a network's file system or a quota says, for a process that is started with LD_PRELOAD: chaos.py
// builds it. The file that CHAOS_FAULTS names is read at every call; each of its lines is a kind, an errno and a path:
//
//     open 5 /data/val        files below cannot be opened
//     read 5 /data/val        or are opened, but not read
//     write 122 /runs/r1      or not written
//     lock 0 /                every lock is granted, as where they are not known to others
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/// The errno of the first line of this kind whose path the given one lies below; -1 where there is none.
static int fault(const char *kind, const char *path) {
  const char *name = getenv("CHAOS_FAULTS");
  if (!name || !path) return -1;
  int kept = errno, result = -1;
  char text[4096];
  long count = 0;
  int descriptor = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
  if (descriptor >= 0) {
    count = syscall(SYS_read, descriptor, text, sizeof text - 1);
    syscall(SYS_close, descriptor);
  }
  text[count > 0 ? count : 0] = 0;
  char *rest = text;
  for (char *line; result < 0 && (line = strsep(&rest, "\n"));) {
    char *word = strsep(&line, " "), *number = strsep(&line, " ");
    if (word && number && line && !strcmp(word, kind) && !strncmp(path, line, strlen(line))) result = atoi(number);
  }
  errno = kept;
  return result;
}

static int fault_of(const char *kind, int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  int kept = errno;
  long count = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  errno = kept;
  if (count < 0) return -1;
  path[count] = 0;
  return path[0] == '/' ? fault(kind, path) : -1;
}

#define REFUSE(code) do { int error = code; if (error > 0) { errno = error; return -1; } } while (0)

static int mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; }

#define OPEN(name)                                                                                                     \
  int name(const char *path, int flags, ...) {                                                                         \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    int mode = mode_of(flags, rest);                                                                                   \
    va_end(rest);                                                                                                      \
    REFUSE(fault("open", path));                                                                                       \
    return NEXT(name)(path, flags, mode);                                                                              \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
  int name(int folder, const char *path, int flags, ...) {                                                             \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    int mode = mode_of(flags, rest);                                                                                   \
    va_end(rest);                                                                                                      \
    REFUSE(fault("open", path));                                                                                       \
    return NEXT(name)(folder, path, flags, mode);                                                                      \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t read(int descriptor, void *bytes, size_t count) {
  REFUSE(fault_of("read", descriptor));
  return NEXT(read)(descriptor, bytes, count);
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t place) {
  REFUSE(fault_of("read", descriptor));
  return NEXT(pread)(descriptor, bytes, count, place);
}

ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t place) {
  REFUSE(fault_of("read", descriptor));
  return NEXT(pread64)(descriptor, bytes, count, place);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  REFUSE(fault_of("write", descriptor));
  return NEXT(write)(descriptor, bytes, count);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t place) {
  REFUSE(fault_of("write", descriptor));
  return NEXT(pwrite)(descriptor, bytes, count, place);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t place) {
  REFUSE(fault_of("write", descriptor));
  return NEXT(pwrite64)(descriptor, bytes, count, place);
}

int flock(int descriptor, int operation) {
  if (fault("lock", "/") >= 0) return 0;
  return NEXT(flock)(descriptor, operation);
}

static int lying_fcntl(int (*next)(int, int, ...), int descriptor, int command, void *argument) {
  int is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
  if (is_lock && fault("lock", "/") >= 0) return 0;
  return next(descriptor, command, argument);
}

#define FCNTL(name)                                                                                                    \
  int name(int descriptor, int command, ...) {                                                                         \
    va_list rest;                                                                                                      \
    va_start(rest, command);                                                                                           \
    void *argument = va_arg(rest, void *);                                                                             \
    va_end(rest);                                                                                                      \
    return lying_fcntl((int (*)(int, int, ...))dlsym(RTLD_NEXT, #name), descriptor, command, argument);                \
  }
FCNTL(fcntl)
FCNTL(fcntl64)
