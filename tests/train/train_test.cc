// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <future>

#include "base/stop_signals.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "support/error_of.h"
#include "support/paths.h"
#include "tensor/host_read.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"
#include "train/checkpoint.h"
#include "train/schedule.h"
#include "train/step.h"

namespace molmo::train {
namespace {

using formats::complete_steps;
using molmo::testing::TemporaryFolder;
using molmo::testing::tiny_model_config;

config::OptimizerConfig quick_optimizer() {
  config::OptimizerConfig optimizer;
  for (config::ComponentConfig* component : {&optimizer.connector, &optimizer.vit, &optimizer.llm}) {
    component->learning_rate = 1e-2;
    component->warmup_steps = 2;
  }
  optimizer.embedding = config::EmbeddingTraining::kAll;
  return optimizer;
}

// A batch that depends on the step: two rows with a picture each.
MicroBatch make_batch(int64_t step, int64_t first_row, int64_t num_rows) {
  const at::Generator generator = make_generator(static_cast<uint64_t>(step));
  Tensor ids = at::randint(3, 60, {2, 12}, generator, at::TensorOptions().dtype(at::kLong));
  ids.slice(1, 1, 5).fill_(66);  // image tokens
  const Tensor patches = at::randn({2, 16, 12}, generator);
  const auto rows = [&](const Tensor& t) { return t.slice(0, first_row, first_row + num_rows); };
  MicroBatch batch;
  batch.inputs.input_ids = rows(ids);
  batch.inputs.patches = rows(patches);
  batch.inputs.image_masks = at::ones({num_rows, 16});
  batch.inputs.crop_rows = at::arange(num_rows, at::kLong);
  batch.inputs.token_positions = at::arange(1, 5, at::kLong).unsqueeze(0).expand({num_rows, 4});
  Tensor weights = at::zeros({2, 12});
  weights[0].slice(0, 5, 8).fill_(1.0);
  weights[1].slice(0, 5, 12).fill_(0.5);  // rows of unequal weight
  batch.targets = {rows(at::roll(ids, {-1}, {1})), rows(weights)};
  batch.inputs.is_response = batch.targets.weights > 0;
  return batch;
}

const StepOptions kFirstOfTwenty{.step = 1, .run_steps = 20, .forward = {}, .ranks = {}};

// A run of its own: model, optimizer, one update at a time.
struct TinyRun {
  model::Molmo molmo{tiny_model_config()};
  std::unique_ptr<AdamW> optimizer;
  std::unique_ptr<TokenObjective> objective;

  TinyRun() {
    molmo.params().materialize(at::kCPU, 5);
    mark_trained(molmo.params(), quick_optimizer());
    optimizer = std::make_unique<AdamW>(make_groups(molmo.params(), quick_optimizer()), quick_optimizer());
    objective = std::make_unique<TokenObjective>(molmo, 1e-4);
  }
  CheckpointContent content() {
    return {.model = &molmo.params(),
            .extra = nullptr,
            .optimizer = optimizer.get(),
            .everyone = nullptr,
            .sharded = nullptr};
  }
  StepResult step(int64_t step, int64_t micro = 2) {
    std::vector<MicroBatch> batches;
    for (int64_t row = 0; row < 2; row += micro) batches.push_back(make_batch(step, row, micro));
    model::ForwardOptions forward;
    forward.dropout.response = 0.1;
    forward.dropout.seed = static_cast<uint64_t>(1000 + step);
    return train_step(*objective, *optimizer, batches,
                      {.step = step, .run_steps = 20, .forward = forward, .ranks = {}});
  }
};

bool same_weights(const model::Molmo& a, const model::Molmo& b) {
  for (const Parameter& param : a.params().all()) {
    if (!param.value.equal(b.params().find(param.name)->value)) return false;
  }
  return true;
}

TEST(Checkpoint, ResumedRunEqualsUninterruptedRunBitForBit) {
  const TemporaryFolder folder;
  TinyRun straight, first, second;
  for (int64_t step = 1; step <= 20; ++step) straight.step(step);
  for (int64_t step = 1; step <= 10; ++step) first.step(step);
  save_checkpoint(folder.path(), first.content(), {.step = 10, .examples_seen = 20}, 2);
  second.step(1);  // anything but the initial state
  EXPECT_EQ(load_checkpoint(folder.path() / "step000010", second.content()), (TrainState{10, 20, {}}));
  for (int64_t step = 11; step <= 20; ++step) second.step(step);
  EXPECT_TRUE(same_weights(straight.molmo, second.molmo));
}

TEST(AdamW, StateOfOtherParametersIsRefused) {
  TinyRun run;
  run.step(1);
  std::map<std::string, Tensor> state = run.optimizer->state();
  run.optimizer->load_state(state);
  const size_t num_tensors = state.size();
  state["model.of.another.run.step"] = at::zeros({});
  EXPECT_EQ(molmo::testing::error_of([&] { run.optimizer->load_state(state); }),
            fmt::format("[checkpoint] optimizer state holds {} tensors, {} belong to trained parameters",
                        num_tensors + 1, num_tensors));
}

TEST(Checkpoint, KeepsTheNewestAndNamesIt) {
  const TemporaryFolder folder;
  TinyRun run;
  run.step(1);
  for (const int64_t step : {1, 2, 3})
    save_checkpoint(folder.path(), run.content(), {.step = step, .examples_seen = 0}, 2);
  EXPECT_EQ(complete_steps(folder.path()), (std::vector<int64_t>{2, 3}));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "step000001"));
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "latest"), std::string("step000003\n").size());
}

