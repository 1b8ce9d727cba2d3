// A model with its data, as a run sees it: an interface, so that the run is compiled for no model in particular.
#pragma once

#include <cstdint>
#include <string>

#include <tinycnn/train/checkpoint.hpp>

namespace tinycnn {

/// The result of one minibatch.
struct BatchResult {
  int n = 0;
  double loss = 0;  ///< of a training step the mean, of an evaluation the sum
  int correct = 0;
  double grad_norm = 0;
  double rate = 0;
};

/// What a run needs of a model, its training data and its validation data.
class Learner {
 public:
  /// Begins an epoch of the training data after its first `skip` samples; returns the number of minibatches left.
  virtual std::int64_t begin_training(int epoch, std::int64_t skip) = 0;
  /// Makes one training step; returns false if the epoch has no further minibatch.
  virtual bool train(BatchResult& result) = 0;
  virtual std::int64_t begin_validation(int epoch) = 0;
  /// Evaluates one minibatch; returns false if there is none left.
  virtual bool validate(BatchResult& result) = 0;

  [[nodiscard]] virtual std::int64_t steps() const = 0;
  virtual void save(const std::string& path) = 0;
  virtual void save_checkpoint(const std::string& path, const Notes& notes) = 0;
  virtual void load_checkpoint(const std::string& path) = 0;
  /// Texts that identify the data.
  [[nodiscard]] virtual std::string training_identity() const = 0;
  [[nodiscard]] virtual std::string validation_identity() const = 0;

 protected:
  ~Learner() = default;
};

/// The Learner of a Trainer, or any class with its functions, and two data sources, which must outlive it. A data
/// source has a type `Batch` and the functions `begin_epoch(epoch, skip)`, `next(Batch&)`, `batches()` and
/// `identity()`; see PictureSet and ArraySet.
template <class Model, class TrainingData, class ValidationData>
class LearnerOf final : public Learner {
 public:
  LearnerOf(Model& model, TrainingData& training, ValidationData& validation)
      : model_(model), training_(training), validation_(validation) {}

  [[gnu::cold]] std::int64_t begin_training(int epoch, std::int64_t skip) override {
    training_.begin_epoch(epoch, skip);
    return training_.batches();
  }
  [[gnu::cold]] bool train(BatchResult& result) override {
    typename TrainingData::Batch batch;
    if (!training_.next(batch)) return false;
    const auto r = model_.step(batch);
    result = {batch.n, r.loss, r.correct, r.grad_norm, r.rate};
    return true;
  }
  [[gnu::cold]] std::int64_t begin_validation(int epoch) override {
    validation_.begin_epoch(epoch, 0);
    return validation_.batches();
  }
  [[gnu::cold]] bool validate(BatchResult& result) override {
    typename ValidationData::Batch batch;
    if (!validation_.next(batch)) return false;
    const auto r = model_.evaluate(batch);
    result = {batch.n, r.loss_sum, r.correct, 0, 0};
    return true;
  }

  [[nodiscard]] [[gnu::cold]] std::int64_t steps() const override { return model_.steps(); }
  [[gnu::cold]] void save(const std::string& path) override { model_.save(path); }
  [[gnu::cold]] void save_checkpoint(const std::string& path, const Notes& notes) override {
    model_.save_checkpoint(path, notes);
  }
  [[gnu::cold]] void load_checkpoint(const std::string& path) override { model_.load_checkpoint(path); }
  [[nodiscard]] [[gnu::cold]] std::string training_identity() const override { return training_.identity(); }
  [[nodiscard]] [[gnu::cold]] std::string validation_identity() const override { return validation_.identity(); }

 private:
  Model& model_;
  TrainingData& training_;
  ValidationData& validation_;
};

}  // namespace tinycnn
