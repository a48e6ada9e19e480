// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "config/train_config.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::config {
namespace {

using testing::error_of;

// The error of a MolmoConfig that a file would hold.
std::string error_of_json(const std::string& text) {
  return error_of([&] { from_json<MolmoConfig>(parse_json(text, "m.json"), "m.json"); });
}

class LoadFile : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, text);
  }
  TrainConfig load(const std::string& name, const std::vector<std::string>& overrides = {}) {
    return load_config<TrainConfig>(folder_ / name, overrides);
  }
  std::string error(const std::string& name, const std::vector<std::string>& overrides = {}) {
    return error_of([&] { load(name, overrides); }, folder_.path().string());
  }

  testing::TemporaryFolder folder_;
};

constexpr const char* kData = R"("data": {"datasets": {"a": {"path": "a"}}})";

TEST(FromJson, ReadsEveryKindOfField) {
  const MolmoConfig molmo = from_json<MolmoConfig>(parse_json(R"({
    "model": {"connector": {"vit_layers": [-1, 3], "pooling": "attention"}, "decoder": {"clip_qkv": 8, "norm_eps": 1e-5, "scale_logits": true}},
    "preprocess": {"overlap_margins": [2, 6]},
    "tokenizer": {"file": "t.model", "kept_added_tokens": [151643], "bos_id": null}})",
                                                              "m.json"),
                                                   "m.json");
  EXPECT_EQ(molmo.model.connector.vit_layers, (std::vector<int>{-1, 3}));
  EXPECT_EQ(molmo.model.connector.pooling, PoolingKind::kAttention);
  EXPECT_EQ(molmo.model.decoder.clip_qkv, 8.0);
  EXPECT_EQ(molmo.model.decoder.norm_eps, 1e-5);
  EXPECT_TRUE(molmo.model.decoder.scale_logits);
  EXPECT_EQ(molmo.preprocess.overlap_margins, (std::array<int, 2>{2, 6}));
  EXPECT_EQ(molmo.tokenizer.file, "t.model");
  EXPECT_EQ(molmo.tokenizer.kept_added_tokens, std::vector<int64_t>{151643});
  EXPECT_EQ(molmo.tokenizer.bos_id, std::nullopt);
  EXPECT_EQ(molmo.model.vit.width, 1024);  // absent keys keep their defaults
}

TEST(FromJson, ReportsAllProblemsAtOnce) {
  EXPECT_EQ(
      error_of_json(
          R"({"modle": {}, "model": {"vit": {"widht": 3, "num_layers": "many"}, "connector": {"zzzzzzzzzzzz": 1}}, "prompt": 7})"),
      "[config] m.json: 'model.vit.num_layers': got \"many\", expected integer from 1 to 4096\n"
      "[config] m.json: unknown key 'model.vit.widht' (did you mean 'model.vit.width'?)\n"
      "[config] m.json: unknown key 'model.connector.zzzzzzzzzzzz', expected one of vit_layers, pool_height, "
      "pool_width, pooling, projector, "
      "hidden_width, padding_embed, feature_dropout\n"
      "[config] m.json: 'prompt': got 7, expected object\n"
      "[config] m.json: unknown key 'modle' (did you mean 'model'?)");
}

TEST(FromJson, IntegersAreWholeAndInRange) {
  const auto error_of_width = [](const std::string& value) {
    return error_of_json(R"({"model": {"vit": {"width": )" + value + "}}}");
  };
  for (const char* value :
       {"1.5", "1.0", "true", "null", "0", "-3", "2147483648", "9223372036854775808", "[1]", "\"1024\""}) {
    EXPECT_EQ(error_of_width(value),
              "[config] m.json: 'model.vit.width': got " + std::string(value) + ", expected integer from 1 to 1048576");
  }
  EXPECT_EQ(error_of_width(R"({"a": 1})"),
            "[config] m.json: 'model.vit.width': got an object, expected integer from 1 to 1048576");
}

