// GNU's extensions of posix_spawn (no descriptor but three, a session of its own) are not visible to Swift.
#define _GNU_SOURCE
#include "include/CSpawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

/// Starts a program with the descriptors that `actions` makes, no others, and the signals that Gauntlet ignores as they are
/// usually. `status` is that of what was done to the actions; they are destroyed.
static int start(
    pid_t *process, const char *program, char *const *words, char *const *environment, posix_spawn_file_actions_t *actions,
    int status, short flags) {
  posix_spawnattr_t attributes;
  int made = posix_spawnattr_init(&attributes);
  if (!status) status = made;
  sigset_t defaults, blocked;
  sigemptyset(&blocked);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  sigaddset(&defaults, SIGXCPU);
  flags |= POSIX_SPAWN_SETSIGDEF;
#ifdef __APPLE__
  flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#else
  if (!status) status = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
  if (!status) status = posix_spawnattr_setsigdefault(&attributes, &defaults);
  if (!status) status = posix_spawnattr_setsigmask(&attributes, &blocked);
  if (!status) status = posix_spawnattr_setflags(&attributes, flags);
  if (!status) status = posix_spawn(process, program, actions, &attributes, words, environment);
  if (!made) posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(actions);
  return status;
}

int gauntlet_spawn(
    pid_t *process, const char *program, char *const *words, char *const *environment, const char *output, const char *errors,
    int in_new_session) {
  posix_spawn_file_actions_t actions;
  int status = posix_spawn_file_actions_init(&actions);
  if (status) return status;
  const int append = O_WRONLY | O_CREAT | O_APPEND;
  status = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (!status) status = posix_spawn_file_actions_addopen(&actions, 1, output, append, 0600);
  if (!status) status = posix_spawn_file_actions_addopen(&actions, 2, errors, append, 0600);
  return start(process, program, words, environment, &actions, status, in_new_session ? POSIX_SPAWN_SETSID : 0);
}

int gauntlet_spawn_on_socket(
    pid_t *process, const char *program, char *const *words, char *const *environment, int socket) {
  posix_spawn_file_actions_t actions;
  int status = posix_spawn_file_actions_init(&actions);
  if (status) return status;
  status = posix_spawn_file_actions_adddup2(&actions, socket, 0);
  if (!status) status = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  if (!status) status = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  return start(process, program, words, environment, &actions, status, POSIX_SPAWN_SETSIGMASK);
}
