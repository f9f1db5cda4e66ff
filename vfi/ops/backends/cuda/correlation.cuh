// The local correlation and its gradient on CUDA; vfi/ops/backends/torch_correlation.py defines both.
//
// Both kernels handle SIDE x SIDE displacements at a time, which is all of them for the usual largest displacement of
// 4; `groups` along each axis cover the rest. Blocks are numbered along x only, so that no batch is too large for the
// grid. Pixels within one plane are counted in int (the launchers refuse larger planes), everything else in long long.
//
// correlate: a block loads 32x8 pixels of a and the pixels of b within their reach, a few channels at a time, into
// shared memory; from compute capability 8.0 on, the next channels are copied during the computation. Each warp handles
// one dy, each thread 8 neighbouring pixels with all dx: 72 sums in registers, for which it loads 24 numbers per
// channel. This ratio, 3 multiplications per number loaded from shared memory, determines the speed.
//
// gather: a block loads 32x4 pixels of 16 channels (8 of float64) with their neighbourhood, and the weights of one dy
// at a time. Each thread handles 4 neighbouring pixels of 4 (2) channels. Nothing is scattered, so there are no atomics
// and results repeat to the bit.
#ifndef VFI_CORRELATION_CUH
#define VFI_CORRELATION_CUH

#include "numbers.cuh"

namespace vfi {

constexpr int SIDE = 9;
constexpr int TILE_WIDTH = 32;
constexpr int WINDOW_WIDTH = TILE_WIDTH + SIDE - 1;
// Pitch of rows in shared memory of which each thread reads 8 or 4 numbers: a quarter of a warp uses each bank once.
constexpr int PATCH_PITCH = 36;

constexpr int CORRELATE_HEIGHT = 8;
constexpr int CORRELATE_RUN = 8;
constexpr int CORRELATE_THREADS = 32 * SIDE;
constexpr int CORRELATE_WINDOW_PITCH = 44;

constexpr int GATHER_HEIGHT = 4;
constexpr int GATHER_RUN = 4;
constexpr int GATHER_WARPS = 4;
constexpr int GATHER_THREADS = 32 * GATHER_WARPS;
constexpr int GATHER_WINDOW = (GATHER_HEIGHT + SIDE - 1) * WINDOW_WIDTH;

// Position of a block of `correlate`.
struct BlockPosition {
  int group_x, group_y;  // index of the group of displacements
  int left, top;         // of the tile, pixels
  long long sample;
};

// Number of groups of `size` that cover `count` items.
VFI_INLINE int groups_of(int count, int size) { return (count + size - 1) / size; }

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define VFI_ASYNCHRONOUS
#endif

// The numbers of a Quad as they are stored in an image of type T.
template <typename T, int COUNT>
struct alignas(COUNT * sizeof(T)) Pack {
  T value[COUNT];
};

// Loads a Quad into shared memory; numbers outside the image (their bit of `inside` is 0) become 0. `whole`: all
// numbers are inside or none is, and `from` is aligned to their total size.
template <typename T, typename S>
VFI_INLINE void load_quad(S* to, const T* from, unsigned inside, bool whole) {
  Quad<S> quad;
  if (whole && inside) {
    const Pack<T, Quad<S>::COUNT> pack = *reinterpret_cast<const Pack<T, Quad<S>::COUNT>*>(from);
#pragma unroll
    for (int i = 0; i < Quad<S>::COUNT; ++i) quad.value[i] = as_sum(pack.value[i]);
  } else {
#pragma unroll
    for (int i = 0; i < Quad<S>::COUNT; ++i) quad.value[i] = inside >> i & 1u ? as_sum(from[i]) : S(0);
  }
  *reinterpret_cast<Quad<S>*>(to) = quad;
}

#ifdef VFI_ASYNCHRONOUS
#ifndef VFI_EMULATED  // the emulator of the tests brings its own
// Starts an asynchronous copy of SIZE bytes to shared memory; only the first `count` are read, the others become 0.
template <int SIZE>
VFI_INLINE void copy_later(void* to, const void* from, int count) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(to))),
               "l"(from), "n"(SIZE), "r"(count)
               : "memory");
}

VFI_INLINE void close_batch() { asm volatile("cp.async.commit_group;" ::: "memory"); }

VFI_INLINE void wait_for_all_but_newest() { asm volatile("cp.async.wait_group 1;" ::: "memory"); }
#endif

