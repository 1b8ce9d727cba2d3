// One pass of one convolution, chosen by the case `layers`, through the interface that fused ops use; or a training
// step of blocks of a convolution and what is fused with it.
#include <cstdint>
#include <memory>

#include "worker.hpp"

namespace bench {
namespace {
using namespace tinycnn::cpu;

enum Pass { forward, input_gradient, weight_gradient };

class ConvolutionPass {
 public:
  virtual ~ConvolutionPass() = default;
  virtual void run() = 0;
  [[nodiscard]] virtual Operations operations() const = 0;
  [[nodiscard]] virtual std::string_view algorithm() const = 0;
  /// The memory traffic that a pass needs at least, each element of x and y once, in 10^9 bytes.
  [[nodiscard]] virtual double gbytes() const = 0;
};

/// Holds the tensors of all three passes. `Convolution` selects the family of kernels, as for the fused ops in cpu.hpp.
template <class Convolution>
class PassOf final : public ConvolutionPass {
  using Isa = typename Convolution::Isa;

 public:
  PassOf(const ConvolutionShape& s, int n, Pass pass, ThreadPool& pool)
      : n_(n),
        pass_(pass),
        pool_(pool),
        c_(s),
        x_(n * s.x.size()),
        y_(n * s.y.size()),
        w_(s.weights()),
        bias_(s.y.c),
        packed_(pass == forward ? c_.packed_forward() : c_.packed_input_gradient()),
        workspace_(c_.weight_gradient_workspace()),
        scratch_(pool.size() *
                 larger(c_.forward_scratch(1), larger(c_.input_gradient_scratch(), c_.weight_gradient_scratch()))) {
    fill(x_, 1);
    fill(y_, 2);
    fill(w_, 3);
  }

  /// Includes packing the weights, which is part of each pass of a training step.
  void run() override {
    if (pass_ == forward) {
      c_.pack(w_.data(), packed_.data(), pool_);
      c_.forward(n_, TensorSource<Isa>{x_.data(), c_.s.x}, packed_.data(), store(y_, c_.s.y, bias_.data()), pool_,
                 scratch_.data());
    } else if (pass_ == input_gradient) {
      c_.pack_transposed(w_.data(), packed_.data(), pool_);
      c_.input_gradient(n_, TensorSource<Isa>{y_.data(), c_.s.y}, packed_.data(), store(x_, c_.s.x, nullptr), pool_,
                        scratch_.data());
    } else {
      c_.weight_gradient(n_, TensorSource<Isa>{x_.data(), c_.s.x}, TensorSource<Isa>{y_.data(), c_.s.y}, w_.data(),
                         bias_.data(), pool_, scratch_.data(), workspace_.data());
    }
  }
  [[nodiscard]] Operations operations() const override { return convolution_operations(c_, n_); }
  [[nodiscard]] std::string_view algorithm() const override { return c_.variant().empty() ? "direct" : c_.variant(); }
  [[nodiscard]] double gbytes() const override { return 4e-9 * double(x_.size() + y_.size()); }

 private:
  static void fill(const Buffer<float>& values, std::uint32_t seed) {
    for (long i = 0; i < values.size(); ++i) {
      seed = seed * 1664525u + 1013904223u;
      values[i] = float(seed >> 8) * (2.0f / 16777216.0f) - 1.0f;
    }
  }
  [[nodiscard]] StoreEpilogue<Isa> store(const Buffer<float>& y, const Dims& dims, const float* bias) const {
    StoreEpilogue<Isa> epilogue;
    epilogue.y = y.data();
    epilogue.dims = dims;
    epilogue.bias = bias;
    epilogue.past_caches = streams<Isa>(y.data(), dims, n_, c_.s.groups);
    return epilogue;
  }

