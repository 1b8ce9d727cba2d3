// The Cpu backend's Linear kernels against plain loops in double, written here from the equations.
#include <doctest/doctest.h>
#include <tinycnn/backends/cpu/linear/passes.hpp>
#include <tinycnn/backends/cpu/thread_pool.hpp>

#include <cstring>
#include <vector>

#include "../support/aligned_floats.hpp"

namespace {

using namespace tinycnn;
using namespace tinycnn::cpu;
using Isa = Native;

TEST_CASE("linear: three passes equal plain loops on any number of threads") {
  const LinearShape shapes[] = {{1, 1, 1}, {37, 11, 5}, {300, 130, 9}, {70, 1100, 3}, {4200, 37, 4}, {17, 65, 150}};
  for (const LinearShape& s : shapes) {
    CAPTURE(s.in);
    const int n = s.capacity > 4 ? s.capacity - 1 : s.capacity;
    AlignedFloats x(long(n) * s.in), w(long(s.in) * s.out), b(s.out), dy(long(n) * s.out);
    x.fill(1), w.fill(2), b.fill(3), dy.fill(4);
    std::vector<double> y(std::size_t(dy.size)), dx(std::size_t(x.size)), dw(std::size_t(w.size)),
        db(std::size_t(s.out));
    for (int i = 0; i < n; ++i)
      for (int o = 0; o < s.out; ++o) {
        const std::size_t at = std::size_t(i * s.out + o);
        y[at] = b.data[o];
        db[std::size_t(o)] += dy.data[at];
        for (int k = 0; k < s.in; ++k) {
          y[at] += double(x.data[i * s.in + k]) * w.data[k * s.out + o];
          dx[std::size_t(i * s.in + k)] += double(dy.data[at]) * w.data[k * s.out + o];
          dw[std::size_t(k * s.out + o)] += double(dy.data[at]) * x.data[i * s.in + k];
        }
      }
    AlignedFloats first(dy.size + x.size + w.size + s.out);
    for (const int threads : {1, 2, 5}) {
      ThreadPool pool(threads);
      AlignedFloats scratch(threads * linear_scratch_floats<Isa>(s)), workspace(linear_workspace_floats<Isa>(s)),
          got(first.size);
      float* const got_y = got.data;
      float* const got_dx = got_y + dy.size;
      float* const got_dw = got_dx + x.size;
      float* const got_db = got_dw + w.size;
      linear_forward<Isa>(s, n, x.data, w.data, nullptr, b.data, false, got_y, pool, scratch.data);
      AlignedFloats packed(linear_packed_floats<Isa>(s)), packed_y(dy.size), one_y(dy.size);
      linear_pack<Isa>(s, w.data, packed.data, pool);
      linear_forward<Isa>(s, n, x.data, nullptr, packed.data, b.data, false, packed_y.data, pool, scratch.data);
      for (int i = 0; i < n; ++i)
        linear_forward<Isa>(s, 1, x.data + i * s.in, nullptr, packed.data, b.data, false, one_y.data + i * s.out, pool,
                            scratch.data);
      CHECK(std::memcmp(packed_y.data, got_y, sizeof(float) * std::size_t(dy.size)) == 0);
      CHECK(std::memcmp(one_y.data, got_y, sizeof(float) * std::size_t(dy.size)) == 0);
      linear_input_gradient<Isa>(s, n, dy.data, w.data, nullptr, got_dx, pool, scratch.data, workspace.data);
      linear_weight_gradient<Isa>(s, n, x.data, dy.data, got_dw, got_db, pool, scratch.data, workspace.data);
      if (threads == 1) {
        check_close(got_y, y, 5e-6);
        check_close(got_dx, dx, 5e-6);
        check_close(got_dw, dw, 2e-5);
        check_close(got_db, db, 2e-5);
        std::memcpy(first.data, got.data, sizeof(float) * std::size_t(first.size));
      }
      CHECK(std::memcmp(first.data, got.data, sizeof(float) * std::size_t(first.size)) == 0);
    }
  }
}

}  // namespace
