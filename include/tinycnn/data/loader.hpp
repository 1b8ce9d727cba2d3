// Loads minibatches of pictures, prefetched by background threads. The result is bitwise the same for any number of
// threads, and whether a picture was decoded or read from the cache.
#pragma once

#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include <pthread.h>
#include <signal.h>

#include <tinycnn/core/dims.hpp>
#include <tinycnn/core/error.hpp>
#include <tinycnn/data/folder.hpp>
#include <tinycnn/data/minibatch.hpp>
#include <tinycnn/data/picture_cache.hpp>
#include <tinycnn/data/shuffle.hpp>
#include <tinycnn/vision/decode.hpp>
#include <tinycnn/vision/image.hpp>
#include <tinycnn/vision/resize.hpp>

namespace tinycnn {

/// A picture that cannot be decoded.
struct DamagedPicture {
  int picture = 0;  // its index in the folder
  std::string why;  // the error message, which names the file
};

/// Loads the pictures of a folder in a given order, in minibatches; the last one of an epoch may be smaller. The folder
/// must outlive the loader. Only one thread at a time may call its functions. Like torch.utils.data.DataLoader.
class Loader {
 public:
  /// Pictures are resized to `image`, which must have 3 channels. All buffers are allocated here: three minibatches of
  /// bytes and one of floats. `cache` is the path of a `PictureCache`, which is created if it does not exist; empty:
  /// none.
  [[gnu::cold]] Loader(const ImageFolder& folder, Dims image, int batch, int threads, const std::string& cache = {})
      : folder_(folder), image_(image), batch_(batch), cache_(folder, image, cache) {
    if (image.c != 3 || image.h < 1 || image.w < 1)
      throw Error("a loader makes pictures of 3 channels and at least 1 x 1 pixel");
    if (batch < 1) throw Error("a loader's batch must be at least 1");
    if (threads < 1) throw Error("a loader needs at least 1 thread");
    for (Slot& slot : slots_) {
      slot.pictures.resize(std::size_t(batch) * std::size_t(image.size()));
      slot.labels.resize(std::size_t(batch));
      slot.index.resize(std::size_t(batch));
    }
    images_.resize(std::size_t(batch) * std::size_t(image.size()));
    labels_.resize(std::size_t(batch));
    index_.resize(std::size_t(batch));
    batches_ = batches_of(folder.paths.size());
    start(threads);
  }
  Loader(ImageFolder&&, Dims, int, int, const std::string& = {}) = delete;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  [[gnu::cold]] ~Loader() { stop(); }

  /// Begins an epoch over the pictures with these indices in the folder, in this order. Prefetched minibatches are
  /// discarded. Throws an Error if an index is out of range.
  [[gnu::cold]] void begin_epoch(const std::vector<int>& order) {
    for (const int i : order)
      if (i < 0 || i >= folder_.size())
        throw Error({"an epoch's order holds ", i, ", but the folder has ", folder_.size(), " pictures"});
    Lock lock(mutex_);
    claimed_ = std::int64_t(order_.size());  // no thread begins another picture of the old epoch
    while (busy_ > 0) ::pthread_cond_wait(&work_done_, &mutex_);
    order_ = order;
    damaged_.clear();
    failure_.clear();
    batches_ = batches_of(order.size());
    claimed_ = 0;
    delivered_ = 0;
    for (int b = 0; b < prefetched; ++b) assign_slot(b);
    ::pthread_cond_broadcast(&work_available_);
  }