  int n_;
  Pass pass_;
  ThreadPool& pool_;
  Convolution c_;
  Buffer<float> x_, y_;     // (N,H,W,C), (N,P,Q,O)
  Buffer<float> w_, bias_;  // (R,S,C/groups,O), (O); in the weight gradient's pass, their gradients
  Buffer<float> packed_, workspace_, scratch_;
};

/// A training step of four equal blocks that start with a convolution, on images of `Side` x `Side` pixels.
template <int Channels, int Side, class... Rest>
class BlocksStep final : public ConvolutionPass {
 public:
  explicit BlocksStep(int threads)
      : trainer_({.schedule = {1e-4}, .threads = threads}), images_(batch * Channels * Side * Side) {
    for (long i = 0; i < images_.size(); ++i) images_[i] = 2 * tinycnn::uniform(1, 1, std::uint64_t(i)) - 1;
  }
  void run() override { trainer_.step(images_.data(), labels_, batch); }
  [[nodiscard]] Operations operations() const override {
    return network_operations<Native>(Training::graph, batch, true);
  }
  [[nodiscard]] std::string_view algorithm() const override { return "step"; }
  [[nodiscard]] double gbytes() const override { return 0; }

 private:
  static constexpr int batch = 64;
  using Block = tinycnn::Sequential<tinycnn::Conv2d<Channels, Channels, 3, tinycnn::Padding<1>>, Rest...>;
  using Net = tinycnn::Sequential<Block, Block, Block, Block, tinycnn::GlobalAvgPool, tinycnn::Flatten,
                                  tinycnn::Linear<Channels, 10>>;
  using Training = tinycnn::Trainer<Net, tinycnn::Image<Channels, Side, Side>, tinycnn::Batch<batch>,
                                    tinycnn::CrossEntropy, tinycnn::Adam, tinycnn::Constant, tinycnn::Cpu<>>;
  Training trainer_;
  Buffer<float> images_;
  int labels_[batch] = {};
};

class Layers {
 public:
  explicit Layers(const Request& r) : pool_(r.threads) {}

  /// "C H W O kernel stride padding dilation groups N pass"
  /// Or "blocks CHANNELS KIND": 0 Conv+BatchNorm+ReLU, 1 Conv+ReLU, 2 Conv+BatchNorm+SiLU, of 64 channels on 32 x 32
  /// pixels or 256 channels on 16 x 16.
  std::string take(const char* question) {
    int channels, kind;
    if (std::sscanf(question, "blocks %d %d", &channels, &kind) == 2) {
      pass_.reset();
      pass_ = channels == 64 ? blocks<64, 32>(kind) : blocks<256, 16>(kind);
      return "0 step";
    }
    int c, h, w, o, kernel, stride, padding, dilation, groups, n, pass;
    if (std::sscanf(question, "%d %d %d %d %d %d %d %d %d %d %d", &c, &h, &w, &o, &kernel, &stride, &padding, &dilation,
                    &groups, &n, &pass) != 11)
      throw Error(std::string("eleven numbers make a convolution's pass, not '") + question + "'");
    const Window window{kernel, stride, padding, dilation};
    const ConvolutionShape s{{c, h, w, false}, window.output(o, {c, h, w, false}), window, groups};
    pass_.reset();
    if (is_depthwise(s))
      pass_ = std::make_unique<PassOf<DepthwiseConvolution<Native>>>(s, n, Pass(pass), pool_);
    else
      pass_ = std::make_unique<PassOf<DenseConvolution<Native>>>(s, n, Pass(pass), pool_);
    char answer[64];
    std::snprintf(answer, sizeof answer, "%.6f %s", pass_->gbytes(), pass_->algorithm().data());
    return answer;
  }
  void pass() { pass_->run(); }
  [[nodiscard]] std::vector<float> result() const { return {}; }
  [[nodiscard]] Operations operations() const { return pass_->operations(); }
  ThreadPool& pool() { return pool_; }

 private:
  template <int Channels, int Side>
  std::unique_ptr<ConvolutionPass> blocks(int kind) {
    using Norm = tinycnn::BatchNorm<Channels>;
    if (kind == 0) return std::make_unique<BlocksStep<Channels, Side, Norm, tinycnn::ReLU>>(pool_.size());
    if (kind == 1) return std::make_unique<BlocksStep<Channels, Side, tinycnn::ReLU>>(pool_.size());
    return std::make_unique<BlocksStep<Channels, Side, Norm, tinycnn::SiLU>>(pool_.size());
  }

  ThreadPool pool_;
  std::unique_ptr<ConvolutionPass> pass_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv, [](const bench::Request& request) {
    bench::Layers layers(request);
    bench::serve(layers, request.repeats);
  });
}
