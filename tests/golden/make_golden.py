"""Writes the golden files of tests/golden with PyTorch, in double. Run: ./dev golden   (a few seconds)

The files are committed, so the tests do not need PyTorch. The same PyTorch version writes the same bytes.
All tensors are F64, NCHW / OIHW / [out, in] as in PyTorch; labels and num_batches_tracked are I64 (the latter of
shape ()); scalars have shape (1).

layers.safetensors: keys `<case>/<what>`
  what: x y dy dx; every parameter and buffer before the pass by its PyTorch name (weight, bias, running_mean,
  running_var, num_batches_tracked, conv1.weight, ...); its gradient with the prefix `d` (dweight, dconv1.weight,
  ddownsample.1.bias, ...); in training mode the buffer after the pass with the suffix `_after` (running_mean_after,
  num_batches_tracked_after, bn1.running_var_after, ...).
  | case                | layer                                                        | x           |
  |---------------------|--------------------------------------------------------------|-------------|
  | conv_k3p1           | Conv2d(3, 4, 3, padding 1)                                   | (2,3,7,9)   |
  | conv_k3p1_nobias    | the same without bias                                        | (1,3,4,5)   |
  | conv_k3p0           | Conv2d(3, 4, 3)                                              | (1,3,7,9)   |
  | conv_k1             | Conv2d(4, 5, 1)                                              | (2,4,5,6)   |
  | conv_k1s2           | Conv2d(4, 5, 1, stride 2)                                    | (1,4,7,9)   |
  | conv_k3s2p1         | Conv2d(3, 4, 3, stride 2, padding 1)                         | (1,3,7,9)   |
  | conv_k5s2p2         | Conv2d(2, 3, 5, stride 2, padding 2)                         | (2,2,7,9)   |
  | conv_k3p2d2         | Conv2d(3, 4, 3, padding 2, dilation 2)                       | (1,3,7,9)   |
  | conv_k3p1g2         | Conv2d(4, 6, 3, padding 1, groups 2)                         | (1,4,7,9)   |
  | conv_depthwise      | Conv2d(4, 4, 3, padding 1, groups 4)                         | (1,4,7,9)   |
  | bn2d_train, _eval   | BatchNorm2d(4), eps 1e-5, momentum 0.1                       | (3,4,3,5)   |
  | bn1d_train, _eval   | BatchNorm1d(6)                                               | (5,6)       |
  | relu                | ReLU; sample 1 is all zeros (its gradient is 0)              | (2,3,4,5)   |
  | maxpool_k2          | MaxPool2d(2); the last row and column are in no window       | (1,3,7,9)   |
  | maxpool_k3s2p1      | MaxPool2d(3, 2, 1), mostly negative values                   | (1,3,7,9)   |
  | maxpool_k2_ties     | MaxPool2d(2) on rounded values: the first of equals wins     | (1,3,6,8)   |
  | avgpool_k2          | AvgPool2d(2)                                                 | (1,3,7,9)   |
  | avgpool_k3s2p1      | AvgPool2d(3, 2, 1), padding counted                          | (1,3,7,9)   |
  | global_avgpool      | AdaptiveAvgPool2d(1); y is (1,3,1,1)                         | (1,3,7,9)   |
  | flatten             | Flatten                                                      | (2,3,2,4)   |
  | linear, _nobias     | Linear(7, 5)                                                 | (3,7)       |
  | residual_identity   | torchvision BasicBlock(4, 4), train: conv1 bn1 conv2 bn2     | (2,4,4,5)   |
  | residual_downsample | BasicBlock(3, 5, stride 2): downsample.0 conv, .1 bn as well | (2,3,6,7)   |
  | concat              | cat([a = Conv2d(3,4,1), b = Conv2d(3,5,3,padding 1)])        | (2,3,4,5)   |
  leaky_relu leaky_relu_fifth (negative_slope 0.2) silu hardswish gelu gelu_tanh sigmoid tanh: the activation on x
  (2,3,5,7), whose first elements are its kinks and large numbers; conv_<activation>: Conv2d(3, 5, 3, padding 1) before
  it, conv_bn_<activation>: without bias, BatchNorm2d(5) between, x (2,3,5,7); linear_<activation>: Linear(7, 5) before it, (3,7).
  cross_entropy, cross_entropy_extreme: x (5,11) logits, labels (5), y (1) mean loss, dx (5,11); the second has
  logits of +-80.

windows.safetensors: the same for windows that are not square (numbers: rows x columns), padded at the end only, or that
  extend beyond the padding. x is (N, C, 6, 7) unless it is stated.
  | case                       | layer                                                              |
  |----------------------------|--------------------------------------------------------------------|
  | conv_k3x5                  | Conv2d(2, 3, 3x5, stride 2x1, padding 1x2); N = 2, else 1          |
  | conv_k5x1                  | Conv2d(2, 3, 5x1, stride 1x3, padding 2x0)                         |
  | conv_k2x3g2                | Conv2d(4, 6, 2x3, stride 1x2, padding 0x1, dilation 2x1, groups 2) |
  | conv_k1s2x3                | Conv2d(4, 5, 1, stride 2x3)                                        |
  | conv_k3d1x2                | Conv2d(2, 3, 3, padding 1x2, dilation 1x2)                         |
  | conv_k3p1x2                | Conv2d(2, 3, 3, padding 1x2)                                       |
  | conv_depthwise_k3x5        | Conv2d(4, 4, 3x5, padding 1x2, groups 4)                           |
  | conv_k4same                | Conv2d(2, 3, 4, padding "same")                                    |
  | conv_k3s2same              | Conv2d(2, 3, 3, stride 2) with ONNX's SAME_UPPER                   |
  | conv_k2x5same              | Conv2d(2, 3, 2x5, stride 3x2, dilation 2x1), the same              |
  | conv_depthwise_k3s2same    | Conv2d(4, 4, 3, stride 2, groups 4), the same                      |
  | maxpool_ceil6, _ceil4      | MaxPool2d(3, 2, 1) on 6x6, MaxPool2d(2, 3, 1) on 4x4, ceil_mode    |
  | maxpool_k2ceil             | MaxPool2d(2), ceil_mode                                            |
  | maxpool_k2x3               | MaxPool2d(2x3, 1x2, 1, dilation 2x1), ceil_mode                    |
  | maxpool_same               | MaxPool2d(3x2, 2x3) with SAME_UPPER                                |
  | avgpool_ceil6, _ceil4      | AvgPool2d, as maxpool_ceil6, _ceil4                                |
  | avgpool_k3x2               | AvgPool2d(3x2, 2x3, 1x0)                                           |
  | avgpool_nopad, _nopad_ceil | AvgPool2d(3, 2, 1), (3x2, 2x3, 1, ceil_mode) on 6x6; without padding |
  | avgpool_same, _same_nopad  | AvgPool2d(3x2, 2x1) with SAME_UPPER, its padding counted or not    |

optim.safetensors
  adam adam_hw3 adamw sgd sgd_momentum: w0 (7) at the start; w1 w2 w10 w100 after that many steps with gradient
  g_t[i] = sin(0.1 t (i + 1)), t = 1, 2, ...; settings lr, weight_decay, momentum (where used); all else is PyTorch's
  default.
  amsgrad adagrad adagrad_decay sgd_nesterov nadam rmsprop_centered: the same; also lr_decay,
  initial_accumulator_value.
  adamw_groups: Linear(3,2) BatchNorm1d(2) Linear(2,2) with AdamW in two groups: weight_decay 0.1 and lr 0.01 for the
  weights of the Linear, 0 and 0.1 for all else; w0/<name>, w1/<name>, ... with element i of parameter k having the
  gradient sin(0.1 t (10 k + i + 1)).
  plateau_rel plateau_abs plateau_max plateau_max_abs: ReduceLROnPlateau from lr 0.1; metrics (60) and the rates (60)
  after each of them. Their settings are in golden_optim.py and in the test.
  clip_below clip_above clip_huge clip_zero: da (2,3), db (4), max_norm, norm, da_clipped, db_clipped.
  cosine cosine_hw3: rates of steps 0, 1, ... t_max; lr, t_max, eta_min.
  warmup_cosine: lr (step + 1) / warmup for step < warmup, then cosine from its own step 0; also `warmup`.

small_hw3.safetensors, small_resnet.safetensors: five Adam steps (keys lr, weight_decay, clip) of
  SmallHw3: cnn = Conv2d(3,8,3,p1) BN ReLU MaxPool2 Conv2d(8,16,3,p1) BN ReLU MaxPool2, fc = Linear(64,32) ReLU
  Linear(32,5); keys cnn.0 cnn.1 cnn.4 cnn.5 fc.0 fc.2.
  SmallResNet: conv1 (3 -> 4, 3x3, p1, no bias) bn1 ReLU, layer1.0 (identity block, 4), layer2.0 (4 -> 8, stride 2,
  downsample.0 downsample.1), global average pool, fc (8 -> 5).
  x0 (6,3,8,8) labels0 (6), x1 (3,3,8,8) labels1 (3): steps 0 2 4 use batch 0, steps 1 3 the partial batch 1. The
  images are rounded to float32.
  `initial/<name>` and `final/<name>` the state before and after, `gradient/<name>` the unclipped gradients of step 0,
  losses (5), grad_norms (5) before clipping (some above clip, some below), logits0 (6,5) of batch 0 in eval mode at
  the end. A convolution's bias before a BatchNorm has true gradient 0; PyTorch's is rounding noise (1e-15): compare
  cnn.0.bias and cnn.4.bias loosely.

precision.safetensors
  `<net>/<shift of the images>/<tensor>`: the error of PyTorch's float32 logits (`logits`), input gradient (`dx`) or
  gradient of the state_dict's entry k (`k`) against PyTorch's double: root mean square relative to the double's, and of
  that the median over 33 draws of parameters and images. The networks are in golden_precision.py.

hw3_keys.txt, course_resnet18_keys.txt (a bias in every convolution), resnet18_keys.txt and resnet50_keys.txt
(torchvision's):
  lines `name (shape)` in PyTorch's order, 11 classes; a scalar's shape is ().
"""
import pathlib
import sys

import safetensors.torch
import torch

HERE = pathlib.Path(__file__).resolve().parent

import golden_layers  # noqa: E402
import golden_nets  # noqa: E402
import golden_optim  # noqa: E402
import golden_precision  # noqa: E402


def main():
    torch.set_num_threads(1)  # so that the order of sums is fixed
    torch.use_deterministic_algorithms(True)
    for name, make in [
        ("layers", golden_layers.make),
        ("windows", golden_layers.make_windows),
        ("optim", golden_optim.make),
        ("small_hw3", golden_nets.make_small_hw3),
        ("small_resnet", golden_nets.make_small_resnet),
        ("precision", golden_precision.make),
    ]:
        path = HERE / f"{name}.safetensors"
        tensors = {k: v.clone(memory_format=torch.contiguous_format) for k, v in make().items()}
        path.write_bytes(safetensors.torch.save(tensors))
        print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")
    for name, (expected, net) in golden_nets.key_lists().items():
        (HERE / name).write_text(golden_nets.key_text(expected, net))
        print(f"{name}: {len(net.state_dict())} keys, {expected} parameters")


if __name__ == "__main__":
    main()