  /// Gets the next minibatch of the epoch; returns false after the last. Throws an Error that names the file if a
  /// picture of this minibatch cannot be decoded; the next call continues with the next minibatch.
  [[gnu::cold]] bool next(Minibatch& minibatch) {
    Lock lock(mutex_);
    if (delivered_ >= batches_of(order_.size())) return false;
    Slot& slot = slots_[delivered_ % prefetched];
    while (slot.remaining > 0) ::pthread_cond_wait(&work_done_, &mutex_);
    const int n = slot.n;
    const std::string damage = slot.damaged >= 0 ? slot.damage : std::string();
    ::pthread_mutex_unlock(&mutex_);  // no other thread accesses a completed slot
    if (damage.empty()) to_floats(slot.pictures.data(), n * image_.size(), images_.data());
    for (int i = 0; i < n; ++i) {
      labels_[std::size_t(i)] = slot.labels[std::size_t(i)];
      index_[std::size_t(i)] = slot.index[std::size_t(i)];
    }
    ::pthread_mutex_lock(&mutex_);
    assign_slot(delivered_++ + prefetched);
    ::pthread_cond_broadcast(&work_available_);
    if (!damage.empty()) throw Error(damage);
    minibatch = {n, images_.data(), labels_.data(), index_.data()};
    return true;
  }

  /// Loads every picture once, which also fills the cache, and returns those that cannot be decoded, by their index.
  /// Throws an Error if a picture fails for another reason than its file, such as running out of memory.
  [[gnu::cold]] std::vector<DamagedPicture> find_damaged() {
    begin_epoch(sequential(int(folder_.size())));
    for (Minibatch each;;) {
      try {
        if (!next(each)) break;
      } catch (const Error&) {  // damaged_ has this picture, and others of the same minibatch
        Lock lock(mutex_);
        if (!failure_.empty()) throw Error(failure_);
      }
    }
    Lock lock(mutex_);
    std::vector<DamagedPicture> sorted;
    for (std::int64_t picture = 0; picture < folder_.size() && sorted.size() < damaged_.size(); ++picture)
      for (const DamagedPicture& each : damaged_)
        if (each.picture == picture) sorted.push_back(each);
    return sorted;
  }

  /// The number of minibatches in the current epoch; before the first epoch, in one over the whole folder.
  [[nodiscard]] int batches() const { return batches_; }

  /// See PictureCache::take_fault.
  [[nodiscard]] std::string take_cache_fault() { return cache_.take_fault(); }

 private:
  static constexpr int prefetched = 3;  // the number of minibatches loaded ahead

  struct Slot {
    std::vector<std::uint8_t> pictures;  // (N,3,H,W)
    std::vector<int> labels;
    std::vector<int> index;
    int n = 0;
    int remaining = 0;  // pictures that are not loaded yet
    int damaged = -1;   // index in the minibatch of the first damaged picture
    std::string damage;
  };
  struct Lock {
    explicit Lock(pthread_mutex_t& m) : mutex(m) { ::pthread_mutex_lock(&mutex); }
    Lock(const Lock&) = delete;
    ~Lock() { ::pthread_mutex_unlock(&mutex); }
    pthread_mutex_t& mutex;
  };

  [[nodiscard]] int batches_of(std::size_t pictures) const {
    return int((pictures + std::size_t(batch_) - 1) / std::size_t(batch_));
  }

  /// Assigns a slot to minibatch b and allows the threads to load pictures up to its end.
  [[gnu::cold]] void assign_slot(std::int64_t b) {
    const std::int64_t begin = b * batch_, end = begin + batch_, size = std::int64_t(order_.size());
    Slot& slot = slots_[b % prefetched];
    slot.n = int(begin >= size ? 0 : (end < size ? end : size) - begin);
    slot.remaining = slot.n;
    slot.damaged = -1;
    limit_ = end < size ? end : size;
  }

  [[gnu::cold]] void start(int threads) {
    // The threads block all signals, so that Ctrl-C interrupts the caller's thread.
    sigset_t all, old;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    threads_.resize(std::size_t(threads));
    int failure = 0;
    for (std::size_t t = 0; t < threads_.size() && failure == 0; ++t) {
      failure = ::pthread_create(
          &threads_[t], nullptr,
          [](void* self) -> void* {
            static_cast<Loader*>(self)->work();
            return nullptr;
          },
          this);
      if (failure != 0) threads_.resize(t);
    }
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (failure == 0) return;
    stop();
    throw Error({"cannot start ", threads, " threads for a loader: ", std::strerror(failure)});
  }

