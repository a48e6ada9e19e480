// What each of many ranks reads and draws when a run begins: its slices and little else.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/check.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "support/paths.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"
#include "train/trained_model.h"

namespace molmo::train {
namespace {

// A rank among others that are not there: enough to lay slices out.
class LoneRank : public distributed::Communicator {
 public:
  LoneRank(int rank, int size) : Communicator(rank, size) {}
  std::unique_ptr<distributed::Pending> all_gather(const Tensor&, const Tensor&, std::string_view) override { fail(); }
  std::unique_ptr<distributed::Pending> reduce_scatter(const Tensor&, const Tensor&, std::string_view) override {
    fail();
  }
  std::unique_ptr<distributed::Pending> all_reduce(const Tensor&, std::string_view) override { fail(); }
  std::unique_ptr<Communicator> subgroup(const std::string&, const std::vector<int>& ranks, at::Device,
                                         std::optional<std::chrono::seconds>) override {
    const auto own = std::find(ranks.begin(), ranks.end(), rank());
    return std::make_unique<LoneRank>(static_cast<int>(own - ranks.begin()), static_cast<int>(ranks.size()));
  }

 private:
  [[noreturn]] static void fail() { throw InternalError("a lone rank was asked to talk"); }
};

class CountingSource : public formats::TensorSource {
 public:
  CountingSource(const std::filesystem::path& path, size_t& num_bytes)
      : files_(formats::open_tensors(path)), num_bytes_(num_bytes) {}
  const formats::TensorView* find(const std::string& name) const override { return files_->find(name); }
  std::vector<const formats::TensorView*> tensors() const override { return files_->tensors(); }
  void read(const formats::TensorView& view, size_t begin, std::span<uint8_t> out) const override {
    num_bytes_ += out.size();
    files_->read(view, begin, out);
  }

 private:
  std::unique_ptr<formats::TensorSource> files_;
  size_t& num_bytes_;
};

// A tiny model's weights, saved.
class WeightSlices : public ::testing::Test {
 protected:
  WeightSlices() : saved_(testing::tiny_model_config()) {
    saved_.params().materialize(at::kCPU, 3);
    std::map<std::string, Tensor> tensors;
    for (const Parameter& param : saved_.params().all()) {
      tensors[param.name] = param.value;
      num_bytes_ += param.value.nbytes();
    }
    model::write_tensors(folder_ / "model.safetensors", tensors);
  }

  config::TrainConfig recipe() const {
    config::TrainConfig recipe;
    recipe.molmo.model = saved_.config();
    recipe.seed = 11;
    recipe.sharding.defer_reduction = false;  // else the ranks ask one another whether it fits
    return recipe;
  }

  const Tensor& saved(const std::string& name) { return saved_.params().find(name)->value; }

  testing::TemporaryFolder folder_;
  model::Molmo saved_;
  size_t num_bytes_ = 0;
};

TEST_F(WeightSlices, RanksReadTheModelOnceBetweenThem) {
  constexpr int kRanks = 8;
  size_t num_read = 0;
  int64_t num_kept = 0;
  for (int rank = 0; rank < kRanks; ++rank) {
    LoneRank everyone(rank, kRanks);
    TrainedModel model(recipe(), at::kCPU, everyone);
    model::load_weights(model.params(),
                        model::WeightReader(saved_.config(), folder_.path(),
                                            std::make_unique<CountingSource>(folder_.path(), num_read)),
                        model.sink());
    distributed::ShardedParams& sharded = *model.ranks().sharded;
    for (const Parameter& slice : sharded.slices().all()) {
      const int64_t begin = sharded.slice_begin(slice.name), count = slice.value.numel();
      EXPECT_TRUE(at::equal(slice.value.detach(), saved(slice.name).flatten().narrow(0, begin, count))) << slice.name;
      num_kept += count;
    }
  }
  EXPECT_EQ(num_kept * 4, static_cast<int64_t>(num_bytes_));
  EXPECT_EQ(num_read, num_bytes_);  // every recipe of this layout is an identity
}

TEST_F(WeightSlices, WhatAPartFillsIsNotDrawn) {
  config::TrainConfig recipe = this->recipe();
  recipe.init_llm_from = recipe.init_tower_from = folder_.path().string();
  for (const int ranks : {1, 4}) {
    LoneRank everyone(0, ranks);
    TrainedModel model(recipe, at::kCPU, everyone);
    model.init_weights(recipe);
    for (const Parameter& param : ranks == 1 ? model.params().all() : model.ranks().sharded->slices().all()) {
      const int64_t begin = ranks == 1 ? 0 : model.ranks().sharded->slice_begin(param.name);
      EXPECT_TRUE(
          at::equal(param.value.detach().flatten(), saved(param.name).flatten().narrow(0, begin, param.value.numel())))
          << param.name;
    }
  }
  // Fresh values would show: another seed drew the saved ones. And their memory would.
  LoneRank everyone(2, 4);
  TrainedModel model(recipe, at::kCPU, everyone);
  const tensor::MemoryMeter meter;
  model.init_weights(recipe);
  int64_t largest = 0;
  for (const Parameter& slice : model.ranks().sharded->slices().all())
    largest = std::max(largest, static_cast<int64_t>(slice.value.nbytes()));
  EXPECT_LE(meter.peak_bytes(), 2 * largest);
}

TEST_F(WeightSlices, FreshValuesDependOnSeedAndNameAlone) {
  for (int rank = 0; rank < 3; ++rank) {
    LoneRank everyone(rank, 3);
    TrainedModel model(recipe(), at::kCPU, everyone);
    model.init_weights(recipe());
    distributed::ShardedParams& sharded = *model.ranks().sharded;
    for (const Parameter& slice : sharded.slices().all()) {
      const Tensor whole = initial_value(*saved_.params().find(slice.name), 11);
      EXPECT_TRUE(at::equal(slice.value.detach(),
                            whole.flatten().narrow(0, sharded.slice_begin(slice.name), slice.value.numel())))
          << slice.name;
    }
  }
}

}  // namespace
}  // namespace molmo::train
