// The network of the consumer's two files. Both train it, so both contain the same template instances.
#pragma once

#include <tinycnn/tinycnn.hpp>

struct Net : tinycnn::Sequential<tinycnn::Conv2d<3, 16, 3, tinycnn::Padding<1>>, tinycnn::BatchNorm<16>, tinycnn::ReLU,
                                 tinycnn::MaxPool<2>,  // (16, 4, 4)
                                 tinycnn::Conv2d<16, 32, 3, tinycnn::Padding<1>>, tinycnn::BatchNorm<32>, tinycnn::ReLU,
                                 tinycnn::MaxPool<2>,  // (32, 2, 2)
                                 tinycnn::Flatten, tinycnn::Linear<32 * 2 * 2, 3>> {};

using Model = tinycnn::Trainer<Net, tinycnn::Image<3, 8, 8>, tinycnn::Batch<4>, tinycnn::CrossEntropy, tinycnn::Adam,
                               tinycnn::Constant, tinycnn::Cpu<>>;

/// Trains for some steps on random images.
void train(Model& model, int steps);