TEST(Checkpoint, IgnoresAStepWithoutManifestOrWithACutFile) {
  const TemporaryFolder folder;
  TinyRun run;
  run.step(1);
  for (const int64_t step : {1, 2, 3})
    save_checkpoint(folder.path(), run.content(), {.step = step, .examples_seen = 0}, 5);
  std::filesystem::remove(folder.path() / "step000003" / "manifest.json");
  std::filesystem::resize_file(folder.path() / "step000002" / "optim-00001-of-00001.safetensors", 100);
  EXPECT_EQ(complete_steps(folder.path()), std::vector<int64_t>{1});
}

TEST(Checkpoint, NamesTheTensorsOfAnotherModel) {
  const TemporaryFolder folder;
  TinyRun run;
  run.step(1);
  save_checkpoint(folder.path(), run.content(), {.step = 1, .examples_seen = 0}, 1);
  config::ModelConfig wider = tiny_model_config();
  wider.decoder.ffn_width = 48;
  model::Molmo other(wider);
  other.params().materialize(at::kCPU, 1);
  mark_trained(other.params(), quick_optimizer());
  AdamW optimizer(make_groups(other.params(), quick_optimizer()), quick_optimizer());
  try {
    load_checkpoint(folder.path() / "step000001",
                    {.model = &other.params(), .extra = nullptr, .optimizer = &optimizer});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("model.transformer.blocks.0.ff_proj.weight: wrong shape"),
              std::string::npos)
        << error.what();
  }
}

// The copy that a save writes from is the next one's too: that one waits, however slow the disk is.
TEST(CheckpointSaver, ASecondSaveDoesNotChangeTheFirst) {
  const TemporaryFolder folder;
  TinyRun run;
  run.step(1);
  const auto everyone = distributed::connect({}, {});
  CheckpointContent content = run.content();
  content.everyone = everyone.get();
  std::promise<void> second;
  const std::shared_future<void> second_begins = second.get_future().share();
  CheckpointSaver saver(folder.path(), 9, *everyone, std::chrono::seconds(60), [=](const std::filesystem::path&) {
    second_begins.wait();  // before the weights are written
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  });
  TinyRun copy;
  std::vector<Tensor> first;
  for (const Parameter& param : run.molmo.params().all()) first.push_back(param.value.detach().clone());
  saver.save(content, {.step = 1, .examples_seen = 2});
  run.step(2);
  second.set_value();
  saver.save(content, {.step = 2, .examples_seen = 4});
  EXPECT_EQ(complete_steps(folder.path()), std::vector<int64_t>{1});  // it has waited
  saver.wait();
  load_checkpoint(folder.path() / "step000001", copy.content());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(copy.molmo.params().all()[i].value.equal(first[i])) << i;
  load_checkpoint(folder.path() / "step000002", copy.content());
  EXPECT_TRUE(same_weights(copy.molmo, run.molmo));
}

// Records what the ranks wait for each other for, and looks at the folder then.
class Witness : public distributed::Communicator {
 public:
  using Look = std::function<void(std::string_view subject)>;
  Witness(Look look) : Communicator(0, 1), look_(std::move(look)), alone_(distributed::connect({}, {})) {}

  std::unique_ptr<distributed::Pending> all_gather(const Tensor& shard, const Tensor& whole,
                                                   std::string_view s) override {
    return alone_->all_gather(shard, whole, s);
  }
  std::unique_ptr<distributed::Pending> reduce_scatter(const Tensor& whole, const Tensor& shard,
                                                       std::string_view s) override {
    return alone_->reduce_scatter(whole, shard, s);
  }
  std::unique_ptr<distributed::Pending> all_reduce(const Tensor& values, std::string_view subject) override {
    look_(subject);
    return alone_->all_reduce(values, subject);
  }
  std::unique_ptr<Communicator> subgroup(const std::string&, const std::vector<int>&, at::Device,
                                         std::optional<std::chrono::seconds>) override {
    return std::make_unique<Witness>(look_);
  }

