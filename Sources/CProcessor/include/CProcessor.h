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

/// Asks for the cache line at `address`, to be read soon, for the second-level cache.
static inline __attribute__((always_inline)) void gauntlet_prefetch_for_reading(const void *address) {
  __builtin_prefetch(address, 0, 3);
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

#if defined(__AVX512F__)
#include <immintrin.h>

typedef float gauntlet_lanes16 __attribute__((ext_vector_type(16)));
typedef unsigned gauntlet_index16 __attribute__((ext_vector_type(16)));

/// Entry `index & 15` of a table, lane by lane: VPERMPS.
static inline __attribute__((always_inline)) gauntlet_lanes16 gauntlet_look_up16(
    gauntlet_lanes16 table, gauntlet_index16 index) {
  return (gauntlet_lanes16)_mm512_permutexvar_ps((__m512i)index, (__m512)table);
}
#endif

#if defined(__AVX2__)
#include <immintrin.h>

typedef float gauntlet_lanes8 __attribute__((ext_vector_type(8)));
typedef unsigned gauntlet_index8 __attribute__((ext_vector_type(8)));

/// Entry `index & 15` of a table in two halves, lane by lane: VPERMPS twice, and bit 3 chooses.
static inline __attribute__((always_inline)) gauntlet_lanes8 gauntlet_look_up8(
    gauntlet_lanes8 low, gauntlet_lanes8 high, gauntlet_index8 index) {
  __m256 first = _mm256_permutevar8x32_ps((__m256)low, (__m256i)index);
  __m256 second = _mm256_permutevar8x32_ps((__m256)high, (__m256i)index);
  __m256 chooses = (__m256)_mm256_slli_epi32((__m256i)index, 28);
  return (gauntlet_lanes8)_mm256_blendv_ps(first, second, chooses);
}
#endif