TEST(FromJson, NumbersListsAndNamesSayWhatIsAccepted) {
  EXPECT_EQ(error_of_json(R"({"model": {"decoder": {"residual_dropout": 1}}})"),
            "[config] m.json: 'model.decoder.residual_dropout': got 1, expected number from 0 to 0.99");
  EXPECT_EQ(error_of_json(R"({"model": {"decoder": {"rope_theta": "1e6"}}})"),
            "[config] m.json: 'model.decoder.rope_theta': got \"1e6\", expected number >= 1");
  EXPECT_EQ(error_of_json(R"({"model": {"vit": {"kind": "clip"}}})"),
            "[config] m.json: 'model.vit.kind': got \"clip\", expected one of openai, siglip, dino");
  EXPECT_EQ(error_of_json(R"({"preprocess": {"overlap_margins": [4, -4]}})"),
            "[config] m.json: 'preprocess.overlap_margins[1]': got -4, expected integer from 0 to 1024");
  EXPECT_EQ(error_of_json(R"({"preprocess": {"overlap_margins": [4]}})"),
            "[config] m.json: 'preprocess.overlap_margins': got [4], expected list of 2 x integer from 0 to 1024");
  EXPECT_EQ(error_of_json(R"({"model": {"decoder": {"clip_qkv": false}}})"),
            "[config] m.json: 'model.decoder.clip_qkv': got false, expected number >= 0");
  EXPECT_EQ(error_of_json("[]"), "[config] m.json: got a JSON array, expected an object");
}

TEST_F(LoadFile, BasesMergeInOrder) {
  write("base/grand.json", R"({"steps": 5, "z_loss": 0, "optimizer": {"llm": {"betas": [0.8, 0.9], "eps": 1e-8}}})");
  write("base/parent.json", std::string(R"({"base": "grand.json", "steps": 6, )") + kData + "}");
  write("child.json", R"({"base": "base/parent.json", // a comment
    "optimizer": {"llm": {"betas": [0.7, 0.8]}}, "data": {"datasets": {"b": {"path": "b"}}}})");
  const TrainConfig config = load("child.json");
  EXPECT_EQ(config.steps, 6);
  EXPECT_EQ(config.z_loss, 0.0);
  EXPECT_EQ(config.optimizer.llm.betas, (std::array<double, 2>{0.7, 0.8}));
  EXPECT_EQ(config.optimizer.llm.eps, 1e-8);
  EXPECT_EQ(config.data.datasets.size(), 2u);
}

TEST_F(LoadFile, OverridesAreJsonOrText) {
  write("a.json", std::string("{") + kData + "}");
  const TrainConfig config = load(
      "a.json", {"steps=7", "optimizer.vit.betas=[0.5,0.6]", "init_tower_from=runs/a=b", "data.datasets.a.split=null0",
                 "optimizer.llm.max_grad_norm=null", "data.datasets.c.path=\"c\"", "steps=8"});
  EXPECT_EQ(config.steps, 8);
  EXPECT_EQ(config.optimizer.vit.betas, (std::array<double, 2>{0.5, 0.6}));
  EXPECT_EQ(config.init_tower_from, "runs/a=b");
  EXPECT_EQ(config.data.datasets.at("a").split, "null0");
  EXPECT_EQ(config.optimizer.llm.max_grad_norm, std::nullopt);
  EXPECT_EQ(config.data.datasets.at("c").path, "c");
}

