// Forward splatting and its gradient on CUDA; vfi/ops/backends/torch_splat.py defines both.
//
// splat: one thread per source pixel and group of channels adds to the four targets by atomic additions, in float32 or
// float64, so the order of the sum differs from run to run. splat_gradient: one thread per source pixel reads the four
// targets; nothing is scattered.
#ifndef VFI_SPLAT_CUH
#define VFI_SPLAT_CUH

#include "numbers.cuh"

namespace vfi {

constexpr int SPLAT_THREADS = 256;
constexpr int SPLAT_CHANNELS = 8;  // per thread

// The four target pixels of a source pixel, numbered near-near, far-near, near-far, far-far (x first).
template <typename S>
struct Landing {
  bool inside[4];
  long long index[4];
  S near_x, far_x, near_y, far_y;              // weights along the axes
  S slope_near_x, slope_far_x, slope_near_y, slope_far_y;  // and their derivatives by the flow

  VFI_INLINE bool anywhere() const { return inside[0] || inside[1] || inside[2] || inside[3]; }
  VFI_INLINE S weight(int corner) const { return (corner & 1 ? far_x : near_x) * (corner & 2 ? far_y : near_y); }
  VFI_INLINE S slope_x(int corner) const {
    return (corner & 1 ? slope_far_x : slope_near_x) * (corner & 2 ? far_y : near_y);
  }
  VFI_INLINE S slope_y(int corner) const {
    return (corner & 1 ? far_x : near_x) * (corner & 2 ? slope_far_y : slope_near_y);
  }
};

template <typename S>
VFI_INLINE void axis(S fraction, bool gaussian, S& near, S& far, S& slope_near, S& slope_far) {
  const S rest = S(1) - fraction;
  near = gaussian ? exp(-fraction * fraction) : rest;
  far = gaussian ? exp(-rest * rest) : fraction;
  slope_near = gaussian ? S(-2) * fraction * near : S(-1);
  slope_far = gaussian ? S(2) * rest * far : S(1);
}

template <typename S>
VFI_INLINE Landing<S> land(S flow_x, S flow_y, int x, int y, int height, int width, bool gaussian) {
  Landing<S> landing;
  const S whole_x = floor(flow_x), whole_y = floor(flow_y);
  const S left = S(x) + whole_x, top = S(y) + whole_y;
  // Compared before the conversion to int; false for NaN and for positions beyond the range of int.
  const bool reached = left >= S(-1) && left < S(width) && top >= S(-1) && top < S(height);
  const int column = reached ? static_cast<int>(left) : -2, row = reached ? static_cast<int>(top) : -2;
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    const int target_x = column + (corner & 1), target_y = row + (corner >> 1);
    landing.inside[corner] = target_x >= 0 && target_x < width && target_y >= 0 && target_y < height;
    landing.index[corner] = static_cast<long long>(target_y) * width + target_x;
  }
  axis(flow_x - whole_x, gaussian, landing.near_x, landing.far_x, landing.slope_near_x, landing.slope_far_x);
  axis(flow_y - whole_y, gaussian, landing.near_y, landing.far_y, landing.slope_near_y, landing.slope_far_y);
  return landing;
}

// `total` and `norm` must be zero on entry.
template <typename T>
VFI_INLINE void splat(const T* values, const typename SumOf<T>::Type* flow, const typename SumOf<T>::Type* weight,
                      typename SumOf<T>::Type* total, typename SumOf<T>::Type* norm, long long batch, int channels,
                      int height, int width, int gaussian) {
  typedef typename SumOf<T>::Type S;
  const long long plane = static_cast<long long>(height) * width;
  const int groups = channels > SPLAT_CHANNELS ? (channels + SPLAT_CHANNELS - 1) / SPLAT_CHANNELS : 1;
  const long long number = static_cast<long long>(blockIdx.x) * SPLAT_THREADS + threadIdx.x;
  if (number >= plane * batch * groups) return;
  const long long pixel = number % plane, sample = number / plane % batch;
  const int first = static_cast<int>(number / plane / batch) * SPLAT_CHANNELS;
  const int x = static_cast<int>(pixel % width), y = static_cast<int>(pixel / width);
  const Landing<S> landing = land(flow[2 * sample * plane + pixel], flow[(2 * sample + 1) * plane + pixel], x, y,
                                  height, width, gaussian != 0);
  if (!landing.anywhere()) return;
  const S importance = weight[sample * plane + pixel];
  S weights[4];
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    weights[corner] = landing.weight(corner) * importance;
    if (first == 0 && landing.inside[corner]) {
      atomicAdd(norm + sample * plane + landing.index[corner], weights[corner]);
    }
  }
  const int last = first + SPLAT_CHANNELS < channels ? first + SPLAT_CHANNELS : channels;
  for (int channel = first; channel < last; ++channel) {
    const long long start = (sample * channels + channel) * plane;
    const S value = as_sum(values[start + pixel]);
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (landing.inside[corner]) atomicAdd(total + start + landing.index[corner], weights[corner] * value);
    }
  }
}

template <typename T>
VFI_INLINE void splat_gradient(const T* grad_total, const T* grad_norm, const T* values,
                               const typename SumOf<T>::Type* flow, const typename SumOf<T>::Type* weight,
                               T* grad_values, typename SumOf<T>::Type* grad_flow,
                               typename SumOf<T>::Type* grad_weight, long long batch, int channels, int height,
                               int width, int gaussian) {
  typedef typename SumOf<T>::Type S;
  const long long plane = static_cast<long long>(height) * width;
  const long long number = static_cast<long long>(blockIdx.x) * SPLAT_THREADS + threadIdx.x;
  if (number >= plane * batch) return;
  const long long pixel = number % plane, sample = number / plane;
  const int x = static_cast<int>(pixel % width), y = static_cast<int>(pixel / width);
  const Landing<S> landing = land(flow[2 * sample * plane + pixel], flow[(2 * sample + 1) * plane + pixel], x, y,
                                  height, width, gaussian != 0);
  const S importance = weight[sample * plane + pixel];
  S gains[4];  // derivatives of the loss by the weights of the targets
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    gains[corner] =
        landing.inside[corner] ? S(as_sum(grad_norm[sample * plane + landing.index[corner]])) : S(0);
  }
  for (int channel = 0; channel < channels; ++channel) {
    const long long start = (sample * channels + channel) * plane;
    const S value = as_sum(values[start + pixel]);
    S grad = S(0);
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (!landing.inside[corner]) continue;
      const S arriving = as_sum(grad_total[start + landing.index[corner]]);
      grad += landing.weight(corner) * arriving;
      gains[corner] += value * arriving;
    }
    grad_values[start + pixel] = Round<T>::from(grad * importance);
  }
  S by_weight = S(0), by_x = S(0), by_y = S(0);
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    if (!landing.inside[corner]) continue;  // their slopes may be NaN
    by_weight += landing.weight(corner) * gains[corner];
    by_x += landing.slope_x(corner) * gains[corner];
    by_y += landing.slope_y(corner) * gains[corner];
  }
  grad_flow[2 * sample * plane + pixel] = by_x * importance;
  grad_flow[(2 * sample + 1) * plane + pixel] = by_y * importance;
  grad_weight[sample * plane + pixel] = by_weight;
}

}  // namespace vfi

#endif
