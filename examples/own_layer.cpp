// A custom layer, loss, optimizer and schedule: checks the gradients by finite differences, then trains.
#include <tinycnn/tinycnn.hpp>

#include <cmath>
#include <cstdio>

using namespace tinycnn;

inline constexpr Kind swish{.name = "Swish"};

/// y = x sigmoid(beta x) with one learned beta per channel (Ramachandran, Zoph, Le: "Searching for activation
/// functions", 2017). beta is initially 1, as in torch.nn.SiLU. x, y (Channels, H, W); parameter: beta (Channels).
template <int Channels>
struct Swish {
  static constexpr const Kind& kind = swish;

  static constexpr const Mistake* accepts(Dims x) {
    if (x.flat) return &mistakes::wants_image;
    return x.c == Channels ? nullptr : &mistakes::wrong_channels;
  }
  static constexpr Dims wants(Dims x) { return {Channels, x.flat ? 0 : x.h, x.flat ? 0 : x.w, false}; }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr long macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList& list) { list.channel("beta", Channels, ones); }

  template <class T>
  static void forward(const OwnCall<T>& call) {
    const Dims d = call.x.dims;
    const ParameterView<const T> beta = call.parameters[0];  // (C)
    for (int n = 0; n < call.n; ++n)
      for (int c = 0; c < d.c; ++c)
        for (int h = 0; h < d.h; ++h)
          for (int w = 0; w < d.w; ++w)
            call.out(n, c, h, w) = call.x(n, c, h, w) * sigmoid(beta(c) * call.x(n, c, h, w));
  }

  template <class T>
  static void backward(const OwnCall<T>& call) {
    const Dims d = call.x.dims;
    const ParameterView<const T> beta = call.parameters[0];  // (C)
    const ParameterView<T> dbeta = call.gradients[0];        // (C)
    for (int c = 0; dbeta.wanted() && c < d.c; ++c) dbeta(c) = 0;
    for (int n = 0; n < call.n; ++n)
      for (int c = 0; c < d.c; ++c)
        for (int h = 0; h < d.h; ++h)
          for (int w = 0; w < d.w; ++w) {
            const T x = call.x(n, c, h, w), dy = call.dy(n, c, h, w), s = sigmoid(beta(c) * x);
            if (call.dx.data != nullptr) call.dx(n, c, h, w) = dy * (s + beta(c) * x * s * (1 - s));
            if (dbeta.wanted()) dbeta(c) += dy * x * x * s * (1 - s);
          }
  }

 private:
  template <class T>
  static T sigmoid(T x) {
    return 1 / (1 + std::exp(-x));
  }
};

inline constexpr Kind mix_channels{.name = "MixChannels"};

/// An option of MixChannels: the number of blocks on W's diagonal. Everything outside of them is 0.
template <int B>
struct Blocks {};

struct MixChannelsOptions : LayerOptions {
  int blocks = 1;
  bool bias = true;

  template <int B>
  constexpr void set(Blocks<B>) {
    blocks = B;
  }
  constexpr void set(NoBias) { bias = false; }
};

/// A mistake that only MixChannels makes, and its compile error.
inline constexpr Mistake blocks_do_not_divide{};
template <int Index, class... Where>
struct tinycnn::Layer_number<blocks_do_not_divide, Index, Where...> {
  static_assert(Index < 0, "the blocks of MixChannels must divide its channels");
};

/// y = x + W x + b at every pixel, across the channels, where W is block-diagonal. x, y (Channels, H, W).
/// Options: Blocks<1>, NoBias. Parameters: weight (Channels, Channels / blocks), the rows of W without the zeros, and
/// bias (Channels).
template <int Channels, class... Choices>
struct MixChannels {
  static constexpr const Kind& kind = mix_channels;
  static constexpr const Chosen<MixChannelsOptions>* chosen = &chosen_options<MixChannelsOptions, Choices...>;
  static constexpr const MixChannelsOptions* options = &chosen->options;
  static constexpr int width = options->blocks < 1 ? 0 : Channels / options->blocks;  // channels of a block

