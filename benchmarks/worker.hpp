// The worker's side of the protocol in worker.py, for C++ programs: a process that computes only on request.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <tinycnn/tinycnn.hpp>

#include "bandwidth.hpp"
#include "operations.hpp"
#include "peak.hpp"

namespace bench {
using namespace tinycnn;

/// The command line. Input files hold raw little-endian numbers; `weights` is a safetensors file or empty.
struct Request {
  int threads = 1;
  int batch = 64;
  int repeats = 1;  // passes timed per request; if there are several, after a warm-up pass
  std::string images, labels, weights;
  std::string variant;  // for programs with several networks
};

inline Request read_request(int argc, char** argv) {
  Request r;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--threads") r.threads = std::atoi(argv[i + 1]);
    if (name == "--batch") r.batch = std::atoi(argv[i + 1]);
    if (name == "--repeats") r.repeats = std::atoi(argv[i + 1]);
    if (name == "--images") r.images = argv[i + 1];
    if (name == "--labels") r.labels = argv[i + 1];
    if (name == "--weights") r.weights = argv[i + 1];
    if (name == "--variant") r.variant = argv[i + 1];
  }
  return r;
}

template <class T>
std::vector<T> read_values(const std::string& path, long count) {
  const std::string bytes = read_file(path);
  if (bytes.size() != std::size_t(count) * sizeof(T))
    throw Error("'" + path + "' does not hold " + std::to_string(count) + " numbers");
  std::vector<T> values(static_cast<std::size_t>(count));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// The value of a line of /proc/self/status such as "VmHWM:", in 10^6 bytes.
inline double status_mb(const char* field) {
  double kib = 0;
  if (std::FILE* status = std::fopen("/proc/self/status", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr)
      if (std::strncmp(line, field, std::strlen(field)) == 0) kib = std::atof(line + std::strlen(field));
    std::fclose(status);
  }
  return kib * 1024 / 1e6;
}

/// Answers requests until `quit`. `Work` has pass(), result() (which is compared between systems), operations() of a
/// pass, and pool(); if it can do several kinds of work, also take().
template <class Work>
void serve(Work& work, int repeats) {
  std::puts("ready");
  std::fflush(stdout);
  char line[128];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    const std::string question(line, std::strcspn(line, "\n"));
    if (question == "step") {
      if (repeats > 1) work.pass();
      const double start = seconds_now();
      for (int i = 0; i < repeats; ++i) work.pass();
      std::printf("seconds %.9f", (seconds_now() - start) / repeats);
    } else if (question == "result") {
      std::printf("result");
      for (const float number : work.result()) std::printf(" %.9g", double(number));
    } else if (question == "work") {
      const Operations operations = work.operations();
      std::printf("gflop %.6f %.6f", operations.direct, operations.executed);
    } else if (question == "bandwidth") {
      std::printf("gbytes_per_s %.3f", copy_bandwidth(work.pool()));
    } else if (question == "peak") {
      std::printf("peak_gflops %.3f", peak_gflops(work.pool()));
    } else if (question == "clock") {
      work.pass();
      std::printf("peak_gflops %.3f", peak_gflops_now(work.pool()));
    } else if (question.starts_with("take ")) {
      if constexpr (requires { work.take(line); }) std::printf("taken %s", work.take(question.c_str() + 5).c_str());
    } else {
      std::printf("memory_mb %.1f %.1f", status_mb("VmHWM:"), status_mb("RssFile:"));
    }
    std::printf("\n");
    std::fflush(stdout);
    if (question == "quit") return;
  }
}

/// Runs the body of a program; turns an exception into a message and an exit status.
template <class Body>
int run_program(int argc, char** argv, Body body) {
  try {
    body(read_request(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
  return 0;
}

}  // namespace bench
