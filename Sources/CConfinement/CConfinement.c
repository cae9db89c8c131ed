#define _GNU_SOURCE
#include "include/CConfinement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define GAUNTLET_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define GAUNTLET_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define DATA(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
/// Allows a call whatever is asked of it.
#define CALL(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), ALLOW
/// Allows a call unless its third argument (both kernels' are little-endian) has one of these bits.
#define CALL_WITHOUT(number, bits)                                                                               \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4), DATA(args[2]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0), \
      ALLOW, REFUSE
/// Allows a call whose first argument is 0: this process.
#define CALL_OF_OWN(number)                                                                                     \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4), DATA(args[0]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), ALLOW, \
      REFUSE

static void filter_calls(void) {
#ifdef GAUNTLET_ARCHITECTURE
  struct sock_filter filter[] = {
      DATA(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GAUNTLET_ARCHITECTURE, 1, 0), REFUSE, DATA(nr),
      CALL(__NR_read), CALL(__NR_pread64), CALL(__NR_lseek), CALL(__NR_close),
      CALL(__NR_recvfrom), CALL(__NR_recvmsg), CALL(__NR_sendto), CALL(__NR_sendmsg),
      CALL(__NR_munmap), CALL(__NR_mremap), CALL(__NR_madvise), CALL(__NR_brk), CALL(__NR_futex),
      CALL(__NR_rt_sigreturn), CALL(__NR_rt_sigprocmask), CALL(__NR_sigaltstack), CALL(__NR_restart_syscall),
      CALL(__NR_getrusage), CALL(__NR_clock_gettime), CALL(__NR_clock_nanosleep), CALL(__NR_nanosleep),
      CALL(__NR_gettimeofday), CALL(__NR_getrandom), CALL(__NR_sched_yield), CALL(__NR_getpid), CALL(__NR_gettid),
      CALL(__NR_exit), CALL(__NR_exit_group),
      CALL_OF_OWN(__NR_prlimit64),
      CALL_WITHOUT(__NR_mmap, PROT_EXEC), CALL_WITHOUT(__NR_mprotect, PROT_EXEC),
      REFUSE,
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  // All threads of the process: libraries may have started some.
  if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#endif
}
#endif

static int limit(int resource, rlim_t value) {
  struct rlimit both = {value, value};
  return setrlimit(resource, &both) == 0 ? 0 : errno;
}

int gauntlet_confine(unsigned descriptors) {
  // What libraries opened when they were loaded: all places but the first three are for what is received.
  for (int descriptor = 3; descriptor < 1024; descriptor++) close(descriptor);
  int error = limit(RLIMIT_CORE, 0);
  if (!error) error = limit(RLIMIT_FSIZE, 0);
  if (!error) error = limit(RLIMIT_NOFILE, descriptors);
  if (error) return error;
#ifdef __linux__
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) filter_calls();
#endif
  return 0;
}

/// Bytes of address space that were there when this was first asked.
static uint64_t own_memory(void) {
  static uint64_t known;
#ifdef __linux__
  if (known == 0) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file) {
      if (fscanf(file, "%lu", &pages) != 1) pages = 0;
      fclose(file);
    }
    known = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
  }
#endif
  return known;
}

int gauntlet_confine_further(uint64_t memory, uint64_t seconds) {
  struct rusage used;
  struct rlimit limits;
  if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limits) != 0) return errno;
  rlim_t end = (rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec + 1 + seconds;
  if (end < limits.rlim_max) limits.rlim_cur = end;
  if (setrlimit(RLIMIT_CPU, &limits) != 0 || getrlimit(RLIMIT_AS, &limits) != 0) return errno;
  uint64_t own = own_memory();
  if (own == 0) return 0;
  limits.rlim_cur = own + memory < limits.rlim_max ? own + memory : limits.rlim_max;
  return setrlimit(RLIMIT_AS, &limits) == 0 ? 0 : errno;
}

int gauntlet_socket_send(int socket, const void *bytes, size_t count, int descriptor) {
  const char *next = bytes;
  while (count > 0) {
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec piece = {(void *)next, count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (descriptor >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      struct cmsghdr *header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
#ifdef MSG_NOSIGNAL
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
#else
    ssize_t sent = sendmsg(socket, &message, 0);
#endif
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno;
    descriptor = -1;
    next += sent;
    count -= (size_t)sent;
  }
  return 0;
}

int gauntlet_socket_receive(int socket, void *bytes, size_t count, int *descriptor) {
  char *next = bytes;
  *descriptor = -1;
  while (count > 0) {
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec piece = {next, count};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t received = recvmsg(socket, &message, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno;
    if (received == 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && *descriptor < 0)
      memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    next += received;
    count -= (size_t)received;
  }
  return 0;
}