TEST_F(LoadFile, OverridesEmptyAndRemove) {
  write("a.json", std::string(R"({"steps": 7, "optimizer": {"llm": {"betas": [0.5, 0.6], "max_grad_norm": 2}},
    "evaluations": {"a": {"data": "a", "every": 3}, "b": {"data": "b"}}, "molmo": {"tokenizer": {"file": "t"}}, )") +
                      R"("data": {"datasets": {"a": {"path": "a", "annotations": ["qa"]}, "b": {"path": "b"}}}})");
  EXPECT_EQ(load("a.json").evaluations.size(), 2u);
  EXPECT_EQ(load("a.json", {"evaluations={}"}).evaluations.size(), 0u);
  const TrainConfig anew = load("a.json", {"evaluations={}", "evaluations.c.data=c"});
  EXPECT_EQ(anew.evaluations.size(), 1u);
  EXPECT_EQ(anew.evaluations.at("c").data, "c");
  EXPECT_EQ(load("a.json", {"evaluations=null"}).evaluations.size(), 0u);
  EXPECT_EQ(load("a.json", {"evaluations.a=null"}).evaluations.count("a"), 0u);
  EXPECT_EQ(load("a.json", {"evaluations.a.every=null"}).evaluations.at("a").every, 2000);
  EXPECT_EQ(load("a.json", {R"(data={"datasets": {"b": null}})"}).data.datasets.size(), 1u);
  EXPECT_TRUE(load("a.json", {"data.datasets.a.annotations=[]"}).data.datasets.at("a").annotations.empty());
  EXPECT_TRUE(load("a.json", {"data.datasets.a.annotations=null"}).data.datasets.at("a").annotations.empty());
  EXPECT_EQ(load("a.json", {"steps=null"}).steps, 1000);
  EXPECT_EQ(load("a.json", {"optimizer.llm={}"}).optimizer.llm.betas, (std::array<double, 2>{0.9, 0.95}));
  EXPECT_EQ(load("a.json", {"optimizer.llm.betas=null"}).optimizer.llm.max_grad_norm, 2.0);
  EXPECT_EQ(load("a.json", {"molmo=null"}).molmo.tokenizer.file, "tokenizer.json");
  // A key that takes null as a value has it.
  EXPECT_EQ(load("a.json", {"optimizer.llm.max_grad_norm=null"}).optimizer.llm.max_grad_norm, std::nullopt);
  // A non-empty object merges, as the objects of files do.
  EXPECT_EQ(load("a.json", {R"(evaluations={"a": {"every": 9}})"}).evaluations.at("a").data, "a");

  EXPECT_EQ(error("a.json", {"evaluations.aa=null"}),
            "[config] --set evaluations.aa=null: 'evaluations.aa' is not there to be removed, expected one of a, b "
            "(did you mean 'a'?)");
  EXPECT_EQ(error("a.json", {"evaluations={}", "evaluations.a=null"}),
            "[config] --set evaluations.a=null: 'evaluations.a' is not there to be removed, got an object without "
            "entries");
  EXPECT_EQ(error("a.json", {"stepz=null"}).substr(0, 70),
            "[config] --set stepz=null: unknown key 'stepz' (did you mean 'steps'?)");
  EXPECT_EQ(error("a.json", {"steps={}"}), "[config] --set steps={}: 'steps': got an object, expected integer >= 1");
  EXPECT_EQ(
      error("a.json", {"optimizer.llm.betas=[null,1]"}),
      "[config] --set optimizer.llm.betas=[null,1]: 'optimizer.llm.betas[0]': got null, expected number from 0 to 1");
  write("null.json", R"({"steps": null})");
  EXPECT_EQ(error("null.json"), "[config] null.json: 'steps': got null, expected integer >= 1");
}

TEST(OverrideConfig, ChangesAConfigWithoutAFile) {
  MolmoConfig molmo;
  molmo.model.vit.width = 64;
  EXPECT_EQ(override_config(molmo, {"preprocess.max_crops=3"}, "m").preprocess.max_crops, 3);
  EXPECT_EQ(override_config(molmo, {"model.vit.width=null"}, "m").model.vit.width, 1024);
  EXPECT_EQ(error_of([&] { override_config(molmo, {"model.vit.widht=3"}, "m"); }),
            "[config] --set model.vit.widht=3: unknown key 'model.vit.widht' (did you mean 'model.vit.width'?)");
}

