#include <sys/types.h>

/// Starts a program, its input empty, its output and errors appended to files, with no other
/// descriptor of this process. SIGPIPE is as the system has it. Returns 0, or an errno.
int gauntlet_spawn(
    pid_t *process, const char *program, char *const *words, char *const *environment, const char *output, const char *errors,
    int in_new_session);

/// Starts a program whose input is a socket, with nothing else of this process: no output, no errors, no descriptor. Returns
/// 0, or an errno.
int gauntlet_spawn_on_socket(
    pid_t *process, const char *program, char *const *words, char *const *environment, int socket);
