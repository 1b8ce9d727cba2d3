"""Writes the golden numbers of tests/golden from PyTorch in double. Run: ./dev golden   (a few seconds)

The files are committed; tests read them, so PyTorch is needed only to make them again. Same PyTorch, same bytes.
All tensors are F64, NCHW / OIHW / [out, in] as in PyTorch; labels and num_batches_tracked are I64 (the latter of
shape ()); scalars have shape (1).

layers.safetensors: keys `<case>/<what>`
  what: x y dy dx; every parameter and buffer before the pass by its PyTorch name (weight, bias, running_mean,
  running_var, num_batches_tracked, conv1.weight, ...); its gradient with a `d` in front (dweight, dconv1.weight,
  ddownsample.1.bias, ...); in training mode the buffer after the pass with `_after` behind (running_mean_after,
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

optim.safetensors
  adam adam_hw3 adamw sgd sgd_momentum: w0 (7) the start, then w1 w2 w10 w100 after that many steps with gradient
  g_t[i] = sin(0.1 t (i + 1)), t = 1, 2, ...; settings lr, weight_decay, momentum (where used); all else is PyTorch's
  default.
  clip_below clip_above clip_huge clip_zero: da (2,3), db (4), max_norm, norm, da_clipped, db_clipped.
  cosine cosine_hw3: rates of steps 0, 1, ... t_max; lr, t_max, eta_min.
  warmup_cosine: lr (step + 1) / warmup for step < warmup, then cosine from its own step 0; also `warmup`.

small_hw3.safetensors, small_resnet.safetensors: five Adam steps (keys lr, weight_decay, clip) of
  SmallHw3: cnn = Conv2d(3,8,3,p1) BN ReLU MaxPool2 Conv2d(8,16,3,p1) BN ReLU MaxPool2, fc = Linear(64,32) ReLU
  Linear(32,5); keys cnn.0 cnn.1 cnn.4 cnn.5 fc.0 fc.2.
  SmallResNet: conv1 (3 -> 4, 3x3, p1, no bias) bn1 ReLU, layer1.0 (identity block, 4), layer2.0 (4 -> 8, stride 2,
  downsample.0 downsample.1), global average pool, fc (8 -> 5).
  x0 (6,3,8,8) labels0 (6), x1 (3,3,8,8) labels1 (3): steps 0 2 4 use batch 0, steps 1 3 the partial batch 1. The
  images are float32 numbers.
  `initial/<name>` and `final/<name>` the state before and after, `gradient/<name>` the unclipped gradients of step 0,
  losses (5), grad_norms (5) before clipping (some above clip, some below), logits0 (6,5) of batch 0 in eval mode at
  the end. A convolution's bias before a BatchNorm has true gradient 0; PyTorch's is rounding noise (1e-15): compare
  cnn.0.bias and cnn.4.bias loosely.

precision.safetensors
  `<net>/<shift of the images>/<tensor>`: the error of PyTorch's float32 logits (`logits`), input gradient (`dx`) or
  gradient of state_dict entry number k (`k`) against PyTorch's double, as root mean square relative to the double's;
  the median over 33 draws of parameters and images. The nets stand in golden_precision.py.

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
    torch.set_num_threads(1)  # the order of sums is then fixed
    torch.use_deterministic_algorithms(True)
    for name, make in [
        ("layers", golden_layers.make),
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
