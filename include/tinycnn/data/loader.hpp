// Minibatches of pictures, made ahead on background threads. Their bits depend neither on the number of threads nor on
// whether a picture was decoded or came from the cache.
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
#include <tinycnn/data/picture_cache.hpp>
#include <tinycnn/data/shuffle.hpp>
#include <tinycnn/vision/decode.hpp>
#include <tinycnn/vision/image.hpp>
#include <tinycnn/vision/resize.hpp>

namespace tinycnn {

/// What `Loader::next` hands out; it stays valid until the next call of `next` or `begin_epoch`.
struct Minibatch {
  int n = 0;
  const float* images = nullptr;  // (N,C,H,W), a byte / 255 as torchvision's ToTensor
  const int* labels = nullptr;    // (N)
  const int* index = nullptr;     // (N), positions in the folder
};

/// A picture that no minibatch can hold.
struct DamagedPicture {
  int picture = 0;  // its position in the folder
  std::string why;  // a sentence that names the file
};

/// Visits a folder in a given order, in minibatches; the last one of an epoch holds what remains. The folder must
/// outlive the loader. One thread calls its functions.
class Loader {
 public:
  /// Pictures are resized to `image`, which must have 3 channels. Memory is allocated here, once: three minibatches of
  /// bytes and one of floats. `cache`, if given, is the file of a `PictureCache`, made where it does not exist.
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
  ~Loader() { stop(); }

  /// Starts over with these positions in the folder, in this order; what was decoded ahead is dropped.
  [[gnu::cold]] void begin_epoch(const std::vector<int>& order) {
    for (const int i : order)
      if (i < 0 || i >= folder_.size())
        throw Error({"an epoch's order holds ", i, ", but the folder has ", folder_.size(), " pictures"});
    Lock lock(mutex_);
    claimed_ = long(order_.size());  // no thread takes a picture of the old epoch any more
    while (busy_ > 0) ::pthread_cond_wait(&finished_, &mutex_);
    order_ = order;
    damages_.clear();
    failure_.clear();
    batches_ = batches_of(order.size());
    claimed_ = 0;
    delivered_ = 0;
    for (int b = 0; b < prefetched; ++b) prepare(b);
    ::pthread_cond_broadcast(&room_);
  }

  /// The next minibatch of the epoch, false after the last. A picture that cannot be decoded is an Error here, naming
  /// its file, when its minibatch is due; a further call goes on with the minibatch after it.
  bool next(Minibatch& minibatch) {
    Lock lock(mutex_);
    if (delivered_ >= batches_of(order_.size())) return false;
    Slot& slot = slots_[delivered_ % prefetched];
    while (slot.missing > 0) ::pthread_cond_wait(&finished_, &mutex_);
    const int n = slot.n;
    const std::string damage = slot.damaged >= 0 ? slot.damage : std::string();
    ::pthread_mutex_unlock(&mutex_);  // nobody else touches a finished slot
    if (damage.empty()) to_floats(slot.pictures.data(), n * image_.size(), images_.data());
    for (int i = 0; i < n; ++i) {
      labels_[std::size_t(i)] = slot.labels[std::size_t(i)];
      index_[std::size_t(i)] = slot.index[std::size_t(i)];
    }
    ::pthread_mutex_lock(&mutex_);
    prepare(delivered_++ + prefetched);
    ::pthread_cond_broadcast(&room_);
    if (!damage.empty()) throw Error(damage);
    minibatch = {n, images_.data(), labels_.data(), index_.data()};
    return true;
  }

  /// Makes every picture once, so that a cache holds them, and lists those that cannot be made. An Error where one
  /// could not be made for another reason than its file, as memory that ran out.
  [[gnu::cold]] std::vector<DamagedPicture> find_damaged() {
    begin_epoch(sequential(int(folder_.size())));
    for (Minibatch each;;) {
      try {
        if (!next(each)) break;
      } catch (const Error&) {  // it is in the list, too, with the others of its minibatch
        Lock lock(mutex_);
        if (!failure_.empty()) throw Error(failure_);
      }
    }
    Lock lock(mutex_);
    std::vector<DamagedPicture> sorted;
    for (long picture = 0; picture < folder_.size() && sorted.size() < damages_.size(); ++picture)
      for (const DamagedPicture& each : damages_)
        if (each.picture == picture) sorted.push_back(each);
    return sorted;
  }

