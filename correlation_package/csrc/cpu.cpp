// torch.ops.vfi.correlation and correlation_backward on the CPU. The schemas are registered in Python, by vfi.ops.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <memory>
#include <tuple>

#include "checks.h"
#include "cpu_kernels.h"

namespace vfi {
namespace {

Shape shape_of(const at::Tensor& features, int64_t max_displacement) {
  return {features.size(0), features.size(1), features.size(2), features.size(3), max_displacement};
}

// Half precision is converted to float32 once, here, instead of in every product.
at::Tensor prepare(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.to(type).contiguous();
}

// Calls work(begin, end, scratch) for all tiles, in as many threads as PyTorch uses.
template <typename T, typename Work>
void for_tiles(const Shape& shape, int64_t scratch, const Work& work) {
  at::parallel_for(0, shape.tiles(), 1, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<T[]> memory(new T[scratch]);
    work(begin, end, memory.get());
  });
}

template <typename T>
at::Tensor correlate(const at::Tensor& a, const at::Tensor& b, const Shape& shape) {
  at::Tensor out =
      at::empty({shape.batch, shape.side() * shape.side(), shape.height, shape.width}, a.options());
  for_tiles<T>(shape, shape.correlate_scratch(), [&](int64_t begin, int64_t end, T* scratch) {
    kernels<T>().correlate(shape, a.const_data_ptr<T>(), b.const_data_ptr<T>(), out.mutable_data_ptr<T>(), begin, end,
                           scratch);
  });
  return out;
}

template <typename T>
at::Tensor gather(const at::Tensor& weights, const at::Tensor& features, bool reversed, const Shape& shape) {
  at::Tensor out = at::empty(features.sizes(), features.options());
  for_tiles<T>(shape, shape.gather_scratch(), [&](int64_t begin, int64_t end, T* scratch) {
    kernels<T>().gather(shape, weights.const_data_ptr<T>(), features.const_data_ptr<T>(), out.mutable_data_ptr<T>(),
                        reversed, begin, end, scratch);
  });
  return out;
}

at::Tensor correlation(const at::Tensor& features_a, const at::Tensor& features_b, int64_t max_displacement) {
  check_features(features_a, features_b, max_displacement);
  const at::ScalarType type = sum_type(features_a.scalar_type());
  const at::Tensor a = prepare(features_a, type), b = prepare(features_b, type);
  const Shape shape = shape_of(a, max_displacement);
  const at::Tensor out = type == at::kDouble ? correlate<double>(a, b, shape) : correlate<float>(a, b, shape);
  return out.to(features_a.scalar_type());
}

std::tuple<at::Tensor, at::Tensor> correlation_backward(const at::Tensor& grad, const at::Tensor& features_a,
                                                        const at::Tensor& features_b, int64_t max_displacement) {
  check_features(features_a, features_b, max_displacement);
  check_correlation_grad(grad, features_a, max_displacement);
  const at::ScalarType type = sum_type(features_a.scalar_type());
  const at::Tensor a = prepare(features_a, type), b = prepare(features_b, type), weights = prepare(grad, type);
  const Shape shape = shape_of(a, max_displacement);
  const auto run = type == at::kDouble ? gather<double> : gather<float>;
  return {run(weights, b, false, shape).to(features_a.scalar_type()),
          run(weights, a, true, shape).to(features_a.scalar_type())};
}

}  // namespace
}  // namespace vfi

TORCH_LIBRARY_IMPL(vfi, CPU, library) {
  library.impl("correlation", vfi::correlation);
  library.impl("correlation_backward", vfi::correlation_backward);
}

// Called by vfi_correlation through ctypes, for `vfi info`.
#if defined(_WIN32)
#define VFI_VISIBLE __declspec(dllexport)
#else
#define VFI_VISIBLE __attribute__((visibility("default")))
#endif
extern "C" VFI_VISIBLE const char* vfi_correlation_instructions() { return vfi::instructions(); }
