#pragma once
/// What the processor that runs this offers, asked once with CPUID through the compiler's own builtins.
/// Each returns 1 or 0; all return 0 on processors that are not x86-64.
int gauntlet_processor_has_avx2_fma(void);
int gauntlet_processor_has_avx512(void);
int gauntlet_processor_has_avx512_bf16(void);

/// Asks for the cache line at `address`, to be written soon.
static inline __attribute__((always_inline)) void gauntlet_prefetch_for_writing(const void *address) {
  __builtin_prefetch(address, 1, 3);
}