  static constexpr const Mistake* accepts(Dims x) {
    if (chosen->mistake != nullptr) return chosen->mistake;
    if (options->blocks < 1 || Channels % options->blocks != 0) return &blocks_do_not_divide;
    return Swish<Channels>::accepts(x);
  }
  static constexpr Dims wants(Dims x) { return Swish<Channels>::wants(x); }
  static constexpr Dims output(Dims x) { return x; }
  static constexpr long macs(Dims x) { return x.pixels() * Channels * width; }
  static constexpr void parameters(ParameterList& list) {
    list.matrix("weight", Channels, width, uniform_by_fan_in(width));
    if (options->bias) list.channel("bias", Channels, zeros);
  }

  template <class T>
  static void forward(const OwnCall<T>& call) {
    const ParameterView<const T> weight = call.parameters[0];  // (Out, width)
    for (int n = 0; n < call.n; ++n)
      for (int h = 0; h < call.x.dims.h; ++h)
        for (int w = 0; w < call.x.dims.w; ++w)
          for (int o = 0; o < Channels; ++o) {
            T sum = call.x(n, o, h, w);
            if constexpr (options->bias) sum += call.parameters[1](o);
            for (int i = 0; i < width; ++i) sum += weight(o, i) * call.x(n, first(o) + i, h, w);
            call.out(n, o, h, w) = sum;
          }
  }

  template <class T>
  static void backward(const OwnCall<T>& call) {
    for (int k = 0; k < (options->bias ? 2 : 1); ++k)
      for (long i = 0; call.gradients[k].wanted() && i < call.gradients[k].size(); ++i) call.gradients[k][i] = 0;
    for (int n = 0; n < call.n; ++n)
      for (int h = 0; h < call.x.dims.h; ++h)
        for (int w = 0; w < call.x.dims.w; ++w)
          for (int c = 0; c < Channels; ++c) add_gradients(call, n, c, h, w);
  }

 private:
  /// The first channel of channel c's block.
  static constexpr int first(int c) { return c / width * width; }

  /// dx of channel c at a pixel, and what the pixel adds to dweight and dbias of output c.
  template <class T>
  static void add_gradients(const OwnCall<T>& call, int n, int c, int h, int w) {
    const ParameterView<const T> weight = call.parameters[0];  // (Out, width)
    const ParameterView<T> dweight = call.gradients[0];        // (Out, width)
    const T dy = call.dy(n, c, h, w);
    T dx = dy;
    for (int i = 0; i < width; ++i) {
      const int o = first(c) + i;
      dx += weight(o, c - first(c)) * call.dy(n, o, h, w);
      if (dweight.wanted()) dweight(c, i) += dy * call.x(n, first(c) + i, h, w);
    }
    if (call.dx.data != nullptr) call.dx(n, c, h, w) = dx;
    if constexpr (options->bias)
      if (call.gradients[1].wanted()) call.gradients[1](c) += dy;
  }
};

inline constexpr Kind squared_error{.name = "SquaredError", .loss = true};

/// torch.nn.MSELoss with one-hot labels: loss[n] = mean over k of (x[n, k] - [k == label[n]])^2; the loss of the batch
/// is the mean over n. x (N, K).
struct SquaredError {
  static constexpr const Kind& kind = squared_error;
  static constexpr const Mistake* accepts(Dims x) { return x.flat ? nullptr : &mistakes::wants_features; }
  static constexpr Dims wants(Dims x) { return {int(x.size()), 1, 1, true}; }
  static constexpr Dims output(Dims) { return {1, 1, 1, true}; }  // the loss of each sample
  static constexpr long macs(Dims) { return 0; }
  static constexpr void parameters(ParameterList&) {}

  template <class T>
  static void forward(const OwnCall<T>& call) {
    const int classes = int(call.x.dims.size());
    for (int n = 0; n < call.n; ++n) {
      T sum = 0;
      for (int k = 0; k < classes; ++k) sum += error(call, n, k) * error(call, n, k);
      call.out(n, 0) = sum / T(classes);
    }
  }

  template <class T>
  static void backward(const OwnCall<T>& call) {
    const int classes = int(call.x.dims.size());
    for (int n = 0; n < call.n; ++n)
      for (int k = 0; k < classes; ++k) call.dx(n, k) = 2 * error(call, n, k) / T(classes * call.n);
  }

 private:
  template <class T>
  static T error(const OwnCall<T>& call, int n, int k) {
    return call.x(n, k) - (k == call.labels[n] ? T(1) : T(0));
  }
};

/// torch.optim.RMSprop: v = alpha v + (1 - alpha) g^2, w -= rate g / (sqrt(v) + epsilon).
struct RmsProp {
  double alpha = 0.99;
  double epsilon = 1e-8;

