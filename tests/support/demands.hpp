// What tests ask of a network beyond what the library names.
#pragma once

#include <tinycnn/plan/plan_data.hpp>

/// Every gradient there is, in training mode and in evaluation mode.
struct EveryGradient {
  static constexpr tinycnn::Demand demand{tinycnn::Mode::training, true, true, true, -1};
};
struct EveryGradientInEvaluation {
  static constexpr tinycnn::Demand demand{tinycnn::Mode::evaluation, true, true, true, -1};
};
