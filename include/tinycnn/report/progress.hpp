// The progress of an epoch on standard error: a bar on a terminal, otherwise a line every 30 seconds.
#pragma once

#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include <tinycnn/core/clock.hpp>

namespace tinycnn {

/// A progress bar over `batches` steps; shows nothing if quiet. The destructor clears the bar.
class Progress {
 public:
  [[gnu::cold]] Progress(std::string_view name, std::int64_t batches, bool quiet = false)
      : name_(name),
        batches_(batches),
        start_(seconds_now()),
        shown_(start_),
        terminal_(::isatty(STDERR_FILENO) != 0),
        quiet_(quiet) {}
  [[gnu::cold]] ~Progress() {
    if (terminal_ && drawn_) std::fprintf(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Call after each step, with its number of images and the loss and accuracy of the epoch so far.
  [[gnu::cold]] void step(int images, double loss, double accuracy) {
    if (quiet_) return;
    ++done_;
    images_ += images;
    const double now = seconds_now(), elapsed = now - start_;
    if (now - shown_ < (terminal_ ? 0.1 : 30.0) && done_ < batches_) return;
    if (!terminal_ && done_ == batches_) return;  // the caller logs the complete epoch
    shown_ = now;
    const double left = elapsed / double(done_) * double(batches_ - done_);
    const double rate = elapsed > 0 ? double(images_) / elapsed : 0;
    if (terminal_) {
      char bar[width + 1];
      for (int i = 0; i < width; ++i) bar[i] = i * batches_ < done_ * width ? '#' : '.';
      bar[width] = 0;
      std::fprintf(stderr, "\r\033[K%.*s [%s] %" PRId64 "/%" PRId64 "  loss %.4f  acc %.4f  %.1f images/s  %.0f s left",
                   int(name_.size()), name_.data(), bar, done_, batches_, loss, accuracy, rate, left);
      drawn_ = true;
    } else {
      std::fprintf(stderr, "%.*s %" PRId64 "/%" PRId64 "  loss %.4f  acc %.4f  %.1f images/s  %.0f s left\n",
                   int(name_.size()), name_.data(), done_, batches_, loss, accuracy, rate, left);
    }
    std::fflush(stderr);
  }

 private:
  static constexpr int width = 24;
  std::string_view name_;
  std::int64_t batches_, done_ = 0, images_ = 0;
  double start_, shown_;
  bool terminal_, quiet_, drawn_ = false;
};

}  // namespace tinycnn
