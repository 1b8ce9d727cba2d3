// The network of the consumer's two files: both train it, so both hold the same templates, compiled twice.
#pragma once

#include <tinycnn/tinycnn.hpp>

struct Net : tinycnn::Sequential<tinycnn::Conv2d<3, 16, 3, tinycnn::Padding<1>>, tinycnn::BatchNorm<16>, tinycnn::ReLU,
                                 tinycnn::MaxPool<2>,  // (16, 4, 4)
                                 tinycnn::Conv2d<16, 32, 3, tinycnn::Padding<1>>, tinycnn::BatchNorm<32>, tinycnn::ReLU,
                                 tinycnn::MaxPool<2>,  // (32, 2, 2)
                                 tinycnn::Flatten, tinycnn::Linear<32 * 2 * 2, 3>> {};

using Model = tinycnn::Trainer<Net, tinycnn::Image<3, 8, 8>, tinycnn::Batch<4>, tinycnn::CrossEntropy, tinycnn::Adam,
                               tinycnn::Constant, tinycnn::Cpu<>>;

/// Some steps on drawn images.
void train(Model& model, int steps);