TEST_F(LoadFile, GivenKeysAreThoseOfFilesAndOverrides) {
  write("parent.json", R"({"steps": 6, "molmo": {"model": {"decoder": {"width": 64}}, "prompt": {}}})");
  write("child.json", R"({"base": "parent.json", "optimizer": {"llm": {"betas": [0.7, 0.8]}}})");
  EXPECT_EQ(given_keys(folder_ / "child.json", {"molmo.model.decoder.rope_theta=5"}),
            (std::vector<std::string>{"steps", "molmo.model.decoder.width", "molmo.model.decoder.rope_theta",
                                      "optimizer.llm.betas"}));
  // What an override removes is given no longer: it follows the model that a run begins with.
  EXPECT_EQ(given_keys(folder_ / "child.json", {"molmo.model.decoder.width=null", "optimizer={}"}),
            std::vector<std::string>{"steps"});
}

TEST_F(LoadFile, ProblemsNameTheirSource) {
  write("base.json", R"({"optimizer": {"llm": {"epz": 1e-8}}})");
  write("sft.json", std::string(R"({"base": "base.json", "stepz": 3, )") + kData + "}");
  EXPECT_EQ(error("sft.json", {"global_batch=8", "steps=1.5", "seed=NaN", "z_loss=1e999"}),
            "[config] base.json: unknown key 'optimizer.llm.epz' (did you mean 'optimizer.llm.eps'?)\n"
            "[config] sft.json: unknown key 'stepz' (did you mean 'steps'?)\n"
            "[config] --set global_batch=8: unknown key 'global_batch', expected one of stage, molmo, init_from, "
            "init_llm_from, init_tower_from, max_crops, data, loss_evaluators, evaluations, optimizer, steps, "
            "global_batch_size, micro_batch_size, compute_dtype, cudnn_attention, z_loss, seed, residual_dropout, "
            "response_dropout, "
            "save_every, save_minutes, keep_checkpoints, keep_best, log_every, max_bad_steps, max_sigmas, peak_tflops, "
            "sharding, "
            "recompute\n"
            "[config] --set steps=1.5: 'steps': got 1.5, expected integer >= 1\n"
            "[config] --set seed=NaN: 'seed': got \"NaN\", expected integer from 0 to 4294967295\n"
            "[config] --set z_loss=1e999: 'z_loss': got \"1e999\", expected number >= 0");
}

