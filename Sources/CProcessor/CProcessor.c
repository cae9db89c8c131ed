#include "CProcessor.h"

#if defined(__x86_64__)
int gauntlet_processor_has_avx2_fma(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 0;
}
int gauntlet_processor_has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") ? 1 : 0;
}
int gauntlet_processor_has_avx512_bf16(void) {
  return gauntlet_processor_has_avx512() && __builtin_cpu_supports("avx512bf16") ? 1 : 0;
}
int gauntlet_processor_has_avx512_vnni(void) {
  return gauntlet_processor_has_avx512() && __builtin_cpu_supports("avx512vnni") ? 1 : 0;
}
#else
int gauntlet_processor_has_avx2_fma(void) { return 0; }
int gauntlet_processor_has_avx512(void) { return 0; }
int gauntlet_processor_has_avx512_bf16(void) { return 0; }
int gauntlet_processor_has_avx512_vnni(void) { return 0; }
#endif
