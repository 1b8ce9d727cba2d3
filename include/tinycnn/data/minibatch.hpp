// A minibatch of labelled pictures.
#pragma once

namespace tinycnn {

/// A minibatch from a data source. It is valid until the source's next call of `next` or `begin_epoch`.
struct Minibatch {
  int n = 0;
  const float* images = nullptr;  // (N,C,H,W) in [0, 1], as from torchvision's ToTensor
  const int* labels = nullptr;    // (N)
  const int* index = nullptr;     // (N), indices in the folder
};

}  // namespace tinycnn
