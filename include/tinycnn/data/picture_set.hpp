// A folder of pictures as the data of a run: a loader, the pictures that are not damaged, and the order of each epoch.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <tinycnn/data/fingerprint.hpp>
#include <tinycnn/data/loader.hpp>

namespace tinycnn {

/// Labelled pictures in minibatches, in the folder's order, or shuffled anew each epoch. It is a data source for
/// `Run::fit`; `loader` is for a loop of one's own. Only one thread at a time may call its functions.
class PictureSet {
 public:
  using Batch = Minibatch;

  /// The arguments are those of Loader; `name` is for messages.
  [[gnu::cold]] PictureSet(std::string name, ImageFolder folder, Dims image, int batch, int threads,
                           const std::string& cache = {})
      : name_(std::move(name)),
        folder_(std::move(folder)),
        loader(folder_, image, batch, threads, cache),
        usable_(sequential(int(folder_.size()))) {}

  /// Shuffles each epoch anew, by seed and epoch.
  void shuffle(std::uint64_t seed) {
    shuffled_ = true;
    seed_ = seed;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const ImageFolder& folder() const { return folder_; }
  /// The indices in the folder of the pictures that are used, in the folder's order.
  [[nodiscard]] const std::vector<int>& usable() const { return usable_; }
  /// Their number.
  [[nodiscard]] std::int64_t size() const { return std::int64_t(usable_.size()); }
  [[nodiscard]] std::int64_t skipped() const { return folder_.size() - size(); }
  [[nodiscard]] [[gnu::cold]] std::vector<std::string> paths() const {
    std::vector<std::string> paths;
    for (const int i : usable_) paths.push_back(folder_.paths[std::size_t(i)]);
    return paths;
  }
  /// Names the set for the checkpoint: the number of pictures, and a checksum of their names and labels in order.
  [[nodiscard]] [[gnu::cold]] std::string identity() const {
    Fingerprint sum;
    for (const int i : usable_)
      sum.add(joined({base_name(folder_.paths[std::size_t(i)]), "\n", folder_.labels[std::size_t(i)]}));
    return joined({size(), " pictures ", sum.text()});
  }

  /// Decodes all pictures once, prints the damaged ones on stderr and leaves them out from now on. Returns their
  /// number.
  [[gnu::cold]] std::int64_t drop_damaged() {
    const std::vector<DamagedPicture> found = loader.find_damaged();
    usable_.clear();
    std::size_t next = 0;
    for (int i = 0; i < folder_.size(); ++i) {
      if (next == found.size() || found[next].picture != i)
        usable_.push_back(i);
      else
        std::fprintf(stderr, "%s: %s\n", name_.c_str(), found[next++].why.c_str());
    }
    return std::int64_t(found.size());
  }

  /// Begins an epoch (from 1 on) after its first `skip` pictures.
  [[gnu::cold]] void begin_epoch(int epoch, std::int64_t skip = 0) {
    std::vector<int> order = usable_;
    if (shuffled_) {
      order = shuffled(int(size()), seed_, std::uint64_t(epoch));
      for (int& position : order) position = usable_[std::size_t(position)];
    }
    order.erase(order.begin(), order.begin() + std::ptrdiff_t(skip < size() ? skip : size()));
    loader.begin_epoch(order);
  }
  bool next(Minibatch& batch) { return loader.next(batch); }
  [[nodiscard]] std::int64_t batches() const { return loader.batches(); }

 private:
  const std::string name_;
  const ImageFolder folder_;

 public:
  Loader loader;

 private:
  std::vector<int> usable_;
  bool shuffled_ = false;
  std::uint64_t seed_ = 0;
};

/// Decodes all pictures of the sets once, prints the damaged ones on stderr and leaves them out. Throws an Error if
/// there are any and `skip` is false, and if all pictures of a set are damaged. `advice` says how to skip them.
[[gnu::cold]] inline void drop_damaged(std::initializer_list<PictureSet*> sets, bool skip, const char* advice) {
  std::int64_t damaged = 0;
  for (PictureSet* set : sets) damaged += set->drop_damaged();
  if (damaged != 0 && !skip)
    throw Error({damaged, damaged == 1 ? " picture is damaged" : " pictures are damaged",
                 "; fix or remove those listed above, or ", advice});
  for (const PictureSet* set : sets)
    if (set->size() == 0) throw Error({"every picture of the split '", set->name(), "' is damaged"});
}

}  // namespace tinycnn