// The same for float, asynchronously: the numbers have arrived when wait_for_all_but_newest returns.
VFI_INLINE void load_quad(float* to, const float* from, unsigned inside, bool whole) {
  if (whole) {
    copy_later<16>(to, from, inside ? 16 : 0);
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const bool exists = inside >> i & 1u;
    copy_later<4>(to + i, exists ? from + i : from, exists ? 4 : 0);
  }
}
#else
VFI_INLINE void close_batch() {}
VFI_INLINE void wait_for_all_but_newest() {}
#endif

// Writes the results of a warp, stored as rows of PATCH_PITCH, to a plane in whole rows of 32 pixels.
template <int ROWS, typename T, typename S>
VFI_INLINE void write_rows(T* plane, const S* patch, int left, int top, int height, int width) {
  const int x = left + static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int row = 0; row < ROWS; ++row) {
    if (x < width && top + row < height) {
      plane[(top + row) * width + x] = Round<T>::from(patch[row * PATCH_PITCH + static_cast<int>(threadIdx.x) % 32]);
    }
  }
}

// ---- correlate ------------------------------------------------------------------------------------------------------

// The Quads that one thread loads of every DEPTH channels. The tile in shared memory is a sequence of Quads: per
// channel the rows of a, then those of b, each padded to its pitch (the padding is loaded as if it were outside the
// image). The Quads are assigned to the threads in turn, so that the position of a Quad follows from its number.
template <typename T, typename S>
struct Slots {
  static constexpr int DEPTH = 16 / sizeof(S);  // channels at a time
  static constexpr int PIXELS = Quad<S>::COUNT;
  static constexpr int A_SIZE = CORRELATE_HEIGHT * PATCH_PITCH;  // numbers per channel of a
  static constexpr int SIZE = A_SIZE + (CORRELATE_HEIGHT + SIDE - 1) * CORRELATE_WINDOW_PITCH;  // and of both
  static constexpr int QUADS = DEPTH * SIZE / PIXELS;
  static constexpr int COUNT = (QUADS + CORRELATE_THREADS - 1) / CORRELATE_THREADS;

  const T* from[COUNT];
  unsigned inside;  // PIXELS bits per Quad
  unsigned depths;  // 4 bits per Quad
  const T* valid;   // an address that may be read
  bool whole;       // see load_quad

  VFI_INLINE void find(const T* a, const T* b, const BlockPosition& block, int height, int width, int reach,
                       long long plane) {
    const int shift_x = block.group_x * SIDE - reach, shift_y = block.group_y * SIDE - reach;
    const unsigned long long bytes = reinterpret_cast<unsigned long long>(a) | reinterpret_cast<unsigned long long>(b);
    whole = bytes % (PIXELS * sizeof(T)) == 0 && ((width | shift_x) & (PIXELS - 1)) == 0;
    valid = a;
    inside = depths = 0;
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int slot = static_cast<int>(threadIdx.x) + i * CORRELATE_THREADS;
      const int depth = slot / (SIZE / PIXELS), number = slot % (SIZE / PIXELS) * PIXELS;
      const bool of_a = number < A_SIZE;
      const int row = of_a ? number / PATCH_PITCH : (number - A_SIZE) / CORRELATE_WINDOW_PITCH;
      const int column = of_a ? number % PATCH_PITCH : (number - A_SIZE) % CORRELATE_WINDOW_PITCH;
      const bool used = slot < QUADS && column < (of_a ? TILE_WIDTH : WINDOW_WIDTH);
      const int y = block.top + row + (of_a ? 0 : shift_y), x = block.left + column + (of_a ? 0 : shift_x);
      unsigned bits = 0;
#pragma unroll
      for (int j = 0; j < PIXELS; ++j) {
        if (used && y >= 0 && y < height && x + j >= 0 && x + j < width) bits |= 1u << j;
      }
      inside |= bits << (i * PIXELS);
      depths |= static_cast<unsigned>(depth) << (i * 4);
      from[i] = (of_a ? a : b) + (depth * plane + static_cast<long long>(y) * width + x);
    }
  }

  // Loads the next DEPTH channels, of which `count` exist, and advances past them.
  VFI_INLINE void load_channels(S* tile, int count, long long plane) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int slot = static_cast<int>(threadIdx.x) + i * CORRELATE_THREADS;
      unsigned bits = inside >> (i * PIXELS) & ((1u << PIXELS) - 1);
      if (static_cast<int>(depths >> (i * 4) & 15u) >= count) bits = 0;
      if (slot < QUADS) load_quad(tile + slot * PIXELS, bits ? from[i] : valid, bits, whole);
      from[i] += DEPTH * plane;
    }
  }
};