TEST_F(LoadFile, BrokenChainsAndOverridesAreErrors) {
  write("a.json", R"({"base": "b.json"})");
  write("b.json", R"({"base": "./a.json"})");
  write("self.json", R"({"base": "self.json"})");
  write("lost.json", R"({"base": "nowhere.json"})");
  write("number.json", R"({"base": 3})");
  write("list.json", "[1]");
  write("deep.json", "{\"stage\": " + std::string(100, '[') + std::string(100, ']') + "}");
  write("deeper.json", "{\"stage\": " + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  EXPECT_EQ(error("a.json"), "[config] b.json: 'base' leads in a circle, back to ./a.json");
  write("c.json", R"({"base": "d.json"})");
  write("d.json", R"({"base": "e.json"})");
  write("e.json", R"({"base": "d.json"})");  // a circle that the first file is no part of
  EXPECT_EQ(error("c.json"), "[config] e.json: 'base' leads in a circle, back to d.json");
  EXPECT_EQ(error("self.json"), "[config] self.json: 'base' leads in a circle, back to self.json");
  EXPECT_EQ(error("lost.json"),
            "[config] lost.json: 'base': got \"nowhere.json\", expected the path of a file, relative to this one");
  EXPECT_EQ(error("number.json"),
            "[config] number.json: 'base': got 3, expected the path of a file, relative to this one");
  EXPECT_EQ(error("list.json"), "[config] list.json: got a JSON array, expected an object");
  EXPECT_EQ(error("deep.json"), "[config] deep.json: 'stage': got a list of 1, expected one of tower, caption, sft");
  EXPECT_TRUE(error("deeper.json").ends_with("nested deeper than 256 levels")) << error("deeper.json");
  write("twice.json", "{\"steps\": 1,\n \"steps\": 2}");
  EXPECT_EQ(error("twice.json"), "[json] twice.json:2:8: steps: is duplicated in one object, expected it once");
  write("ok.json", std::string("{") + kData + "}");
  EXPECT_EQ(error("ok.json", {"steps"}),
            "[config] --set steps: expected key=value with a key like optimizer.llm.learning_rate");
  EXPECT_EQ(error("ok.json", {R"(optimizer={"llm": 1, "llm": 2})"}),
            R"([json] --set optimizer={"llm": 1, "llm": 2}:1:16: llm: is duplicated in one object, expected it once)");
  EXPECT_EQ(error("ok.json", {".steps=3"}),
            "[config] --set .steps=3: expected key=value with a key like optimizer.llm.learning_rate");
  EXPECT_EQ(error("ok.json", {"steps.llm=3"}),
            "[config] --set steps.llm=3: 'steps': got an object, expected integer >= 1");
}

TEST(Diff, NamesKeysWithOldAndNewValue) {
  TrainConfig before, after;
  after.steps = 5;
  after.optimizer.llm.betas = {0.5, 0.75};
  after.init_from = "m";
  after.data.datasets["a"].path = "p";
  EXPECT_EQ(
      diff(before, after),
      (std::vector<std::string>{
          "init_from: null -> \"m\"",
          R"(data.datasets.a: (absent) -> {"path":"p","split":"train","group":"main","annotations":[],"fixed_size":null})",
          "optimizer.llm.betas: [0.9,0.95] -> [0.5,0.75]", "steps: 1000 -> 5"}));
  EXPECT_FALSE(is_same(before, after));
  EXPECT_TRUE(is_same(after, from_json<TrainConfig>(to_json(after), "again")));
}

TEST(HelpKeys, ListKeyDefaultMeaningAndAcceptedValues) {
  const std::string help = help_keys<TrainConfig>();
  for (const char* line : {
           "steps = 1000: updates of the run (integer >= 1)\n",
           "stage = \"caption\": what is taught: tower, caption or sft (one of tower, caption, sft)\n",
           "molmo.model.vit: vision tower\n",
           "molmo.preprocess.overlap_margins = [4,4]: overlap of neighbouring crops in patches: left and top, right "
           "and bottom (list of 2 x integer from 0 to 1024)\n",
           "optimizer.llm.max_grad_norm = 1.0: gradient norm limit; null: no clipping (number >= 0, or null)\n",
           "data.datasets.<name>.path = \"\": own-data folder: data.jsonl with pictures beside it (text)\n",
       }) {
    EXPECT_NE(help.find(line), std::string::npos) << line;
  }
}

TEST(HelpKeys, APrefixChoosesKeys) {
  EXPECT_EQ(help_keys<TrainConfig>("steps"), "steps = 1000: updates of the run (integer >= 1)\n");
  const std::string rates = help_keys<TrainConfig>("learning_rate");
  EXPECT_NE(rates.find("optimizer.llm.learning_rate = "), std::string::npos) << rates;
  EXPECT_NE(rates.find("optimizer.vit.learning_rate = "), std::string::npos) << rates;
  EXPECT_EQ(rates.find("warmup"), std::string::npos) << rates;
  EXPECT_NE(help_keys<TrainConfig>("data.datasets").find("data.datasets.<name>.path"), std::string::npos);
  EXPECT_EQ(error_of([] { help_keys<TrainConfig>("optimzer"); }),
            "[config] --help-keys optimzer: got no key with a name that begins with 'optimzer' (did you mean "
            "'optimizer'?); --help-keys alone lists all");
}

TEST(Recipes, ShippedFilesAreValid) {
  const std::filesystem::path configs = testing::data_directory() / "../../configs/train";
  size_t num_recipes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(configs)) {
    if (entry.path().extension() != ".json" || !read_json(entry.path()).contains("stage")) continue;
    EXPECT_EQ(error_of([&] { load_config<TrainConfig>(entry.path()); }), "no error");
    ++num_recipes;
  }
  EXPECT_GT(num_recipes, 0u);
}

}  // namespace
}  // namespace molmo::config
