// Number types of the kernels. The sources in this folder are compiled by nvcc for the compiled package and by NVRTC
// for CuPy, so they include nothing: not even the headers of the half types, whose folder NVRTC does not know.
#ifndef VFI_NUMBERS_CUH
#define VFI_NUMBERS_CUH

#ifndef VFI_INLINE
#define VFI_INLINE __device__ __forceinline__
#endif

namespace vfi {

struct Half {
  unsigned short bits;
};

struct BFloat {
  unsigned short bits;
};

// Type in which sums over numbers of type T are accumulated.
template <typename T>
struct SumOf {
  typedef float Type;
};
template <>
struct SumOf<double> {
  typedef double Type;
};

VFI_INLINE float as_sum(float value) { return value; }
VFI_INLINE double as_sum(double value) { return value; }
VFI_INLINE float as_sum(BFloat value) { return __uint_as_float(static_cast<unsigned>(value.bits) << 16); }

#ifndef VFI_EMULATED  // the emulator of the tests brings its own
VFI_INLINE float as_sum(Half value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
}
#endif

template <typename T>
struct Round {  // float and double: nothing to do
  static VFI_INLINE T from(T value) { return value; }
};
template <>
struct Round<BFloat> {
  static VFI_INLINE BFloat from(float value) {  // to the nearest, ties to even
    const unsigned bits = __float_as_uint(value);
    const unsigned rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return BFloat{static_cast<unsigned short>(value == value ? rounded : 0x7fc0u)};
  }
};
#ifndef VFI_EMULATED
template <>
struct Round<Half> {
  static VFI_INLINE Half from(float value) {
    Half result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
  }
};
#endif

// Sixteen bytes that are loaded and stored by one instruction; the address must be a multiple of 16.
template <typename S>
struct alignas(16) Quad {
  static constexpr int COUNT = 16 / sizeof(S);
  S value[COUNT];
};

template <int COUNT, typename S>
VFI_INLINE void load_run(S (&to)[COUNT], const S* from) {
#pragma unroll
  for (int i = 0; i < COUNT; i += Quad<S>::COUNT) {
    const Quad<S> quad = *reinterpret_cast<const Quad<S>*>(from + i);
#pragma unroll
    for (int j = 0; j < Quad<S>::COUNT; ++j) to[i + j] = quad.value[j];
  }
}

// Stores a run multiplied by `scale`.
template <int COUNT, typename S>
VFI_INLINE void store_run(S* to, const S (&from)[COUNT], S scale) {
#pragma unroll
  for (int i = 0; i < COUNT; i += Quad<S>::COUNT) {
    Quad<S> quad;
#pragma unroll
    for (int j = 0; j < Quad<S>::COUNT; ++j) quad.value[j] = from[i + j] * scale;
    *reinterpret_cast<Quad<S>*>(to + i) = quad;
  }
}

}  // namespace vfi

#endif
