#pragma once
#include <stddef.h>
#include <stdint.h>

/// Takes from this process what a reader of one open file does not need, for good: new privileges, the opening of files,
/// sockets and processes, and, where Linux has seccomp, every call of the system but those that read what is open, answer
/// on a socket that is open, and use memory. What is taken is refused with EPERM.
///
/// - Parameter descriptors: how many files may be open. All but the first three come over a socket: what is open beyond those is
///   closed.
/// - Returns: 0, or an errno where the limits cannot be set. A kernel without seccomp is no failure: the limits hold there.
int gauntlet_confine(unsigned descriptors);

/// Lets this process have `memory` bytes more of address space, and `seconds` more of processor time, than it has used.
/// Returns 0, or an errno.
int gauntlet_confine_further(uint64_t memory, uint64_t seconds);

/// Sends bytes over a socket, with a descriptor where that is not negative. Returns 0, or an errno.
int gauntlet_socket_send(int socket, const void *bytes, size_t count, int descriptor);

/// Receives exactly `count` bytes, and a descriptor if one comes with them (-1 otherwise). Returns 0, an errno, or -1
/// where the other end is closed.
int gauntlet_socket_receive(int socket, void *bytes, size_t count, int *descriptor);
