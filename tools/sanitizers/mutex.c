// Tells thread sanitizer what the contended paths of Swift's Mutex do.
//
// The uncontended ones are atomics that are compiled into the caller, which the sanitizer sees. The contended ones are in
// libswiftSynchronization, which is not instrumented: without this every contended lock would look like none. Preloaded
// (LD_PRELOAD), these stand before the library's own. They are methods, so the mutex comes in Swift's context register.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define SELF __attribute__((swift_context)) void *self

typedef __attribute__((swiftcall)) void (*LockSlow)(uint32_t, SELF);
typedef __attribute__((swiftcall)) void (*UnlockSlow)(SELF);

// Of the sanitizer's runtime, where there is one.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

static void *next(const char *name) {
  void *symbol = dlsym(RTLD_NEXT, name);
  if (!symbol) abort();
  return symbol;
}

__attribute__((swiftcall)) void lockSlow(uint32_t thread, SELF) __asm__(
    "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
__attribute__((swiftcall)) void lockSlow(uint32_t thread, SELF) {
  static LockSlow own;
  if (!own) own = (LockSlow)next("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
  own(thread, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

__attribute__((swiftcall)) void unlockSlow(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
__attribute__((swiftcall)) void unlockSlow(SELF) {
  static UnlockSlow own;
  if (!own) own = (UnlockSlow)next("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
  if (__tsan_release) __tsan_release(self);
  own(self);
}
