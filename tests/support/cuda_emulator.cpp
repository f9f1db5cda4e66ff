// Just enough of CUDA to run the kernels of vfi/ops/backends/cuda on a CPU: the threads of a block are fibers that take turns and
// wait for each other at barriers. Asynchronous copies arrive as late as they may. tests/support/cuda_emulator.py puts this
// before the sources.
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#define VFI_EMULATED
#define VFI_ASYNCHRONOUS
#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static

using std::exp;
using std::floor;

struct Index {
  unsigned x;
};
static Index threadIdx, blockIdx;

namespace emulator {

enum State { ready, at_block_barrier, at_warp_barrier, done };

struct Copy {
  void* to;
  const void* from;
  int size, count;
};

struct Fiber {
  ucontext_t context;
  std::vector<char> stack;
  State state;
  std::vector<std::vector<Copy>> batches;  // of asynchronous copies under way; the last is still open
};

static std::vector<Fiber> fibers;
static ucontext_t scheduler;
static const std::function<void()>* work;

static void wait_at(State barrier) {
  const unsigned self = threadIdx.x;
  fibers[self].state = barrier;
  swapcontext(&fibers[self].context, &scheduler);
  threadIdx.x = self;
}

static void run_fiber() {
  (*work)();
  fibers[threadIdx.x].state = done;
  swapcontext(&fibers[threadIdx.x].context, &scheduler);
}

// Lets the fibers first..last-1 pass the barrier if all that still run wait there; whether any did.
static bool release(size_t first, size_t last, State barrier) {
  bool any = false;
  for (size_t i = first; i < last; ++i) {
    if (fibers[i].state != barrier && fibers[i].state != done) return false;
    any = any || fibers[i].state == barrier;
  }
  for (size_t i = first; i < last; ++i) {
    if (fibers[i].state == barrier) fibers[i].state = ready;
  }
  return any;
}

static bool run_block(unsigned threads) {
  for (Fiber& fiber : fibers) {
    fiber.state = ready;
    fiber.batches.assign(1, {});
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, run_fiber, 0);
  }
  for (;;) {
    bool left = false, progress = false;
    for (unsigned i = 0; i < threads; ++i) {
      left = left || fibers[i].state != done;
      if (fibers[i].state != ready) continue;
      threadIdx.x = i;
      swapcontext(&scheduler, &fibers[i].context);
      progress = true;
    }
    if (!left) return true;
    for (unsigned i = 0; i < threads; i += 32) {
      progress |= release(i, i + 32 < threads ? i + 32 : threads, at_warp_barrier);
    }
    progress |= release(0, threads, at_block_barrier);
    if (!progress) return false;  // they wait at different barriers
  }
}

// 0, or 1 where the threads of a block came to wait for ever.
static int run(unsigned blocks, unsigned threads, const std::function<void()>& kernel) {
  fibers.resize(threads);
  for (Fiber& fiber : fibers) fiber.stack.resize(1 << 16);
  work = &kernel;
  for (unsigned block = 0; block < blocks; ++block) {
    blockIdx.x = block;
    if (!run_block(threads)) return 1;
  }
  return 0;
}

}  // namespace emulator

static void __syncthreads() { emulator::wait_at(emulator::at_block_barrier); }
static void __syncwarp() { emulator::wait_at(emulator::at_warp_barrier); }

template <typename T>
static void atomicAdd(T* to, T value) {
  *to += value;
}

static float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

namespace vfi {

struct Half;
float as_sum(Half value);
template <typename T>
struct Round;
template <>
struct Round<Half> {
  static Half from(float value);
};

template <int SIZE>
void copy_later(void* to, const void* from, int count) {
  emulator::fibers[threadIdx.x].batches.back().push_back({to, from, SIZE, count});
}

static void close_batch() { emulator::fibers[threadIdx.x].batches.emplace_back(); }

static void wait_for_all_but_newest() {
  auto& batches = emulator::fibers[threadIdx.x].batches;
  while (batches.size() > 2) {  // the newest and the open one stay
    for (const emulator::Copy& copy : batches.front()) {
      std::memset(copy.to, 0, copy.size);
      std::memcpy(copy.to, copy.from, copy.count);
    }
    batches.erase(batches.begin());
  }
}

}  // namespace vfi
