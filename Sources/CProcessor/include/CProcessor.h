#pragma once
/// What the processor that runs this offers, asked once with CPUID through the compiler's own builtins.
/// Each returns 1 or 0; all return 0 on processors that are not x86-64.
int gauntlet_processor_has_avx2_fma(void);
int gauntlet_processor_has_avx512(void);
int gauntlet_processor_has_avx512_bf16(void);
int gauntlet_processor_has_avx512_vnni(void);

/// Asks for the cache line at `address`, to be written soon.
static inline __attribute__((always_inline)) void gauntlet_prefetch_for_writing(const void *_Nonnull address) {
  __builtin_prefetch(address, 1, 3);
}

/// The same address, of which the compiler does not know that it is the same.
static inline __attribute__((always_inline)) const float *_Nonnull gauntlet_another_pointer(
    const float *_Nonnull address) {
  __asm__("" : "+r"(address));
  return address;
}

/// Asks for the cache line at `address`, to be read soon.
static inline __attribute__((always_inline)) void gauntlet_prefetch_for_reading(const void *_Nonnull address) {
  __builtin_prefetch(address, 0, 3);
}

/// The same for later: it comes into the second-level cache.
static inline __attribute__((always_inline)) void gauntlet_prefetch_for_later(const void *_Nonnull address) {
  __builtin_prefetch(address, 0, 2);
}

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__AVX__)
#include <immintrin.h>
#endif

typedef float gauntlet_number16 __attribute__((ext_vector_type(16)));

/// The square roots of 16 numbers. Swift's own are taken one by one.
static inline __attribute__((always_inline)) gauntlet_number16 gauntlet_square_roots(gauntlet_number16 x) {
#if defined(__AVX512F__)
  return (gauntlet_number16)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__)
  typedef float half __attribute__((ext_vector_type(8)));
  half low = (half)_mm256_sqrt_ps((__m256)x.lo), high = (half)_mm256_sqrt_ps((__m256)x.hi);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif defined(__SSE2__)
  typedef float quarter __attribute__((ext_vector_type(4)));
  gauntlet_number16 result;
  for (int part = 0; part < 4; part++) {
    quarter roots = (quarter)_mm_sqrt_ps((__m128){x[4 * part], x[4 * part + 1], x[4 * part + 2], x[4 * part + 3]});
    for (int lane = 0; lane < 4; lane++) result[4 * part + lane] = roots[lane];
  }
  return result;
#else
  for (int lane = 0; lane < 16; lane++) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
#endif
}

typedef unsigned char gauntlet_byte16 __attribute__((ext_vector_type(16)));
typedef unsigned gauntlet_word16 __attribute__((ext_vector_type(16)));

/// 16 bytes as whole numbers of 32 bits. Swift's own conversions go one by one.
static inline __attribute__((always_inline)) gauntlet_word16 gauntlet_widen(gauntlet_byte16 x) {
  return __builtin_convertvector(x, gauntlet_word16);
}

/// The lowest bytes of 16 whole numbers.
static inline __attribute__((always_inline)) gauntlet_byte16 gauntlet_narrow(gauntlet_word16 x) {
  return __builtin_convertvector(x, gauntlet_byte16);
}

#if defined(__AVX512BF16__)
#include <immintrin.h>

typedef float gauntlet_float16 __attribute__((ext_vector_type(16)));
typedef unsigned gauntlet_uint16 __attribute__((ext_vector_type(16)));

/// Adds the products of 16 pairs of bfloat16 numbers to 16 sums: VDPBF16PS.
static inline __attribute__((always_inline)) gauntlet_float16 gauntlet_dot_bf16(
    gauntlet_float16 sums, gauntlet_uint16 left, gauntlet_uint16 right) {
  return (gauntlet_float16)_mm512_dpbf16_ps((__m512)sums, (__m512bh)left, (__m512bh)right);
}

