// Prints the version of tinycnn it was compiled with.
#include <tinycnn/tinycnn.hpp>

#include <cstdio>

int main() {
  std::printf("tinycnn %d.%d.%d\n", TINYCNN_VERSION / 10000, TINYCNN_VERSION / 100 % 100, TINYCNN_VERSION % 100);
}
