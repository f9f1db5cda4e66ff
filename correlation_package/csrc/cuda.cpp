// torch.ops.vfi.correlation, splat and their gradients on CUDA. The schemas are registered in Python, by vfi.ops.
#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <limits>
#include <string>
#include <tuple>

#include "checks.h"
#include "launch.h"

namespace vfi {
namespace {

Type type_of(at::ScalarType type) {
  switch (type) {
    case at::kHalf:
      return Type::float16;
    case at::kBFloat16:
      return Type::bfloat16;
    case at::kFloat:
      return Type::float32;
    case at::kDouble:
      return Type::float64;
    default:
      TORCH_CHECK(false, "there is no kernel for ", type, ": use float16, bfloat16, float32 or float64");
  }
}

ImageSize image_size(const at::Tensor& tensor) {
  const int64_t largest = std::numeric_limits<int>::max();
  TORCH_CHECK(tensor.size(1) <= largest && tensor.size(2) * tensor.size(3) <= largest,
              "one plane may have 2^31 - 1 pixels, but the shape is ", tensor.sizes());
  return {tensor.size(0), static_cast<int>(tensor.size(1)), static_cast<int>(tensor.size(2)),
          static_cast<int>(tensor.size(3))};
}

void check_launch(cudaError_t error, const at::Tensor& tensor) {
  TORCH_CHECK(error != cudaErrorNoKernelImageForDevice, "vfi_correlation was built for other GPUs than ",
              tensor.device(), ": build it again on this machine, or with TORCH_CUDA_ARCH_LIST set for it");
  TORCH_CHECK(error == cudaSuccess, "a kernel of vfi_correlation did not start on a tensor of ", tensor.sizes(), ": ",
              cudaGetErrorString(error));
}

int reach_of(int64_t max_displacement) {
  TORCH_CHECK(max_displacement < 16384, "max_displacement must be below 16384, not ", max_displacement);
  return static_cast<int>(max_displacement);
}

at::Tensor correlation(const at::Tensor& features_a, const at::Tensor& features_b, int64_t max_displacement) {
  check_features(features_a, features_b, max_displacement);
  const c10::cuda::CUDAGuard guard(features_a.device());
  const at::Tensor a = features_a.contiguous(), b = features_b.contiguous();
  const int reach = reach_of(max_displacement);
  const int64_t side = 2 * max_displacement + 1;
  const at::Tensor out = at::empty({a.size(0), side * side, a.size(2), a.size(3)}, a.options());
  check_launch(launch_correlate(type_of(a.scalar_type()), a.const_data_ptr(), b.const_data_ptr(),
                                out.mutable_data_ptr(), image_size(a), reach, c10::cuda::getCurrentCUDAStream()),
               a);
  return out;
}

std::tuple<at::Tensor, at::Tensor> correlation_backward(const at::Tensor& grad, const at::Tensor& features_a,
                                                        const at::Tensor& features_b, int64_t max_displacement) {
  check_features(features_a, features_b, max_displacement);
  check_correlation_grad(grad, features_a, max_displacement);
  const c10::cuda::CUDAGuard guard(features_a.device());
  const at::Tensor a = features_a.contiguous(), b = features_b.contiguous();
  const at::Tensor weights = grad.to(a.scalar_type()).contiguous();
  const int reach = reach_of(max_displacement);
  const auto gather = [&](const at::Tensor& features, bool reversed) {
    const at::Tensor out = at::empty(features.sizes(), features.options());
    check_launch(launch_gather(type_of(a.scalar_type()), reversed, weights.const_data_ptr(), features.const_data_ptr(),
                               out.mutable_data_ptr(), image_size(features), reach,
                               c10::cuda::getCurrentCUDAStream()),
                 features);
    return out;
  };
  return {gather(b, false), gather(a, true)};
}

// Arguments of both splatting operators in the types of the kernels.
struct SplatArguments {
  at::Tensor values, flow, weight;
  ImageSize image;
  Type type;
  at::ScalarType sums;
  bool gaussian;
};

SplatArguments prepare_splat(const at::Tensor& values, const at::Tensor& flow, const at::Tensor& weight,
                             const std::string& kernel) {
  check_tensor(values, "values", values);
  check_tensor(flow, "flow", values);
  check_tensor(weight, "weight", values);
  TORCH_CHECK(flow.size(0) == values.size(0) && flow.size(1) == 2 && flow.size(2) == values.size(2) &&
                  flow.size(3) == values.size(3),
              "flow must be [B, 2, H, W] for values of ", values.sizes(), ", but its shape is ", flow.sizes());
  TORCH_CHECK(weight.size(0) == values.size(0) && weight.size(1) == 1 && weight.size(2) == values.size(2) &&
                  weight.size(3) == values.size(3),
              "weight must be [B, 1, H, W] for values of ", values.sizes(), ", but its shape is ", weight.sizes());
  TORCH_CHECK(kernel == "bilinear" || kernel == "gaussian", "kernel must be \"bilinear\" or \"gaussian\", not ",
              kernel);
  const auto is_double = [](const at::Tensor& tensor) { return tensor.scalar_type() == at::kDouble; };
  const bool any_double = is_double(values) || is_double(flow) || is_double(weight);
  const at::ScalarType sums = any_double ? at::kDouble : at::kFloat;
  const at::Tensor own = (any_double ? values.to(at::kDouble) : values).contiguous();
  return {own,
          flow.to(sums).contiguous(),
          weight.to(sums).contiguous(),
          image_size(own),
          type_of(own.scalar_type()),
          sums,
          kernel == "gaussian"};
}

std::tuple<at::Tensor, at::Tensor> splat(const at::Tensor& values, const at::Tensor& flow, const at::Tensor& weight,
                                         std::string kernel) {
  at::globalContext().alertNotDeterministic("vfi::splat on CUDA");
  const c10::cuda::CUDAGuard guard(values.device());
  const SplatArguments given = prepare_splat(values, flow, weight, kernel);
  const at::Tensor total = at::zeros(values.sizes(), values.options().dtype(given.sums));
  const at::Tensor norm =
      at::zeros({values.size(0), 1, values.size(2), values.size(3)}, values.options().dtype(given.sums));
  if (norm.numel() > 0) {
    check_launch(launch_splat(given.type, given.values.const_data_ptr(), given.flow.const_data_ptr(),
                              given.weight.const_data_ptr(), total.mutable_data_ptr(), norm.mutable_data_ptr(),
                              given.image, given.gaussian, c10::cuda::getCurrentCUDAStream()),
                 values);
  }
  return {total.to(values.scalar_type()), norm.to(values.scalar_type())};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> splat_backward(const at::Tensor& grad_sum, const at::Tensor& grad_norm,
                                                              const at::Tensor& values, const at::Tensor& flow,
                                                              const at::Tensor& weight, std::string kernel) {
  const c10::cuda::CUDAGuard guard(values.device());
  const SplatArguments given = prepare_splat(values, flow, weight, kernel);
  TORCH_CHECK(grad_sum.sizes() == values.sizes() && grad_norm.sizes() == weight.sizes(),
              "the gradients must be of the shapes ", values.sizes(), " and ", weight.sizes(), ", but they are ",
              grad_sum.sizes(), " and ", grad_norm.sizes());
  const at::Tensor from_sum = grad_sum.to(given.values.scalar_type()).contiguous();
  const at::Tensor from_norm = grad_norm.to(given.values.scalar_type()).contiguous();
  const at::Tensor grad_values = at::empty(given.values.sizes(), given.values.options());
  const at::Tensor grad_flow = at::empty(given.flow.sizes(), given.flow.options());
  const at::Tensor grad_weight = at::empty(given.weight.sizes(), given.weight.options());
  if (grad_weight.numel() > 0) {
    check_launch(launch_splat_gradient(given.type, from_sum.const_data_ptr(), from_norm.const_data_ptr(),
                                       given.values.const_data_ptr(), given.flow.const_data_ptr(),
                                       given.weight.const_data_ptr(), grad_values.mutable_data_ptr(),
                                       grad_flow.mutable_data_ptr(), grad_weight.mutable_data_ptr(), given.image,
                                       given.gaussian, c10::cuda::getCurrentCUDAStream()),
                 values);
  }
  return {grad_values.to(values.scalar_type()), grad_flow.to(flow.scalar_type()),
          grad_weight.to(weight.scalar_type())};
}

}  // namespace
}  // namespace vfi

TORCH_LIBRARY_IMPL(vfi, CUDA, library) {
  library.impl("correlation", vfi::correlation);
  library.impl("correlation_backward", vfi::correlation_backward);
  library.impl("splat", vfi::splat);
  library.impl("splat_backward", vfi::splat_backward);
}