  static constexpr int slots = 1;  // v

  template <class T>
  struct Factors {
    T alpha, one_minus_alpha, epsilon, rate;
  };
  template <class T>
  [[nodiscard]] Factors<T> factors(long, double rate) const {
    return {T(alpha), T(1 - alpha), T(epsilon), T(rate)};
  }

  template <class T>
  static void update(const Factors<T>& f, T& w, T g, T& v) {
    v = f.alpha * v + f.one_minus_alpha * g * g;
    w -= f.rate * g / (std::sqrt(v) + f.epsilon);
  }
};

/// torch.optim.lr_scheduler.StepLR: the rate is multiplied by gamma every `every` steps.
struct StepDecay {
  double base = 1e-2;
  long every = 40;
  double gamma = 0.5;
  [[nodiscard]] double rate(long step) const {
    const long decays = step / every;
    return base * std::pow(gamma, double(decays));
  }
};

struct Net : Sequential<Conv2d<1, 6, 3, Padding<1>>, Swish<6>, MaxPool<2>,     // (6, 4, 4)
                        Conv2d<6, 8, 3>, Swish<8>, MixChannels<8, Blocks<2>>,  // (8, 2, 2)
                        Flatten, Linear<32, 2>> {};

constexpr int batch_size = 16;
template <class Optimizer, class Schedule, class Backend>
using Training = Trainer<Net, Image<1, 8, 8>, Batch<batch_size>, SquaredError, Optimizer, Schedule, Backend>;

/// Draws images of noise that is brighter in the upper half (label 0) or in the left half (label 1).
void draw_batch(std::uint64_t seed, float* images, int* labels) {  // (N, 1, 8, 8), (N)
  for (int n = 0; n < batch_size; ++n) {
    labels[n] = int(below(seed, 1, std::uint64_t(n), 2));
    for (int i = 0; i < 64; ++i) {
      const bool bright = labels[n] == 0 ? i / 8 < 4 : i % 8 < 4;
      images[64 * n + i] = uniform(seed, 2, std::uint64_t(64 * n + i)) + (bright ? 0.5f : 0.0f);
    }
  }
}

/// The largest difference between a gradient and (loss(w + h) - loss(w - h)) / 2h over all parameters. With a rate of 0
/// a step computes the gradients but changes no parameter.
double largest_gradient_error() {
  using Check = Training<SGD, Constant, Reference<double>>;
  Check model({.schedule = {0}});
  float images[batch_size * 64];
  int labels[batch_size];
  draw_batch(1, images, labels);
  model.step(images, labels, batch_size);
  const std::vector<double> gradients(model.gradients(), model.gradients() + Check::graph.trained_storage);

  const NetworkState<double> state = model.state();
  double largest = 0;
  for (int k = 0; k < Check::graph.parameter_count; ++k) {
    const Parameter& p = Check::graph.parameters[k];
    for (long i = 0; i < p.size(); ++i) {
      const double w = state.at(p, i), h = 1e-6;
      state.at(p, i) = w + h;
      const double above = model.step(images, labels, batch_size).loss;
      state.at(p, i) = w - h;
      const double below = model.step(images, labels, batch_size).loss;
      state.at(p, i) = w;
      const double error = std::abs((above - below) / (2 * h) - gradients[std::size_t(p.offset + i)]);
      if (error > largest) largest = error;
    }
  }
  return largest;
}

/// The accuracy over the last 20 of 120 steps.
double train() {
  Training<RmsProp, StepDecay, Cpu<>> model({.optimizer = {.alpha = 0.9}, .schedule = {.base = 5e-3}, .seed = 1});
  EpochTotals last;
  for (int step = 0; step < 120; ++step) {
    float images[batch_size * 64];
    int labels[batch_size];
    draw_batch(std::uint64_t(100 + step), images, labels);
    const StepResult r = model.step(images, labels, batch_size);
    if (step >= 100) last.add(r.loss * batch_size, r.correct, batch_size);
  }
  return last.accuracy();
}

int main() {
  const double error = largest_gradient_error(), accuracy = train();
  std::printf("largest error of a gradient %.1e, accuracy after training %.3f\n", error, accuracy);
  return error < 1e-8 && accuracy > 0.9 ? 0 : 1;
}