 private:
  Look look_;
  std::unique_ptr<Communicator> alone_;
};

TEST(CheckpointSaver, TheManifestComesAfterTheFilesOfAllRanks) {
  const TemporaryFolder folder;
  const std::filesystem::path step = folder.path() / "step000001";
  std::vector<std::string> seen;
  Witness everyone([&](std::string_view subject) {
    seen.push_back(fmt::format("{}: {}{}{}", subject, std::filesystem::exists(step) ? "folder " : "",
                               std::filesystem::exists(step / "optim-00001-of-00001.safetensors") ? "files " : "",
                               std::filesystem::exists(step / "manifest.json") ? "manifest" : ""));
  });
  TinyRun run;
  run.step(1);
  CheckpointContent content = run.content();
  content.everyone = &everyone;
  {
    CheckpointSaver saver(folder.path(), 9, everyone, std::chrono::seconds(60), {});
    saver.save(content, {.step = 1, .examples_seen = 2});
  }
  EXPECT_EQ(complete_steps(folder.path()), std::vector<int64_t>{1});
  std::erase_if(seen, [](const std::string& line) { return !line.starts_with("the checkpoint's"); });
  EXPECT_EQ(seen,
            (std::vector<std::string>{"the checkpoint's folder: folder ", "the checkpoint's files: folder files "}));
}

TEST(SpikeGuard, SkipsWhatStandsOutAndGoesOn) {
  SpikeGuard guard(6.0);
  const auto noise = [](int i) { return 0.01 * std::sin(12.9898 * i); };
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(guard.admits(2.0 + noise(i), 1.0 + noise(3 * i))) << i;
  const SpikeGuard::State before = guard.state();
  EXPECT_FALSE(guard.admits(3.0, 1.0));
  EXPECT_FALSE(guard.admits(2.0, 9.0));
  EXPECT_FALSE(guard.admits(2.0, 2.0));  // usual as a loss, but not as a gradient
  EXPECT_FALSE(guard.admits(std::nan(""), 1.0));
  EXPECT_EQ(guard.state(), before);     // nothing is learnt of what is skipped
  EXPECT_TRUE(guard.admits(1.5, 0.5));  // better is no spike
  SpikeGuard off(0.0);
  for (int i = 0; i < 200; ++i) off.admits(2.0 + noise(i), 1.0);
  EXPECT_TRUE(off.admits(1e30, 1e30));
  EXPECT_FALSE(off.admits(1.0, std::numeric_limits<double>::infinity()));
}

TEST(TrainStep, MicroBatchesDoNotChangeTheGradient) {
  TinyRun whole, split;
  const StepResult a = accumulate(*whole.objective, std::vector<MicroBatch>{make_batch(1, 0, 2)}, {});
  const StepResult b =
      accumulate(*split.objective, std::vector<MicroBatch>{make_batch(1, 0, 1), make_batch(1, 1, 1)}, {});
  EXPECT_NEAR(a.cross_entropy, b.cross_entropy, 1e-6);
  for (const Parameter& param : whole.molmo.params().all()) {
    const Tensor gradient = param.value.grad(), other = split.molmo.params().find(param.name)->value.grad();
    ASSERT_EQ(gradient.defined(), other.defined()) << param.name;
    if (gradient.defined()) {
      EXPECT_TRUE(gradient.allclose(other, 1e-4, 1e-6)) << param.name;
    }
  }
}

// A rank that has fewer micro-batches than the others runs padding: it counts in no mean.
TEST(TrainStep, PaddingCountsInNoLoss) {
  config::ModelConfig config = tiny_model_config();
  config.decoder.block = config::BlockKind::kMoe;
  config.decoder.num_experts = 4, config.decoder.experts_per_token = 2;
  config.decoder.load_balancing_weight = 0.01, config.decoder.router_z_weight = 0.001;
  model::Molmo molmo(config);
  molmo.params().materialize(at::kCPU, 5);
  molmo.params().set_trained([](const Parameter&) { return true; });
  const TokenObjective objective(molmo, 1e-4);
  const auto gradient_of = [&](const std::vector<MicroBatch>& batches, StepResult& result) {
    result = accumulate(objective, batches, {});
    Tensor& gradient = molmo.params().find("model.transformer.blocks.0.ffn.router.layer.weight")->value.mutable_grad();
    const Tensor kept = gradient.clone();
    for (Parameter& param : molmo.params().all()) param.value.mutable_grad() = Tensor();
    return kept;
  };
  StepResult alone, padded;
  const Tensor expected = gradient_of({make_batch(1, 0, 2)}, alone);
  const Tensor got = gradient_of({make_batch(1, 0, 2), objective.nothing()}, padded);
  EXPECT_GT(alone.load_balancing, 0.0);
  EXPECT_NEAR(padded.load_balancing, alone.load_balancing, 1e-7);
  EXPECT_NEAR(padded.router_z, alone.router_z, 1e-7);
  EXPECT_NEAR(padded.cross_entropy, alone.cross_entropy, 1e-6);
  EXPECT_TRUE(got.allclose(expected, 1e-4, 1e-7));
}

