// Default template arguments: Trainer<Net, Input, Batch<64>> is CrossEntropy, Adam, a constant rate and Cpu<>. Here and
// not in train/, because drivers know no backend.
#pragma once

#include <string>

#include <tinycnn/backends/cpu/cpu.hpp>
#include <tinycnn/losses/cross_entropy.hpp>
#include <tinycnn/optim/adam.hpp>
#include <tinycnn/plan/describe.hpp>
#include <tinycnn/report/summary.hpp>
#include <tinycnn/schedules/constant.hpp>
#include <tinycnn/train/input_gradients.hpp>
#include <tinycnn/train/predictor.hpp>
#include <tinycnn/train/trainer.hpp>

namespace tinycnn {

template <class Net, class Input, class BatchSize, class Loss = CrossEntropy, class Optimizer = Adam,
          class Schedule = Constant, class Backend = Cpu<>>
class Trainer;

template <class Net, class Input, class BatchSize, class Backend = Cpu<>, class DemandTag>
class Predictor;

template <class Net, class Input, class BatchSize, class Loss = CrossEntropy, class Backend = Cpu<>>
class InputGradients;

/// The plan of a network as text, without a Trainer: describe<Net, Image<3, 32, 32>>(), or of a prediction:
/// describe<Net, Image<3, 32, 32>, Prediction>().
template <class Net, class Input, class DemandTag = TrainingStep, class Backend = Cpu<>, class Loss = CrossEntropy>
[[gnu::cold]] std::string describe() {
  return describe(plan_of<Net, Input, Loss, Backend, DemandTag>);
}

/// The layers of a network as a table, without a Trainer: summary<Net, Image<3, 32, 32>>().
template <class Net, class Input>
[[gnu::cold]] std::string summary() {
  return summary(graph_of<Net, Input, NoLoss>);
}

/// The shape behind a network, and its trained elements, for static_assert.
template <class Net, class Input>
inline constexpr Dims output_dims = graph_of<Net, Input, NoLoss>.dims(graph_of<Net, Input, NoLoss>.logits_nodes());
template <class Net, class Input>
inline constexpr std::int64_t parameter_count = graph_of<Net, Input, NoLoss>.trained;

}  // namespace tinycnn
