// The correlation and its gradient on the CPU, one tile of pixels at a time. Independent of PyTorch: see cpu.cpp.
//
// Two sums describe both (d runs over the displacements, dy slowest; features are 0 outside):
//   correlate:  out[d, p] = 1 / C sum_c a[c, p] b[c, p + d]
//   gather:     out[c, p] = 1 / C sum_d weights[d, p] features[c, p + d]
// The gradient of a gathers b with the arriving gradient as weights. That of b gathers a with weights[-d, p + d] in
// place of weights[d, p], which `reversed` selects.
#pragma once

#include <cstdint>

namespace vfi {

// Size of a tile: a row fills whole cache lines, and the inputs of a tile stay in the second-level cache.
constexpr int64_t TILE_ROWS = 8;
constexpr int64_t TILE_COLUMNS = 32;
// Channels that are processed together.
constexpr int64_t CHANNELS_AT_ONCE = 64;

struct Shape {
  int64_t batch, channels, height, width;
  int64_t reach;  // largest displacement along each axis, pixels

  int64_t side() const { return 2 * reach + 1; }
  int64_t tiles_down() const { return (height + TILE_ROWS - 1) / TILE_ROWS; }
  int64_t tiles_across() const { return (width + TILE_COLUMNS - 1) / TILE_COLUMNS; }
  int64_t tiles() const { return batch * tiles_down() * tiles_across(); }
  int64_t window_columns() const { return TILE_COLUMNS + 2 * reach; }
  int64_t window_rows() const { return TILE_ROWS + 2 * reach; }
  int64_t channels_at_once() const { return channels < CHANNELS_AT_ONCE ? channels : CHANNELS_AT_ONCE; }
  // Numbers of scratch memory that a call of correlate or gather needs.
  int64_t correlate_scratch() const {
    return channels_at_once() * (TILE_ROWS * TILE_COLUMNS + window_rows() * window_columns());
  }
  int64_t gather_scratch() const {
    return side() * side() * TILE_ROWS * TILE_COLUMNS + channels_at_once() * window_rows() * window_columns();
  }
};

// All tensors are contiguous. Tiles begin..end-1 of shape.tiles() are computed; calls for different tiles may run
// concurrently, each with its own scratch memory.
template <typename T>
struct Kernels {
  void (*correlate)(const Shape& shape, const T* a, const T* b, T* out, int64_t begin, int64_t end, T* scratch);
  void (*gather)(const Shape& shape, const T* weights, const T* features, T* out, bool reversed, int64_t begin,
                 int64_t end, T* scratch);
};

// Kernels for this processor, chosen once.
template <typename T>
const Kernels<T>& kernels();

// Instructions that these kernels use: "AVX-512", "AVX2" or "baseline".
const char* instructions();

}  // namespace vfi
