// The kernels of cpu_kernels.inc, compiled for several instruction sets, and the choice between them.
//
// A distribution must run on processors older than the one it was built on, so nothing is compiled for "this machine":
// each instruction set is compiled by name, and the processor is queried when the first kernel is needed.
#include "cpu_kernels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#define INSTRUCTIONS baseline
#define TARGET
#define VECTOR_BYTES 16
#include "cpu_kernels.inc"

#if defined(__x86_64__)
#define VFI_SEVERAL_SETS

#define INSTRUCTIONS avx2
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR_BYTES 32
#include "cpu_kernels.inc"

#define INSTRUCTIONS avx512
#define TARGET __attribute__((target("avx512f,avx2,fma")))
#define VECTOR_BYTES 64
#include "cpu_kernels.inc"
#endif

namespace vfi {
namespace {

enum class Set { baseline, avx2, avx512 };

// VFI_CORRELATION_INSTRUCTIONS may name fewer instructions than the processor has (for tests), never more.
Set choose() {
#ifdef VFI_SEVERAL_SETS
  const char* const asked = std::getenv("VFI_CORRELATION_INSTRUCTIONS");
  const std::string most = asked ? asked : "AVX-512";
  __builtin_cpu_init();
  if (most == "AVX-512" && __builtin_cpu_supports("avx512f")) return Set::avx512;
  if (most != "baseline" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Set::avx2;
#endif
  return Set::baseline;
}

Set chosen() {
  static const Set set = choose();
  return set;
}

}  // namespace

template <typename T>
const Kernels<T>& kernels() {
#ifdef VFI_SEVERAL_SETS
  if (chosen() == Set::avx512) return avx512::table<T>();
  if (chosen() == Set::avx2) return avx2::table<T>();
#endif
  return baseline::table<T>();
}

template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

const char* instructions() {
  return chosen() == Set::avx512 ? "AVX-512" : chosen() == Set::avx2 ? "AVX2" : "baseline";
}

}  // namespace vfi
