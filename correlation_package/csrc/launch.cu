// The kernels of vfi/ops/backends/cuda as __global__ functions, and their launch configurations.
// vfi/ops/backends/cupy_kernels.py is the counterpart for CuPy.
#include "launch.h"

#include "correlation.cuh"
#include "splat.cuh"

namespace vfi {
namespace {

template <typename T>
__global__ void __launch_bounds__(CORRELATE_THREADS, sizeof(T) == 8 ? 1 : 2)
    correlate_kernel(const T* a, const T* b, T* out, int channels, int height, int width, int reach) {
  correlate<T>(a, b, out, channels, height, width, reach);
}

template <typename T, bool REVERSED>
__global__ void __launch_bounds__(GATHER_THREADS)
    gather_kernel(const T* weights, const T* features, T* out, int channels, int height, int width, int reach) {
  gather<T, REVERSED>(weights, features, out, channels, height, width, reach);
}

template <typename T, typename S>
__global__ void __launch_bounds__(SPLAT_THREADS)
    splat_kernel(const T* values, const S* flow, const S* weight, S* total, S* norm, long long batch, int channels,
                 int height, int width, int gaussian) {
  splat<T>(values, flow, weight, total, norm, batch, channels, height, width, gaussian);
}

template <typename T, typename S>
__global__ void __launch_bounds__(SPLAT_THREADS)
    splat_gradient_kernel(const T* grad_total, const T* grad_norm, const T* values, const S* flow, const S* weight,
                          T* grad_values, S* grad_flow, S* grad_weight, long long batch, int channels, int height,
                          int width, int gaussian) {
  splat_gradient<T>(grad_total, grad_norm, values, flow, weight, grad_values, grad_flow, grad_weight, batch, channels,
                    height, width, gaussian);
}

int64_t parts(int64_t count, int64_t size) { return (count + size - 1) / size; }

// The number of blocks along x, or 0 if it exceeds the limit of 2^31 - 1.
unsigned blocks(int64_t count) { return count <= 0x7fffffff ? static_cast<unsigned>(count) : 0; }

// Calls launch(T()) with the C++ type T of `type`.
template <typename Launch>
cudaError_t with_type(Type type, const Launch& launch) {
  if (type == Type::float16) launch(Half{});
  if (type == Type::bfloat16) launch(BFloat{});
  if (type == Type::float32) launch(float{});
  if (type == Type::float64) launch(double{});
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_correlate(Type type, const void* a, const void* b, void* out, const ImageSize& image, int reach,
                             cudaStream_t stream) {
  const int64_t groups = parts(2 * reach + 1, SIDE);
  const unsigned grid = blocks(parts(image.width, TILE_WIDTH) * parts(image.height, CORRELATE_HEIGHT) * groups *
                               groups * image.batch);
  if (grid == 0) return cudaErrorInvalidConfiguration;
  return with_type(type, [&](auto number) {
    typedef decltype(number) T;
    correlate_kernel<T><<<grid, CORRELATE_THREADS, 0, stream>>>(
        static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(out), image.channels, image.height,
        image.width, reach);
  });
}

cudaError_t launch_gather(Type type, bool reversed, const void* weights, const void* features, void* out,
                          const ImageSize& image, int reach, cudaStream_t stream) {
  const int64_t at_once = (type == Type::float64 ? 2 : 4) * GATHER_WARPS;
  const unsigned grid = blocks(parts(image.channels, at_once) * parts(image.width, TILE_WIDTH) *
                               parts(image.height, GATHER_HEIGHT) * image.batch);
  if (grid == 0) return cudaErrorInvalidConfiguration;
  return with_type(type, [&](auto number) {
    typedef decltype(number) T;
    const auto kernel = reversed ? gather_kernel<T, true> : gather_kernel<T, false>;
    kernel<<<grid, GATHER_THREADS, 0, stream>>>(static_cast<const T*>(weights), static_cast<const T*>(features),
                                                static_cast<T*>(out), image.channels, image.height, image.width,
                                                reach);
  });
}

cudaError_t launch_splat(Type type, const void* values, const void* flow, const void* weight, void* total, void* norm,
                         const ImageSize& image, bool gaussian, cudaStream_t stream) {
  const int64_t groups = image.channels > SPLAT_CHANNELS ? parts(image.channels, SPLAT_CHANNELS) : 1;
  const unsigned grid =
      blocks(parts(static_cast<int64_t>(image.height) * image.width * image.batch * groups, SPLAT_THREADS));
  if (grid == 0) return cudaErrorInvalidConfiguration;
  return with_type(type, [&](auto number) {
    typedef decltype(number) T;
    typedef typename SumOf<T>::Type S;
    splat_kernel<T, S><<<grid, SPLAT_THREADS, 0, stream>>>(
        static_cast<const T*>(values), static_cast<const S*>(flow), static_cast<const S*>(weight),
        static_cast<S*>(total), static_cast<S*>(norm), image.batch, image.channels, image.height, image.width,
        gaussian);
  });
}

cudaError_t launch_splat_gradient(Type type, const void* grad_total, const void* grad_norm, const void* values,
                                  const void* flow, const void* weight, void* grad_values, void* grad_flow,
                                  void* grad_weight, const ImageSize& image, bool gaussian, cudaStream_t stream) {
  const unsigned grid =
      blocks(parts(static_cast<int64_t>(image.height) * image.width * image.batch, SPLAT_THREADS));
  if (grid == 0) return cudaErrorInvalidConfiguration;
  return with_type(type, [&](auto number) {
    typedef decltype(number) T;
    typedef typename SumOf<T>::Type S;
    splat_gradient_kernel<T, S><<<grid, SPLAT_THREADS, 0, stream>>>(
        static_cast<const T*>(grad_total), static_cast<const T*>(grad_norm), static_cast<const T*>(values),
        static_cast<const S*>(flow), static_cast<const S*>(weight), static_cast<T*>(grad_values),
        static_cast<S*>(grad_flow), static_cast<S*>(grad_weight), image.batch, image.channels, image.height,
        image.width, gaussian);
  });
}

}  // namespace vfi