template <typename T>
VFI_INLINE void correlate(const T* a, const T* b, T* out, int channels, int height, int width, int reach) {
  typedef typename SumOf<T>::Type S;
  constexpr int DEPTH = Slots<T, S>::DEPTH, SIZE = Slots<T, S>::SIZE;
  alignas(16) __shared__ S tiles[2][DEPTH * SIZE];

  const int side = 2 * reach + 1, groups = groups_of(side, SIDE);
  const int across = groups_of(width, TILE_WIDTH), down = groups_of(height, CORRELATE_HEIGHT);
  const long long plane = static_cast<long long>(height) * width;
  BlockPosition block;
  long long number = blockIdx.x;
  block.left = static_cast<int>(number % across) * TILE_WIDTH;
  number /= across;
  block.top = static_cast<int>(number % down) * CORRELATE_HEIGHT;
  number /= down;
  block.group_x = static_cast<int>(number % groups);
  number /= groups;
  block.group_y = static_cast<int>(number % groups);
  block.sample = number / groups;

  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int column = lane % (TILE_WIDTH / CORRELATE_RUN) * CORRELATE_RUN, row = lane / (TILE_WIDTH / CORRELATE_RUN);
  const int dy = block.group_y * SIDE + warp;

  Slots<T, S> slots;
  slots.find(a + block.sample * channels * plane, b + block.sample * channels * plane, block, height, width, reach,
             plane);
  slots.load_channels(tiles[0], channels, plane);
  close_batch();
  S sums[SIDE][CORRELATE_RUN];
#pragma unroll
  for (int dx = 0; dx < SIDE; ++dx) {
#pragma unroll
    for (int i = 0; i < CORRELATE_RUN; ++i) sums[dx][i] = S(0);
  }

  for (int first = 0, turn = 0; first < channels; first += DEPTH, turn ^= 1) {
    if (first + DEPTH < channels) slots.load_channels(tiles[turn ^ 1], channels - first - DEPTH, plane);
    close_batch();
    wait_for_all_but_newest();
    __syncthreads();
    if (dy < side) {
#pragma unroll 1
      for (int depth = 0; depth < DEPTH; ++depth) {
        const S* const tile = tiles[turn] + depth * SIZE;
        const S* const window = tile + Slots<T, S>::A_SIZE + (row + warp) * CORRELATE_WINDOW_PITCH + column;
        S own[CORRELATE_RUN];
        load_run(own, tile + row * PATCH_PITCH + column);
        // A few numbers of b at a time, because the sums occupy the registers.
#pragma unroll
        for (int part = 0; part < CORRELATE_RUN + SIDE - 1; part += Quad<S>::COUNT) {
          S other[Quad<S>::COUNT];
          load_run(other, window + part);
#pragma unroll
          for (int j = 0; j < Quad<S>::COUNT; ++j) {
#pragma unroll
            for (int dx = 0; dx < SIDE; ++dx) {
              const int i = part + j - dx;
              if (i >= 0 && i < CORRELATE_RUN) sums[dx][i] += own[i] * other[j];
            }
          }
        }
      }
    }
    __syncthreads();
  }

  // The tiles are no longer needed: each warp stores its results there, to write them in whole rows.
  S* const patch = tiles[0] + warp * CORRELATE_HEIGHT * PATCH_PITCH;
  const S scale = S(1) / S(channels);
#pragma unroll
  for (int i = 0; i < SIDE; ++i) {
    const int dx = block.group_x * SIDE + i;
    store_run(patch + row * PATCH_PITCH + column, sums[i], scale);
    __syncwarp();
    if (dx < side && dy < side) {
      T* const target = out + ((block.sample * side + dy) * side + dx) * plane;
      write_rows<CORRELATE_HEIGHT>(target, patch, block.left, block.top, height, width);
    }
    __syncwarp();
  }
}

// ---- gather ---------------------------------------------------------------------------------------------------------

