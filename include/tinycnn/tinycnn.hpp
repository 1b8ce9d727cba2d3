// Includes the whole library: layers, losses, optimizers, schedules, backends, training, data.
#pragma once

// First the headers with mistakes that others include, so that few "included from" lines precede an error about a
// network.
// clang-format off
#include <tinycnn/layers/mistake.hpp>
#include <tinycnn/layers/options.hpp>
#include <tinycnn/layers/window_options.hpp>
#include <tinycnn/layers/pooling.hpp>
#include <tinycnn/plan/mistakes.hpp>
// clang-format on

#include <tinycnn/core/version.hpp>

#include <tinycnn/layers/avg_pool.hpp>
#include <tinycnn/layers/batch_norm.hpp>
#include <tinycnn/layers/concat.hpp>
#include <tinycnn/layers/conv2d.hpp>
#include <tinycnn/layers/dropout.hpp>
#include <tinycnn/layers/flatten.hpp>
#include <tinycnn/layers/gelu.hpp>
#include <tinycnn/layers/global_avg_pool.hpp>
#include <tinycnn/layers/hardswish.hpp>
#include <tinycnn/layers/identity.hpp>
#include <tinycnn/layers/leaky_relu.hpp>
#include <tinycnn/layers/linear.hpp>
#include <tinycnn/layers/max_pool.hpp>
#include <tinycnn/layers/relu.hpp>
#include <tinycnn/layers/residual.hpp>
#include <tinycnn/layers/sequential.hpp>
#include <tinycnn/layers/sigmoid.hpp>
#include <tinycnn/layers/silu.hpp>
#include <tinycnn/layers/tanh.hpp>

#include <tinycnn/losses/cross_entropy.hpp>
#include <tinycnn/optim/adagrad.hpp>
#include <tinycnn/optim/adam.hpp>
#include <tinycnn/optim/adamw.hpp>
#include <tinycnn/optim/amsgrad.hpp>
#include <tinycnn/optim/parameter_groups.hpp>
#include <tinycnn/optim/sgd.hpp>
#include <tinycnn/schedules/constant.hpp>
#include <tinycnn/schedules/cosine_annealing.hpp>
#include <tinycnn/schedules/linear_warmup.hpp>
#include <tinycnn/schedules/reduce_lr_on_plateau.hpp>

#include <tinycnn/plan/describe.hpp>

#include <tinycnn/backends/cpu/cpu.hpp>
#include <tinycnn/backends/reference/reference.hpp>

#include <tinycnn/train/trainer.hpp>  // before the headers that include it, for the same reason

#include <tinycnn/train/early_stopping.hpp>
#include <tinycnn/train/epoch_totals.hpp>
#include <tinycnn/train/input_gradients.hpp>
#include <tinycnn/train/interrupt_flag.hpp>
#include <tinycnn/train/predictions.hpp>
#include <tinycnn/train/predictor.hpp>
#include <tinycnn/train/run.hpp>

#include <tinycnn/data/array_set.hpp>
#include <tinycnn/data/folder.hpp>
#include <tinycnn/data/idx.hpp>
#include <tinycnn/data/loader.hpp>
#include <tinycnn/data/picture_set.hpp>
#include <tinycnn/data/shuffle.hpp>
#include <tinycnn/io/csv.hpp>
#include <tinycnn/io/folder_lock.hpp>
#include <tinycnn/io/npy.hpp>

#include <tinycnn/report/log.hpp>
#include <tinycnn/report/predictions_csv.hpp>
#include <tinycnn/report/progress.hpp>
#include <tinycnn/report/summary.hpp>

#include <tinycnn/defaults.hpp>
