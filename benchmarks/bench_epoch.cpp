// Times HW3's epochs on a folder of JPEGs, and as many steps on one batch in memory. Prints `NAME NUMBER` lines for the
// case `epoch` of bench.py.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <tinycnn/core/clock.hpp>
#include <tinycnn/data/synthetic.hpp>

#include "../examples/networks/hw3_classifier.hpp"
#include "worker.hpp"

using namespace tinycnn;
using Model = Trainer<networks::Classifier, Image<3, 128, 128>, Batch<64>, CrossEntropy, Adam, Constant, Cpu<>>;

namespace {

struct EpochOptions {
  std::string data;     // empty: generated photographs in the scratch folder
  std::string scratch;  // the cache and the generated photographs
  int threads = 2;
  int rounds = 3;
};

/// The seconds of an epoch over the training pictures, in a new order each time.
double epoch_seconds(Model& model, Loader& loader, int pictures, std::uint64_t epoch) {
  const double start = seconds_now();
  loader.begin_epoch(shuffled(pictures, 6666, epoch));
  for (Minibatch batch; loader.next(batch);) model.step(batch);
  return seconds_now() - start;
}

/// The seconds of as many steps on this batch; the last step has as many samples as the last one of the epoch.
double steps_seconds(Model& model, const Minibatch& batch, int pictures) {
  const double start = seconds_now();
  for (int left = pictures; left > 0; left -= batch.n)
    model.step(batch.images, batch.labels, left < batch.n ? left : batch.n);
  return seconds_now() - start;
}

void run(const EpochOptions& options) {
  const std::string data = options.data.empty() ? options.scratch + "/generated_data" : options.data;
  if (options.data.empty()) make_synthetic(data);
  const std::string cache = options.scratch + "/train.pixels";
  std::remove(cache.c_str());
  const ImageFolder train_set = list_split(data, Split::train);
  const int pictures = int(train_set.size());
  check_labels(train_set, Model::classes);
  Model model({.optimizer = {.weight_decay = 1e-5},
               .schedule = {3e-4},
               .clip_norm = 10,
               .seed = 6666,
               .threads = options.threads});

  Loader resident(train_set, Model::graph.input, 64, options.threads);
  resident.begin_epoch(sequential(pictures));
  Minibatch batch;
  resident.next(batch);
  model.step(batch);

  Loader loader(train_set, Model::graph.input, 64, options.threads, cache);
  const double gflop = bench::network_operations<cpu::Native>(Model::graph, pictures, true).direct;
  std::printf("pictures %d\nsteps %d\ngflop %.6f\n", pictures, loader.batches(), gflop);
  std::printf("first_epoch_s %.4f\n", epoch_seconds(model, loader, pictures, 0));
  if (const std::string fault = loader.take_cache_fault(); !fault.empty()) throw Error(fault);
  for (int round = 1; round <= options.rounds; ++round) {
    std::printf("steps_alone_s %.4f\n", steps_seconds(model, batch, pictures));
    std::printf("cached_epoch_s %.4f\n", epoch_seconds(model, loader, pictures, std::uint64_t(round)));
    std::fflush(stdout);
  }
  std::printf("rss_mb %.1f\n", bench::status_mb("VmHWM:"));
  std::remove(cache.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  EpochOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--data") options.data = argv[i + 1];
    if (name == "--scratch") options.scratch = argv[i + 1];
    if (name == "--threads") options.threads = std::atoi(argv[i + 1]);
    if (name == "--rounds") options.rounds = std::atoi(argv[i + 1]);
  }
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_epoch: %s\n", error.what());
    return 1;
  }
}
