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

#if defined(__AVX512BF16__)
#include <immintrin.h>

typedef float gauntlet_float16 __attribute__((ext_vector_type(16)));
typedef unsigned gauntlet_uint16 __attribute__((ext_vector_type(16)));
typedef unsigned gauntlet_uint8 __attribute__((ext_vector_type(8)));

/// Adds the products of 16 pairs of bfloat16 numbers to 16 sums: VDPBF16PS.
static inline __attribute__((always_inline)) gauntlet_float16 gauntlet_dot_bf16(
    gauntlet_float16 sums, gauntlet_uint16 left, gauntlet_uint16 right) {
  return (gauntlet_float16)_mm512_dpbf16_ps((__m512)sums, (__m512bh)left, (__m512bh)right);
}

/// Rounds 16 numbers to bfloat16, two in each of 8 results: VCVTNEPS2BF16.
static inline __attribute__((always_inline)) gauntlet_uint8 gauntlet_to_bf16(gauntlet_float16 values) {
  return (gauntlet_uint8)_mm512_cvtneps_pbh((__m512)values);
}
#endif