TEST(TrainStep, ABatchWithoutLossTokensLeavesTheWeightsAlone) {
  TinyRun run, untouched;
  MicroBatch batch = make_batch(1, 0, 2);
  batch.targets.weights.zero_();
  EXPECT_TRUE(train_step(*run.objective, *run.optimizer, std::vector<MicroBatch>{batch}, kFirstOfTwenty).is_skipped);
  EXPECT_TRUE(same_weights(run.molmo, untouched.molmo));
}

TEST(TrainStep, ALossThatIsNotFiniteLeavesTheWeightsAlone) {
  TinyRun run, untouched;
  MicroBatch batch = make_batch(1, 0, 2);
  batch.inputs.patches.fill_(std::nanf(""));
  EXPECT_TRUE(train_step(*run.objective, *run.optimizer, std::vector<MicroBatch>{batch}, kFirstOfTwenty).is_skipped);
  EXPECT_TRUE(same_weights(run.molmo, untouched.molmo));
}

// A signal in a long step: what was computed of it is dropped.
TEST(TrainStep, OneThatIsGivenUpLeavesTheWeightsAlone) {
  TinyRun run, untouched;
  int num_asked = 0;
  StepOptions options = kFirstOfTwenty;
  options.gives_up = [&] { return ++num_asked == 2; };
  const std::vector<MicroBatch> batches(4, make_batch(1, 0, 1));
  EXPECT_THROW(train_step(*run.objective, *run.optimizer, batches, options), Interruption);
  EXPECT_EQ(num_asked, 2);
  EXPECT_TRUE(same_weights(run.molmo, untouched.molmo));
  EXPECT_TRUE(run.optimizer->state().empty());
}

// The norm that clipping divides by is that of all groups of a component together.
TEST(Clipping, TakesTheNormOverAllGroupsOfAComponent) {
  TinyRun run;
  accumulate(*run.objective, std::vector<MicroBatch>{make_batch(1, 0, 2)}, {});
  std::array<double, kComponents.size()> expected{};
  int num_groups = 0;
  for (const ParamGroup& group : run.optimizer->groups()) {
    num_groups += group.component == Component::kLlm ? 1 : 0;
    for (const Parameter* param : group.params) {
      const Tensor gradient = param->value.grad();
      if (gradient.defined())
        expected[static_cast<size_t>(group.component)] += gradient.to(at::kDouble).square().sum().item<double>();
    }
  }
  ASSERT_GE(num_groups, 2);  // with and without decay
  const std::vector<double> squares = tensor::read_values({squared_norms(run.optimizer->groups())});
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_GT(expected[i], 0.0);
    EXPECT_NEAR(squares[i], expected[i], 1e-5 * expected[i]) << "component " << i;
  }
}

TEST(Training, LearnsAFixedBatch) {
  TinyRun run;
  const auto loss_after = [&](int steps) {
    double loss = 0;
    for (int i = 1; i <= steps; ++i)
      loss = train_step(*run.objective, *run.optimizer, std::vector<MicroBatch>{make_batch(1, 0, 2)},
                        {.step = i, .run_steps = 1000, .forward = {}, .ranks = {}})
                 .cross_entropy;
    return loss;
  };
  EXPECT_LT(loss_after(60), 0.5);
}

TEST(ClipLimit, LagsOneUpdateBehindItsWarmup) {
  config::OptimizerConfig optimizer;
  optimizer.clip_warmup_steps = 2;
  optimizer.clip_warmup_factor = 0.1;
  EXPECT_EQ(clip_limit(optimizer, 1.0, 1), 1.0);
  EXPECT_DOUBLE_EQ(clip_limit(optimizer, 1.0, 2), 0.1);
  EXPECT_DOUBLE_EQ(clip_limit(optimizer, 1.0, 3), 0.1);
  EXPECT_EQ(clip_limit(optimizer, 1.0, 4), 1.0);
}

}  // namespace
}  // namespace molmo::train