  /// Minibatches of an epoch: of the one begun, or of the whole folder before the first.
  [[nodiscard]] int batches() const { return batches_; }

  /// Once, a sentence for the log if the cache cannot be used; otherwise "".
  [[nodiscard]] std::string take_cache_fault() { return cache_.take_fault(); }

 private:
  static constexpr int prefetched = 3;  // minibatches being made before they are asked for

  struct Slot {
    std::vector<std::uint8_t> pictures;  // (N,3,H,W)
    std::vector<int> labels;
    std::vector<int> index;
    int n = 0;
    int missing = 0;   // pictures still to be made
    int damaged = -1;  // the first one that could not be made
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

  /// Makes minibatch b's slot ready to be filled and lets the threads go on to its end.
  void prepare(long b) {
    const long begin = b * batch_, end = begin + batch_, size = long(order_.size());
    Slot& slot = slots_[b % prefetched];
    slot.n = int(begin >= size ? 0 : (end < size ? end : size) - begin);
    slot.missing = slot.n;
    slot.damaged = -1;
    limit_ = end < size ? end : size;
  }

  [[gnu::cold]] void start(int threads) {
    // Signals are the caller's: the threads must not be the ones that Ctrl-C interrupts.
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
      ::pthread_cond_broadcast(&room_);
    }
    for (const pthread_t thread : threads_) ::pthread_join(thread, nullptr);
    ::pthread_cond_destroy(&finished_);
    ::pthread_cond_destroy(&room_);
    ::pthread_mutex_destroy(&mutex_);
  }

  /// A thread's life: claim the next picture of the order, make it without the lock, report it.
  void work() {
    Lock lock(mutex_);
    for (;;) {
      while (!stopping_ && claimed_ >= limit_) ::pthread_cond_wait(&room_, &mutex_);
      if (stopping_) return;
      const long position = claimed_++;
      const int picture = order_[std::size_t(position)];
      Slot& slot = slots_[position / batch_ % prefetched];
      const int n = int(position % batch_);
      ++busy_;
      ::pthread_mutex_unlock(&mutex_);
      bool by_file = true;
      const std::string damage = fill(slot, n, picture, by_file);
      ::pthread_mutex_lock(&mutex_);
      --busy_;
      --slot.missing;
      if (!by_file) failure_ = damage;
      if (!damage.empty() && by_file) damages_.push_back({picture, damage});
      if (!damage.empty() && (slot.damaged < 0 || n < slot.damaged)) {
        slot.damaged = n;
        slot.damage = damage;
      }
      if (slot.missing == 0 || busy_ == 0) ::pthread_cond_broadcast(&finished_);
    }
  }

  /// Puts a picture into place n of the slot. Returns what went wrong, nothing if all is well; `by_file` says whether
  /// the file is to blame.
  [[gnu::cold]] std::string fill(Slot& slot, int n, int picture, bool& by_file) {
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
      by_file = false;
      return joined({"cannot load '", path, "': out of memory; free some, or use fewer threads"});
    } catch (const std::exception& error) {
      by_file = false;
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
  pthread_cond_t room_ = PTHREAD_COND_INITIALIZER;      // there are pictures to make, or the loader stops
  pthread_cond_t finished_ = PTHREAD_COND_INITIALIZER;  // a minibatch is complete, or no thread is at work
  std::vector<int> order_;
  std::vector<DamagedPicture> damages_;  // of this epoch, as they were found
  std::string failure_;                  // of this epoch: a picture that failed for another reason than its file
  long claimed_ = 0;                     // position in the order of the next picture to make
  long limit_ = 0;                       // and the position up to which there is room
  long delivered_ = 0;                   // minibatches handed out
  int busy_ = 0;                         // threads making one
  bool stopping_ = false;
};

}  // namespace tinycnn
