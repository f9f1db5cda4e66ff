// Checks of the operators' arguments for callers of torch.ops.vfi. The functions of vfi.ops check the same in Python,
// with longer messages.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

namespace vfi {

inline void check_tensor(const at::Tensor& tensor, const char* name, const at::Tensor& like) {
  TORCH_CHECK(tensor.dim() == 4, name, " must be [B, C, H, W], but its shape is ", tensor.sizes());
  TORCH_CHECK(tensor.device() == like.device(), name, " lies on ", tensor.device(), ", but it must lie on ",
              like.device());
  TORCH_CHECK(tensor.is_floating_point(), name, " must be floating point, but it is ", tensor.scalar_type());
}

inline void check_features(const at::Tensor& a, const at::Tensor& b, int64_t max_displacement) {
  check_tensor(a, "features_a", a);
  check_tensor(b, "features_b", a);
  TORCH_CHECK(a.sizes() == b.sizes() && a.numel() > 0,
              "features_a and features_b must have one shape [B, C, H, W] without an empty side, but their shapes are ",
              a.sizes(), " and ", b.sizes());
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "features_a and features_b must have one type, but they are ",
              a.scalar_type(), " and ", b.scalar_type());
  TORCH_CHECK(max_displacement >= 0, "max_displacement must be 0 or more, not ", max_displacement);
}

inline void check_correlation_grad(const at::Tensor& grad, const at::Tensor& a, int64_t max_displacement) {
  check_tensor(grad, "grad", a);
  const int64_t side = 2 * max_displacement + 1;
  TORCH_CHECK(grad.size(0) == a.size(0) && grad.size(1) == side * side && grad.size(2) == a.size(2) &&
                  grad.size(3) == a.size(3),
              "grad must be [B, (2 max_displacement + 1)^2, H, W] for features of ", a.sizes(),
              " and a displacement of ", max_displacement, ", but its shape is ", grad.sizes());
}

// Type in which sums are accumulated: float64 for float64 features, else float32.
inline at::ScalarType sum_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace vfi
