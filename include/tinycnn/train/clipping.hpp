// Gradient clipping by the global norm: one factor for all gradients of a step.
#pragma once

namespace tinycnn {

/// The factor of torch.nn.utils.clip_grad_norm_: min(1, clip_norm / (norm + 1e-6)), where `norm` is the L2 norm of all
/// gradients together. A `clip_norm` of 0 means no clipping.
constexpr double clip_coefficient(double clip_norm, double norm) {
  const double coefficient = clip_norm / (norm + 1e-6);
  return clip_norm > 0 && coefficient < 1 ? coefficient : 1;
}

}  // namespace tinycnn
