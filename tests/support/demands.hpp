// Demands for tests, in addition to those of the library.
#pragma once

#include <tinycnn/plan/plan_data.hpp>

/// All gradients, in training mode and in evaluation mode.
struct EveryGradient {
  static constexpr tinycnn::Demand demand{.input_gradient = true};
};
struct EveryGradientInEvaluation {
  static constexpr tinycnn::Demand demand{.mode = tinycnn::Mode::evaluation, .input_gradient = true};
};
