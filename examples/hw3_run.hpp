// What hw3's flags mean for its run and its pictures.
#pragma once

#include <tinycnn/tinycnn.hpp>

#include "hw3_options.hpp"

/// The run in the folder of --out. With --resume, sets the flags that were not given to those of the checkpoint.
tinycnn::Run open_run(Hw3Options& options);

/// The pictures of one split, resized to 128 x 128, in batches of 64. Except for those of the test, which have none,
/// throws an Error if a label is not in {0 … classes - 1}.
tinycnn::PictureSet pictures(const std::string& data, tinycnn::Split split, int classes, const Hw3Options& options);

/// Looks for damaged pictures, which --bad-images treats, and logs what is skipped.
void check_pictures(tinycnn::Log& log, std::initializer_list<tinycnn::PictureSet*> sets, const Hw3Options& options);

/// Throws an Error if the folder holds a prediction.
void check_no_prediction(const tinycnn::RunFolder& folder);

/// The same without a log.
void check_pictures(tinycnn::PictureSet& set, const Hw3Options& options);

/// Writes logits.npy and submission.csv.
void write_results(const tinycnn::Predictions& predictions, const tinycnn::PictureSet& pictures,
                   const Hw3Options& options);

/// "loss = …, acc = …" with the accuracy that the course's program prints, the mean over batches, for comparison.
std::string with_batch_mean(const tinycnn::EpochTotals& totals);

/// Logs the network and the memory that it needs for `images` images.
void log_model(tinycnn::Log& log, const tinycnn::Graph& network, std::string_view backend, int images,
               std::int64_t arena_bytes, std::int64_t workspace_bytes, int threads);
