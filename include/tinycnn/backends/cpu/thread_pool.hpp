// A fixed set of threads that run numbered tasks; a task's result never depends on the thread that runs it.
#pragma once

#include <pthread.h>

#include <tinycnn/backends/cpu/simd/vector.hpp>
#include <tinycnn/core/error.hpp>
#include <tinycnn/core/processors.hpp>

#include <atomic>
#include <cstdint>
#include <vector>

namespace tinycnn::cpu {

/// RAII guard: on this thread, denormal results and operands count as zero until it is destroyed.
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

/// `size()` workers: the calling thread and size() - 1 threads of the pool. Only one thread at a time may call `run`,
/// and no task may.
template <class Isa>
class BasicThreadPool {
 public:
  [[gnu::cold]] explicit BasicThreadPool(int threads)
      : oversubscribed_(threads > usable_processors()), queues_(static_cast<std::size_t>(threads < 1 ? 1 : threads)) {
    if (threads < 1) throw Error("A thread pool needs at least one thread; ask for 1 or more.");
    workers_.resize(static_cast<std::size_t>(threads - 1));
    for (int i = 0; i < threads - 1; ++i) {
      Worker& worker = workers_[static_cast<std::size_t>(i)];
      worker.pool = this;
      worker.index = i + 1;
      if (pthread_create(&worker.thread, nullptr, &thread_main, &worker) != 0) {
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
  /// throw. Each worker starts with its own queue of tasks, which is the same in every run of as many tasks, so that
  /// its caches may still hold their data; a worker that finishes early steals tasks from the others.
  template <class F>
  void run(int tasks, F&& f) {
    tasks_ = tasks;
    context_ = &f;
    call_ = [](const void* context, int task, int worker) noexcept {
      (*static_cast<const std::remove_reference_t<F>*>(context))(task, worker);
    };
    run_all();
  }

 private:
  using Call = void (*)(const void* context, int task, int worker) noexcept;
  struct Worker {
    BasicThreadPool* pool = nullptr;
    int index = 0;
    pthread_t thread{};
  };

  /// The tasks of a worker that nobody has started: [begin, end) packed into one word, so that one compare-and-swap
  /// takes a task.
  struct alignas(64) TaskQueue {
    std::atomic<std::uint64_t> tasks{0};
  };

  static void* thread_main(void* self) {
    const BasicFlushDenormals<Isa> flush;
    const Worker& worker = *static_cast<const Worker*>(self);
    worker.pool->serve(worker.index);
    return nullptr;
  }

  void serve(int worker) {
    for (int seen = 0;;) {
      int generation = generation_.load(std::memory_order_acquire);
      for (int spin = 0; generation == seen; generation = generation_.load(std::memory_order_acquire))
        if (++spin < spin_limit())
          pause();
        else
          generation_.wait(seen, std::memory_order_acquire);
      seen = generation;
      if (stopping_.load(std::memory_order_relaxed)) return;
      run_tasks(worker);
    }
  }

  /// Runs all tasks. Neither a template nor inlined, since `run` is instantiated for every f.
  [[gnu::noinline]] void run_all() {
    const int tasks = tasks_;
    if (tasks <= 0) return;
    if (workers_.empty() || tasks == 1) {
      for (int task = 0; task < tasks; ++task) call_(context_, task, 0);
      return;
    }
    finished_.store(0, std::memory_order_relaxed);
    for (int i = 0; i < size(); ++i)
      queues_[static_cast<std::size_t>(i)].tasks.store(
          packed(std::int64_t(tasks) * i / size(), std::int64_t(tasks) * (i + 1) / size()), std::memory_order_release);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    run_tasks(0);
    int finished = finished_.load(std::memory_order_acquire);
    for (int spin = 0; finished != tasks; finished = finished_.load(std::memory_order_acquire))
      if (++spin < spin_limit())
        pause();
      else
        finished_.wait(finished, std::memory_order_acquire);
  }

  [[gnu::noinline]] void run_tasks(int worker) {
    for (int i = 0; i < size(); ++i) {
      const int owner = worker + i < size() ? worker + i : worker + i - size();
      for (int task; (task = take(queues_[static_cast<std::size_t>(owner)].tasks, i == 0)) >= 0;) {
        const int tasks = tasks_;
        call_(context_, task, worker);
        if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks) finished_.notify_all();
      }
    }
  }

  /// Takes the first task of a worker's own queue or the last one of another's; -1 if none is left. `run` cannot return
  /// before a task that was taken is finished, so call_ and context_ are read only after taking one: a worker that
  /// wakes up late finds either an empty queue or a task of the next run, and both are correct.
  static int take(std::atomic<std::uint64_t>& queue, bool own) {
    std::uint64_t left = queue.load(std::memory_order_acquire);
    for (;;) {
      const std::int64_t begin = std::int64_t(left >> 32), end = std::int64_t(left & 0xffffffff);
      if (begin >= end) return -1;
      if (queue.compare_exchange_weak(left, own ? packed(begin + 1, end) : packed(begin, end - 1),
                                      std::memory_order_acq_rel, std::memory_order_acquire))
        return int(own ? begin : end - 1);
    }
  }
  static constexpr std::uint64_t packed(std::int64_t begin, std::int64_t end) {
    return std::uint64_t(begin) << 32 | std::uint64_t(end);
  }

  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    for (const Worker& worker : workers_) pthread_join(worker.thread, nullptr);
    workers_.clear();
  }

  /// Spins before a thread sleeps: about 50 microseconds, but hardly any where threads outnumber processors.
  [[nodiscard]] int spin_limit() const { return oversubscribed_ ? 16 : 4000; }
  static void pause() { __builtin_ia32_pause(); }

  Call call_ = nullptr;
  const void* context_ = nullptr;
  int tasks_ = 0;
  alignas(64) std::atomic<int> finished_{0};
  alignas(64) std::atomic<int> generation_{0};
  std::atomic<bool> stopping_{false};
  const bool oversubscribed_;
  std::vector<TaskQueue> queues_;
  std::vector<Worker> workers_;
};

using ThreadPool = BasicThreadPool<Native>;
using FlushDenormals = BasicFlushDenormals<Native>;

}  // namespace tinycnn::cpu