template <typename T, bool REVERSED>
VFI_INLINE void gather(const T* weights, const T* features, T* out, int channels, int height, int width, int reach) {
  typedef typename SumOf<T>::Type S;
  constexpr int DEPTH = 16 / sizeof(S);  // channels per thread
  constexpr int CHANNELS = DEPTH * GATHER_WARPS;
  alignas(16) __shared__ S window[CHANNELS][GATHER_WINDOW];
  alignas(16) __shared__ S tile_weights[SIDE][GATHER_HEIGHT * TILE_WIDTH];

  const int side = 2 * reach + 1, groups = groups_of(side, SIDE);
  const int across = groups_of(width, TILE_WIDTH), down = groups_of(height, GATHER_HEIGHT);
  const int channel_groups = groups_of(channels, CHANNELS);
  const long long plane = static_cast<long long>(height) * width;
  long long block = blockIdx.x;
  // Groups of channels vary fastest, because they need the same weights.
  const int first = static_cast<int>(block % channel_groups) * CHANNELS;
  block /= channel_groups;
  const int left = static_cast<int>(block % across) * TILE_WIDTH;
  block /= across;
  const int top = static_cast<int>(block % down) * GATHER_HEIGHT;
  const long long sample = block / down;

  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int column = lane % (TILE_WIDTH / GATHER_RUN) * GATHER_RUN, row = lane / (TILE_WIDTH / GATHER_RUN);
  const T* const own_weights = weights + sample * side * side * plane;
  const T* const own_features = features + (sample * channels + first) * plane;

  S sums[DEPTH][GATHER_RUN];
#pragma unroll
  for (int depth = 0; depth < DEPTH; ++depth) {
#pragma unroll
    for (int i = 0; i < GATHER_RUN; ++i) sums[depth][i] = S(0);
  }
  for (int group = 0; group < groups * groups; ++group) {
    const int first_dy = group / groups * SIDE, first_dx = group % groups * SIDE;
    for (int position = thread; position < GATHER_WINDOW; position += GATHER_THREADS) {
      const int y = top + first_dy - reach + position / WINDOW_WIDTH;
      const int x = left + first_dx - reach + position % WINDOW_WIDTH;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      const T* const from = own_features + (inside ? y * width + x : 0);
#pragma unroll 4
      for (int channel = 0; channel < CHANNELS; ++channel) {
        const bool exists = inside && first + channel < channels;
        window[channel][position] = exists ? as_sum(from[channel * plane]) : S(0);
      }
    }
    for (int number = 0; number < SIDE && first_dy + number < side; ++number) {
      // REVERSED: the weights of the pairs of pixels indexed by the pixel of b, as by seen_from_b in
      // torch_correlation.py.
      const int first_number = (first_dy + number) * side + first_dx;
      const int y = top + warp + (REVERSED ? first_dy + number - reach : 0);
      const int first_x = left + lane + (REVERSED ? first_dx - reach : 0);
      const T* from = own_weights + (REVERSED ? side * side - 1 - first_number : first_number) * plane +
                      static_cast<long long>(y) * width + first_x;
#pragma unroll
      for (int dx = 0; dx < SIDE; ++dx) {
        const int x = first_x + (REVERSED ? dx : 0);
        const bool inside = first_dx + dx < side && y >= 0 && y < height && x >= 0 && x < width;
        tile_weights[dx][thread] = inside ? as_sum(*from) : S(0);
        from += REVERSED ? 1 - plane : plane;
      }
      __syncthreads();
      S other[DEPTH][GATHER_RUN + SIDE - 1];
#pragma unroll
      for (int depth = 0; depth < DEPTH; ++depth) {
        load_run(other[depth], &window[warp * DEPTH + depth][(row + number) * WINDOW_WIDTH + column]);
      }
#pragma unroll
      for (int dx = 0; dx < SIDE; ++dx) {
        S weight[GATHER_RUN];
        load_run(weight, &tile_weights[dx][row * TILE_WIDTH + column]);
#pragma unroll
        for (int depth = 0; depth < DEPTH; ++depth) {
#pragma unroll
          for (int i = 0; i < GATHER_RUN; ++i) sums[depth][i] += weight[i] * other[depth][i + dx];
        }
      }
      __syncthreads();
    }
  }

  S* const patch = &window[0][0] + warp * GATHER_HEIGHT * PATCH_PITCH;
  const S scale = S(1) / S(channels);
#pragma unroll
  for (int depth = 0; depth < DEPTH; ++depth) {
    const int channel = first + warp * DEPTH + depth;
    store_run(patch + row * PATCH_PITCH + column, sums[depth], scale);
    __syncwarp();
    if (channel < channels) {
      write_rows<GATHER_HEIGHT>(out + (sample * channels + channel) * plane, patch, left, top, height, width);
    }
    __syncwarp();
  }
}

}  // namespace vfi

#endif
