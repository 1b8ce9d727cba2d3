// A fixed set of workers that share out numbered blocks of work; what a block computes never depends on who runs it.
#pragma once

#include <pthread.h>

#include <tinycnn/backends/cpu/lane.hpp>
#include <tinycnn/core/diagnostics.hpp>
#include <tinycnn/core/processors.hpp>

#include <atomic>
#include <cstdint>
#include <vector>

namespace tinycnn::cpu {

/// Denormal results and operands count as zero while this lives; the thread's own setting comes back after.
template <class Isa>
class BasicFlushDenormals {
 public:
  BasicFlushDenormals() : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | flush_to_zero); }
  ~BasicFlushDenormals() { __builtin_ia32_ldmxcsr(before_); }
  BasicFlushDenormals(const BasicFlushDenormals&) = delete;
  BasicFlushDenormals& operator=(const BasicFlushDenormals&) = delete;

 private:
  static constexpr unsigned flush_to_zero = 0x8040;  // FTZ | DAZ
  unsigned before_;
};

/// `size()` workers, the caller among them. `run` is for one thread at a time and not from within a block.
template <class Isa>
class BasicThreadPool {
 public:
  [[gnu::cold]] explicit BasicThreadPool(int threads)
      : crowded_(threads > usable_processors()), shares_(static_cast<std::size_t>(threads < 1 ? 1 : threads)) {
    if (threads < 1) throw Error("A thread pool needs at least one thread; ask for 1 or more.");
    workers_.resize(static_cast<std::size_t>(threads - 1));
    for (int i = 0; i < threads - 1; ++i) {
      Worker& worker = workers_[static_cast<std::size_t>(i)];
      worker.pool = this;
      worker.index = i + 1;
      if (pthread_create(&worker.thread, nullptr, &work, &worker) != 0) {
        workers_.resize(static_cast<std::size_t>(i));
        stop();
        throw Error("The system refused to start another thread; ask for fewer threads.");
      }
    }
  }
  ~BasicThreadPool() { stop(); }
  BasicThreadPool(const BasicThreadPool&) = delete;
  BasicThreadPool& operator=(const BasicThreadPool&) = delete;

  [[nodiscard]] int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls f(block, worker) once for every block in [0, blocks) and returns when all are done; worker < size().
  /// f must not throw. Each worker starts on its own share, the same in every job of as many blocks, so that what it
  /// left in its caches is likely to be its own again; who is done early helps the others out.
  template <class F>
  void run(int blocks, F&& f) {
    blocks_ = blocks;
    context_ = &f;
    call_ = [](const void* context, int block, int worker) noexcept {
      (*static_cast<const std::remove_reference_t<F>*>(context))(block, worker);
    };
    share_out();
  }

 private:
  using Call = void (*)(const void* context, int block, int worker) noexcept;
  struct Worker {
    BasicThreadPool* pool = nullptr;
    int index = 0;
    pthread_t thread{};
  };

  /// Blocks nobody has taken yet: the first and the one past the last, in one word.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> blocks{0};
  };

  static void* work(void* self) {
    const BasicFlushDenormals<Isa> flush;
    const Worker& worker = *static_cast<const Worker*>(self);
    worker.pool->serve(worker.index);
    return nullptr;
  }

  void serve(int worker) {
    for (int heard = 0;;) {
      int bell = bell_.load(std::memory_order_acquire);
      for (int spin = 0; bell == heard; bell = bell_.load(std::memory_order_acquire))
        if (++spin < patience())
          pause();
        else
          bell_.wait(heard, std::memory_order_acquire);
      heard = bell;
      if (stopping_.load(std::memory_order_relaxed)) return;
      take_blocks(worker);
    }
  }

  /// Not a template, and never inlined: the code of `run` is there once for every job there is.
  [[gnu::noinline]] void share_out() {
    const int blocks = blocks_;
    if (blocks <= 0) return;
    if (workers_.empty() || blocks == 1) {
      for (int block = 0; block < blocks; ++block) call_(context_, block, 0);
      return;
    }
    finished_.store(0, std::memory_order_relaxed);
    for (int i = 0; i < size(); ++i)
      shares_[static_cast<std::size_t>(i)].blocks.store(
          packed(long(blocks) * i / size(), long(blocks) * (i + 1) / size()), std::memory_order_release);
    bell_.fetch_add(1, std::memory_order_release);
    bell_.notify_all();
    take_blocks(0);
    int finished = finished_.load(std::memory_order_acquire);
    for (int spin = 0; finished != blocks; finished = finished_.load(std::memory_order_acquire))
      if (++spin < patience())
        pause();
      else
        finished_.wait(finished, std::memory_order_acquire);
  }

  [[gnu::noinline]] void take_blocks(int worker) {
    for (int i = 0; i < size(); ++i) {
      const int owner = worker + i < size() ? worker + i : worker + i - size();
      for (int block; (block = take(shares_[static_cast<std::size_t>(owner)].blocks, i == 0)) >= 0;) {
        const int blocks = blocks_;
        call_(context_, block, worker);
        if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == blocks) finished_.notify_all();
      }
    }
  }

  /// The first block of a share or, of somebody else's, the last; negative where none is left. A block that is taken
  /// keeps its job alive, so the job is read only after taking one: a worker that comes late finds either nothing left
  /// or a block of the next job, and both are right.
  static int take(std::atomic<std::uint64_t>& share, bool own) {
    std::uint64_t left = share.load(std::memory_order_acquire);
    for (;;) {
      const long begin = long(left >> 32), end = long(left & 0xffffffff);
      if (begin >= end) return -1;
      if (share.compare_exchange_weak(left, own ? packed(begin + 1, end) : packed(begin, end - 1),
                                      std::memory_order_acq_rel, std::memory_order_acquire))
        return int(own ? begin : end - 1);
    }
  }
  static constexpr std::uint64_t packed(long begin, long end) {
    return std::uint64_t(begin) << 32 | std::uint64_t(end);
  }

  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    bell_.fetch_add(1, std::memory_order_release);
    bell_.notify_all();
    for (const Worker& worker : workers_) pthread_join(worker.thread, nullptr);
    workers_.clear();
  }

  /// About 50 microseconds of looking before a thread sleeps; next to none where threads outnumber processors.
  [[nodiscard]] int patience() const { return crowded_ ? 16 : 4000; }
  static void pause() { __builtin_ia32_pause(); }

  Call call_ = nullptr;
  const void* context_ = nullptr;
  int blocks_ = 0;
  alignas(64) std::atomic<int> finished_{0};
  alignas(64) std::atomic<int> bell_{0};
  std::atomic<bool> stopping_{false};
  const bool crowded_;
  std::vector<Share> shares_;
  std::vector<Worker> workers_;
};

using ThreadPool = BasicThreadPool<Native>;
using FlushDenormals = BasicFlushDenormals<Native>;

}  // namespace tinycnn::cpu
