// The state of a run of hw3 between two starts: its flags, progress and pictures, saved as notes of the checkpoint.
#include "hw3_run.hpp"

#include <cstdio>
#include <limits>

using namespace tinycnn;

namespace {

std::string checkpoint_of(const Hw3Options& options) { return options.out + "/last.ckpt"; }

/// Calls visit(name, member, fixed) for each flag that a checkpoint saves. The fixed ones affect the weights, so they
/// must not change when the run is resumed.
template <class Options, class Visit>
void for_saved_flags(Options& o, Visit visit) {
  visit("--lr", o.lr, true);
  visit("--weight-decay", o.weight_decay, true);
  visit("--clip", o.clip, true);
  visit("--patience", o.patience, true);
  visit("--seed", o.seed, true);
  visit("--order", o.order, true);
  visit("--init", o.init, true);
  visit("--bad-images", o.bad_images, true);
  visit("--data", o.data, false);
  visit("--epochs", o.epochs, false);
  visit("--checkpoint-every", o.checkpoint_every, false);
  visit("--max-steps", o.max_steps, false);
}

template <class Value>
std::string text_of(const Value& value) {
  if constexpr (std::is_arithmetic_v<Value>)
    return shortest(value);
  else
    return value;
}

/// Reads the note `name` into `value`.
template <class Value>
void read_note(Value& value, const Notes& notes, const std::string& name, const std::string& path) {
  if constexpr (std::is_arithmetic_v<Value>)
    value = notes.number<Value>(name, path, std::numeric_limits<Value>::lowest(), std::numeric_limits<Value>::max());
  else if (const std::string* text = notes.find(name))
    value = *text;
  else
    throw Error("'" + path + "' is no checkpoint of hw3: its note '" + name + "' is missing");
}

/// Identifies a set of pictures: their number, and a checksum of their names and labels in order.
std::string fingerprint(const Hw3Pictures& pictures) {
  std::uint64_t sum = 0xcbf29ce484222325;  // FNV-1a
  for (const int i : pictures.usable) {
    const std::string text = base_name(pictures.folder.paths[std::size_t(i)]) + '\n' +
                             std::to_string(pictures.folder.labels[std::size_t(i)]);
    for (const char letter : text) sum = (sum ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  char text[48];
  std::snprintf(text, sizeof text, "%zu pictures %016llx", pictures.usable.size(),
                static_cast<unsigned long long>(sum));
  return text;
}

/// Decoding is a small part of the work: a few threads are enough.
int loader_threads(const Hw3Options& options) { return options.threads < 4 ? options.threads : 4; }

}  // namespace

Hw3Pictures::Hw3Pictures(const std::string& split, ImageFolder&& list, const Hw3Options& options)
    : name(split),
      folder(std::move(list)),
      loader(folder, Dims{3, 128, 128}, hw3_batch_size, loader_threads(options), options.out + "/" + split + ".pixels"),
      usable(sequential(int(folder.size()))) {}

std::vector<int> Hw3Pictures::training_order(const Hw3Options& options, int epoch) const {
  if (options.order != "shuffled") return usable;
  std::vector<int> order = shuffled(int(usable.size()), options.seed, std::uint64_t(epoch));
  for (int& position : order) position = usable[std::size_t(position)];
  return order;
}

std::vector<std::string> Hw3Pictures::usable_paths() const {
  std::vector<std::string> paths;
  for (const int i : usable) paths.push_back(folder.paths[std::size_t(i)]);
  return paths;
}

void check_pictures(const std::vector<Hw3Pictures*>& splits, const Hw3Options& options) {
  std::size_t damaged = 0;
  for (Hw3Pictures* split : splits) {
    const std::vector<DamagedPicture> found = split->loader.find_damaged();
    damaged += found.size();
    split->usable.clear();
    std::size_t next = 0;
    for (int i = 0; i < split->folder.size(); ++i) {
      if (next == found.size() || found[next].picture != i)
        split->usable.push_back(i);
      else
        std::fprintf(stderr, "%s: %s\n", split->name.c_str(), found[next++].why.c_str());
    }
  }
  if (damaged != 0 && options.bad_images == "stop")
    throw Error(std::to_string(damaged) + (damaged == 1 ? " picture is damaged" : " pictures are damaged") +
                "; fix or remove those listed above, or skip them with --bad-images skip");
  for (const Hw3Pictures* split : splits)
    if (split->usable.empty()) throw Error("every picture of the split '" + split->name + "' is damaged");
}

bool resume_run(Hw3Options& options, Hw3Progress& progress) {
  const std::string path = checkpoint_of(options);
  if (!options.resume || !path_exists(path)) {
    for (const char* name : {"last.ckpt", "best.safetensors", "submission.csv", "logits.npy"})
      if (path_exists(options.out + '/' + name))
        throw Error("'" + options.out + "' holds a run already (" + name + "): " +
                    (options.resume ? "but no last.ckpt to resume from; choose another folder with --out"
                                    : "continue it with --resume, or choose another folder with --out"));
    progress.stopping.patience = options.patience;
    return false;
  }
  const Notes notes = read_notes(path);
  for_saved_flags(options, [&](const char* name, auto& value, bool fixed) {
    auto known = value;
    read_note(known, notes, name, path);
    if (!options.was_given(name))
      value = known;
    else if (fixed && value != known)
      throw Error("cannot resume '" + options.out + "': it was begun with " + name + " '" + text_of(known) +
                  "', not '" + text_of(value) + "'; leave the flag out, or choose another folder with --out");
  });

  constexpr long most = 1L << 40;
  progress.epoch = notes.number<int>("epoch", path, 1, 1 << 30);
  progress.train.images = notes.number<long>("images", path, 0, most);
  progress.train.batches = notes.number<long>("batches", path, 0, most);
  progress.train.correct = notes.number<long>("hits", path, 0, most);
  progress.train.loss_sum = notes.number<double>("loss_sum", path, -1e300, 1e300);
  progress.train.batch_accuracy_sum = notes.number<double>("batch_accuracies", path, 0, 1e300);
  progress.rate = notes.number<double>("rate", path, 0, 1e300);
  progress.stopping.patience = options.patience;
  progress.stopping.best = notes.number<double>("best", path, -1, 1);
  progress.stopping.stale = notes.number<int>("stale", path, 0, 1 << 30);
  return true;
}

Notes notes_of(const Hw3Options& options, const Hw3Progress& progress, const Hw3Pictures& train,
               const Hw3Pictures& valid) {
  Notes notes;
  for_saved_flags(options, [&](const char* name, const auto& value, bool) { notes.add(name, text_of(value)); });
  notes.add("train", fingerprint(train));
  notes.add("valid", fingerprint(valid));
  notes.add("epoch", progress.epoch);
  notes.add("images", progress.train.images);
  notes.add("batches", progress.train.batches);
  notes.add("hits", progress.train.correct);
  notes.add("loss_sum", progress.train.loss_sum);
  notes.add("batch_accuracies", progress.train.batch_accuracy_sum);
  notes.add("rate", progress.rate);
  notes.add("best", progress.stopping.best);
  notes.add("stale", progress.stopping.stale);
  return notes;
}

void check_same_pictures(const Hw3Options& options, const Hw3Pictures& train, const Hw3Pictures& valid) {
  const std::string path = checkpoint_of(options);
  const Notes notes = read_notes(path);
  for (const Hw3Pictures* split : {&train, &valid}) {
    std::string known;
    read_note(known, notes, split->name, path);
    if (const std::string now = fingerprint(*split); now != known)
      throw Error("cannot resume '" + options.out + "': its split '" + split->name + "' was " + known + ", now it is " +
                  now + "; use the data it was begun with (--data), or choose another folder with --out");
  }
}
