// Launchers of the CUDA kernels. Independent of PyTorch, so that nvcc parses little: see cuda.cpp.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vfi {

enum class Type { float16, bfloat16, float32, float64 };

struct ImageSize {
  int64_t batch;
  int channels, height, width;
};

// Pointers are to contiguous tensors on the current device; features, weights and results are of `type`. Each returns
// the status of the launch.
cudaError_t launch_correlate(Type type, const void* a, const void* b, void* out, const ImageSize& image, int reach,
                             cudaStream_t stream);
cudaError_t launch_gather(Type type, bool reversed, const void* weights, const void* features, void* out,
                          const ImageSize& image, int reach, cudaStream_t stream);

// `flow`, `weight`, `total` and `norm` are float32, or float64 with float64 values; the latter two are zero on entry.
cudaError_t launch_splat(Type type, const void* values, const void* flow, const void* weight, void* total, void* norm,
                         const ImageSize& image, bool gaussian, cudaStream_t stream);
// `grad_flow` and `grad_weight` have the type of `flow`; the other gradients are of `type`.
cudaError_t launch_splat_gradient(Type type, const void* grad_total, const void* grad_norm, const void* values,
                                  const void* flow, const void* weight, void* grad_values, void* grad_flow,
                                  void* grad_weight, const ImageSize& image, bool gaussian, cudaStream_t stream);

}  // namespace vfi