/// Rounds 32 numbers to bfloat16, two in each of 16 results, the first 16 numbers in the first eight: VCVTNE2PS2BF16.
static inline __attribute__((always_inline)) gauntlet_uint16 gauntlet_to_bf16(
    gauntlet_float16 low, gauntlet_float16 high) {
  return (gauntlet_uint16)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
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

// Bytes of pictures in the registers of the instruction set that is compiled for: 64, 32, or 16 of them. What is said of
// 16 bytes holds for each 16 of a longer register.
#if defined(__AVX512BW__)
#define GAUNTLET_BYTES 64
#define GAUNTLET_ON_BYTES(name) _mm512_##name
typedef __m512i gauntlet_register;
#elif defined(__AVX2__) && !defined(GAUNTLET_REGISTERS_OF_128_BITS)
#define GAUNTLET_BYTES 32
#define GAUNTLET_ON_BYTES(name) _mm256_##name
typedef __m256i gauntlet_register;
#else
#define GAUNTLET_BYTES 16
#define GAUNTLET_ON_BYTES(name) _mm_##name
#endif

typedef unsigned char gauntlet_bytes __attribute__((ext_vector_type(GAUNTLET_BYTES)));
typedef short gauntlet_shorts __attribute__((ext_vector_type(GAUNTLET_BYTES / 2)));
typedef int gauntlet_ints __attribute__((ext_vector_type(GAUNTLET_BYTES / 4)));

#if defined(__SSE2__)
#if GAUNTLET_BYTES == 16
typedef __m128i gauntlet_register;
#endif

/// The first eight of 16 bytes of both in turn, a0 b0 a1 b1 and so on. PUNPCKLBW on x86.
static inline __attribute__((always_inline)) gauntlet_bytes gauntlet_in_turn_low(gauntlet_bytes a, gauntlet_bytes b) {
  return (gauntlet_bytes)GAUNTLET_ON_BYTES(unpacklo_epi8)((gauntlet_register)a, (gauntlet_register)b);
}

/// The last eight of 16 bytes of both in turn.
static inline __attribute__((always_inline)) gauntlet_bytes gauntlet_in_turn_high(gauntlet_bytes a, gauntlet_bytes b) {
  return (gauntlet_bytes)GAUNTLET_ON_BYTES(unpackhi_epi8)((gauntlet_register)a, (gauntlet_register)b);
}

/// Adds neighbouring products of 16-bit numbers. PMADDWD on x86.
static inline __attribute__((always_inline)) gauntlet_ints gauntlet_pair_sums(gauntlet_shorts a, gauntlet_shorts b) {
  return (gauntlet_ints)GAUNTLET_ON_BYTES(madd_epi16)((gauntlet_register)a, (gauntlet_register)b);
}

/// Four numbers of each in turn as bytes, those below 0 and above 255 as 0 and 255. PACKSSDW and PACKUSWB on x86.
static inline __attribute__((always_inline)) gauntlet_bytes gauntlet_saturate4(
    gauntlet_ints a, gauntlet_ints b, gauntlet_ints c, gauntlet_ints d) {
  return (gauntlet_bytes)GAUNTLET_ON_BYTES(packus_epi16)(
      GAUNTLET_ON_BYTES(packs_epi32)((gauntlet_register)a, (gauntlet_register)b),
      GAUNTLET_ON_BYTES(packs_epi32)((gauntlet_register)c, (gauntlet_register)d));
}
#else
static inline __attribute__((always_inline)) gauntlet_bytes gauntlet_in_turn_low(gauntlet_bytes a, gauntlet_bytes b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

static inline __attribute__((always_inline)) gauntlet_bytes gauntlet_in_turn_high(gauntlet_bytes a, gauntlet_bytes b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

static inline __attribute__((always_inline)) gauntlet_ints gauntlet_pair_sums(gauntlet_shorts a, gauntlet_shorts b) {
  return __builtin_convertvector(a.even, gauntlet_ints) * __builtin_convertvector(b.even, gauntlet_ints) +
         __builtin_convertvector(a.odd, gauntlet_ints) * __builtin_convertvector(b.odd, gauntlet_ints);
}

typedef unsigned char gauntlet_byte4 __attribute__((ext_vector_type(4)));
typedef unsigned char gauntlet_byte8 __attribute__((ext_vector_type(8)));

static inline __attribute__((always_inline)) gauntlet_byte4 gauntlet_saturate(gauntlet_ints x) {
  gauntlet_ints low = x < 0 ? (gauntlet_ints)0 : x;
  return __builtin_convertvector(low > 255 ? (gauntlet_ints)255 : low, gauntlet_byte4);
}

static inline __attribute__((always_inline)) gauntlet_bytes gauntlet_saturate4(
    gauntlet_ints a, gauntlet_ints b, gauntlet_ints c, gauntlet_ints d) {
  gauntlet_byte4 first = gauntlet_saturate(a), second = gauntlet_saturate(b);
  gauntlet_byte4 third = gauntlet_saturate(c), fourth = gauntlet_saturate(d);
  gauntlet_byte8 low = __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7);
  gauntlet_byte8 high = __builtin_shufflevector(third, fourth, 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
#endif

/// Adds neighbouring products of 16-bit numbers to sums. VPDPWSSD, for which a processor is to be asked; elsewhere two steps.
static inline __attribute__((always_inline)) gauntlet_ints gauntlet_add_pair_sums(
    gauntlet_ints sums, gauntlet_shorts a, gauntlet_shorts b) {
#if defined(__AVX512BW__)
  // By name: what is compiled here also runs where there is no such instruction, so the compiler may not use it.
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
  return sums;
#else
  return sums + gauntlet_pair_sums(a, b);
#endif
}