  [[gnu::cold]] void stop() {
    {
      Lock lock(mutex_);
      stopping_ = true;
      ::pthread_cond_broadcast(&work_available_);
    }
    for (const pthread_t thread : threads_) ::pthread_join(thread, nullptr);
    ::pthread_cond_destroy(&work_done_);
    ::pthread_cond_destroy(&work_available_);
    ::pthread_mutex_destroy(&mutex_);
  }

  /// The loop of a background thread: claims the next picture of the order and loads it without holding the lock.
  [[gnu::cold]] void work() {
    Lock lock(mutex_);
    for (;;) {
      while (!stopping_ && claimed_ >= limit_) ::pthread_cond_wait(&work_available_, &mutex_);
      if (stopping_) return;
      const std::int64_t position = claimed_++;
      const int picture = order_[std::size_t(position)];
      Slot& slot = slots_[position / batch_ % prefetched];
      const int n = int(position % batch_);
      ++busy_;
      ::pthread_mutex_unlock(&mutex_);
      bool file_at_fault = true;
      const std::string damage = fill(slot, n, picture, file_at_fault);
      ::pthread_mutex_lock(&mutex_);
      --busy_;
      --slot.remaining;
      if (!file_at_fault) failure_ = damage;
      if (!damage.empty() && file_at_fault) damaged_.push_back({picture, damage});
      if (!damage.empty() && (slot.damaged < 0 || n < slot.damaged)) {
        slot.damaged = n;
        slot.damage = damage;
      }
      if (slot.remaining == 0 || busy_ == 0) ::pthread_cond_broadcast(&work_done_);
    }
  }

  /// Loads a picture into index n of the slot. Returns the error message, or "" on success; `file_at_fault` says
  /// whether the file is the cause.
  [[gnu::cold]] std::string fill(Slot& slot, int n, int picture, bool& file_at_fault) {
    slot.labels[std::size_t(n)] = folder_.labels[std::size_t(picture)];
    slot.index[std::size_t(n)] = picture;
    std::uint8_t* out = slot.pictures.data() + n * image_.size();  // (3,H,W)
    if (cache_.read(picture, out)) return {};
    const std::string& path = folder_.paths[std::size_t(picture)];
    try {
      const Picture ready = resize_bilinear(decode_image(path), image_.w, image_.h);
      to_planes(ready.rgb.data(), image_.pixels(), out);
      cache_.write(picture, out);
    } catch (const Error& error) {
      return error.what();
    } catch (const std::bad_alloc&) {
      file_at_fault = false;
      return joined({"cannot load '", path, "': out of memory; free some, or use fewer threads"});
    } catch (const std::exception& error) {
      file_at_fault = false;
      return joined({"cannot load '", path, "': ", error.what()});
    }
    return {};
  }

  const ImageFolder& folder_;
  const Dims image_;
  const int batch_;
  PictureCache cache_;
  int batches_ = 0;
  Slot slots_[prefetched];
  std::vector<pthread_t> threads_;
  std::vector<float> images_;  // (N,3,H,W) of the minibatch the caller has
  std::vector<int> labels_, index_;

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t work_available_ = PTHREAD_COND_INITIALIZER;  // there are pictures to load, or the loader stops
  pthread_cond_t work_done_ = PTHREAD_COND_INITIALIZER;       // a minibatch is complete, or no thread is busy
  std::vector<int> order_;
  std::vector<DamagedPicture> damaged_;  // of this epoch, as they were found
  std::string failure_;                  // of this epoch: why a picture failed, if not because of its file
  std::int64_t claimed_ = 0;             // position in the order of the next picture to load
  std::int64_t limit_ = 0;               // the end of the positions that may be loaded now
  std::int64_t delivered_ = 0;           // minibatches returned by next
  int busy_ = 0;                         // threads that load a picture
  bool stopping_ = false;
};

}  // namespace tinycnn
