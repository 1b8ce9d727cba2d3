// A fixed set of workers that run numbered tasks; what a task computes never depends on who runs it.
#pragma once

#include <pthread.h>

#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/core/error.hpp>
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

/// `size()` workers, the caller among them. `run` is for one thread at a time and not from within a task.
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

  /// Calls f(task, worker) once for every task in [0, tasks) and returns when all are done; worker < size(). f must not
  /// throw. Each worker starts on its own share, the same in every run of as many tasks, so that its caches are likely
  /// to hold its data still; a worker that is done early takes tasks of the others.
  template <class F>
  void run(int tasks, F&& f) {
    tasks_ = tasks;
    context_ = &f;
    call_ = [](const void* context, int task, int worker) noexcept {
      (*static_cast<const std::remove_reference_t<F>*>(context))(task, worker);
    };
    share_out();
  }

 private:
  using Call = void (*)(const void* context, int task, int worker) noexcept;
  struct Worker {
    BasicThreadPool* pool = nullptr;
    int index = 0;
    pthread_t thread{};
  };

  /// Tasks nobody has taken yet: the first and the one past the last, in one word.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> tasks{0};
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
      take_tasks(worker);
    }
  }

  /// Not a template, and never inlined: the code of `run` is there once for every job there is.
  [[gnu::noinline]] void share_out() {
    const int tasks = tasks_;
    if (tasks <= 0) return;
    if (workers_.empty() || tasks == 1) {
      for (int task = 0; task < tasks; ++task) call_(context_, task, 0);
      return;
    }
    finished_.store(0, std::memory_order_relaxed);
    for (int i = 0; i < size(); ++i)
      shares_[static_cast<std::size_t>(i)].tasks.store(packed(long(tasks) * i / size(), long(tasks) * (i + 1) / size()),
                                                       std::memory_order_release);
    bell_.fetch_add(1, std::memory_order_release);
    bell_.notify_all();
    take_tasks(0);
    int finished = finished_.load(std::memory_order_acquire);
    for (int spin = 0; finished != tasks; finished = finished_.load(std::memory_order_acquire))
      if (++spin < patience())
        pause();
      else
        finished_.wait(finished, std::memory_order_acquire);
  }

  [[gnu::noinline]] void take_tasks(int worker) {
    for (int i = 0; i < size(); ++i) {
      const int owner = worker + i < size() ? worker + i : worker + i - size();
      for (int task; (task = take(shares_[static_cast<std::size_t>(owner)].tasks, i == 0)) >= 0;) {
        const int tasks = tasks_;
        call_(context_, task, worker);
        if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks) finished_.notify_all();
      }
    }
  }

  /// The first task of a share or, of somebody else's, the last; negative where none is left. A task that is taken
  /// keeps its run alive, so the run's data is read only after taking one: a worker that comes late finds either
  /// nothing left or a task of the next run, and both are right.
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
  int tasks_ = 0;
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
