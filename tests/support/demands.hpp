// Demands for tests, in addition to those of the library.
#pragma once

#include <tinycnn/plan/plan_data.hpp>

/// All gradients, in training mode and in evaluation mode.
struct EveryGradient {
  static constexpr tinycnn::Demand demand{tinycnn::Mode::training, true, true, true, -1};
};
struct EveryGradientInEvaluation {
  static constexpr tinycnn::Demand demand{tinycnn::Mode::evaluation, true, true, true, -1};
};
