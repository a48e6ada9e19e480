// Greedy decoding and beam search with images, padding, constraints and ends (golden/generate).
// SPDX-License-Identifier: Apache-2.0
#include "generate/decode.h"

#include <nlohmann/json.hpp>

#include "generate/beam_search.h"
#include "oracles/tiny_model.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::testing {
namespace {

// Tokens as stored: padded with the end token up to the longest row.
std::vector<int64_t> padded_tokens(const generate::DecodeResult& result, int64_t eos, size_t steps) {
  std::vector<int64_t> flat;
  for (const auto& row : result.tokens) {
    for (size_t i = 0; i < steps; ++i) flat.push_back(i < row.size() ? row[i] : eos);
  }
  return flat;
}

void compare_with_full_passes(GoldenCase& golden, const model::Molmo& molmo, const model::ModelInputs& inputs,
                              const generate::DecodeResult& result) {
  // Metamorphic: every row again in one unpadded pass without cache.
  const at::NoGradGuard no_grad;
  for (size_t row = 0; row < result.tokens.size(); ++row) {
    const auto index = static_cast<int64_t>(row);
    const int64_t length = (inputs.input_ids[index] != -1).sum().item<int64_t>();
    model::ModelInputs one;
    const Tensor answer = at::tensor(result.tokens[row], at::kLong);
    one.input_ids = at::concat({inputs.input_ids[index].slice(0, 0, length), answer}).unsqueeze(0);
    if (inputs.patches.defined()) {
      const Tensor mine = (inputs.crop_rows == index).nonzero().squeeze(1);
      one.patches = inputs.patches.index_select(0, mine);
      if (inputs.image_masks.defined()) one.image_masks = inputs.image_masks.index_select(0, mine);
      one.token_positions = inputs.token_positions.index_select(0, mine);
      one.crop_rows = at::zeros({mine.size(0)}, at::kLong);
    }
    const Tensor logits = molmo.forward(one, {})[0].slice(0, length - 1, -1);  // [steps, V]
    const Tensor picked = at::log_softmax(logits, -1).gather(1, answer.unsqueeze(1)).squeeze(1);
    golden.expect_near("score of the full pass", result.log_probs[row], picked.sum().item<double>(), 2e-5);
  }
}

generate::DecodeOptions options_of(const Json& config) {
  const Json& options = config.at("generate");
  const auto number = [&](const char* key) {
    return options.at(key).is_null() ? std::nullopt : std::optional(options.at(key).get<int64_t>());
  };
  generate::DecodeOptions decode;
  decode.max_new_tokens = options.at("max_steps").get<int64_t>();
  decode.eos = config.at("eos_token_id").get<int64_t>();
  decode.min_new_tokens = number("min_steps").value_or(0);
  decode.block_ngram = number("block_ngram");
  decode.stop_early = !options.at("is_distributed").get<bool>();
  decode.beams.size = options.at("beam_size").get<int64_t>();
  decode.beams.per_node = number("per_node_beam_size");
  if (!options.at("length_penalty").is_null()) decode.beams.length_penalty = options.at("length_penalty").get<double>();
  return decode;
}

struct Heard {
  std::vector<Tensor> step_logits;  // of every pass
  void listen(const std::string& name, const Tensor& value) {
    if (name == "generate.step_logits") step_logits.push_back(value.clone());
  }
};

void compare_steps(GoldenCase& golden, const std::filesystem::path& folder, Heard& heard, int64_t beams) {
  heard.step_logits[0] = heard.step_logits[0].repeat_interleave(beams, 0);  // stored once per beam
  const TensorMap steps = read_golden_tensors(folder / "steps.safetensors");
  expect_tensor_near(golden, "step_logits", at::stack(heard.step_logits), steps.at("step_logits"), 2e-5);
}

void compare_beams(GoldenCase& golden, const Json& expected, const std::vector<std::vector<generate::Beam>>& rows,
                   int64_t eos) {
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t beam = 0; beam < rows[row].size(); ++beam) {
      std::vector<int64_t> tokens = expected.at("token_ids")[row][beam].get<std::vector<int64_t>>(),
                           got = rows[row][beam].tokens;
      got.resize(tokens.size(), eos);
      golden.expect_integers("token_ids", got, tokens);
      golden.expect_near("score", rows[row][beam].score, expected.at("scores")[row][beam].get<double>(), 2e-5);
    }
  }
}

// Beam search, which for one beam must be greedy decoding.
void run_beams(const std::filesystem::path& folder, GoldenCase& golden, const model::Molmo& molmo,
               const model::ModelInputs& inputs, const generate::DecodeOptions& options, const Json& expected) {
  Heard heard;
  generate::BeamResult result;
  {
    const TapScope scope([&](const std::string& name, const Tensor& value) { heard.listen(name, value); });
    result = generate::search_beams(molmo, inputs, options, {});
  }
  golden.expect_equal("steps_run", result.num_passes, expected.at("steps_run").get<int64_t>());
  compare_beams(golden, expected, result.rows, options.eos);
  compare_steps(golden, folder, heard, options.beams.size);
}

void run_greedy(const std::filesystem::path& folder, GoldenCase& golden, const model::Molmo& molmo,
                const model::ModelInputs& inputs, const generate::DecodeOptions& options, const Json& expected) {
  Heard heard;
  generate::DecodeResult result;
  {
    const TapScope scope([&](const std::string& name, const Tensor& value) { heard.listen(name, value); });
    result = generate::decode(molmo, inputs, options, {});
  }
  golden.expect_equal("steps_run", result.num_passes, expected.at("steps_run").get<int64_t>());
  std::vector<int64_t> tokens;
  for (const Json& row : expected.at("token_ids")) {
    for (const Json& token : row.at(0)) tokens.push_back(token.get<int64_t>());
  }
  golden.expect_integers("token_ids", padded_tokens(result, options.eos, expected.at("token_ids")[0][0].size()),
                         tokens);
  for (size_t row = 0; row < result.log_probs.size(); ++row) {
    golden.expect_near("score", result.log_probs[row], expected.at("scores")[row][0].get<double>(), 2e-5);
  }
  compare_steps(golden, folder, heard, 1);
  if (!options.block_ngram && options.min_new_tokens == 0) compare_with_full_passes(golden, molmo, inputs, result);
}

void run_decode_case(const std::filesystem::path& folder, GoldenCase& golden) {
  const Json config = read_json(folder / "config.json"), expected = read_json(folder / "expected.json");
  const auto molmo = load_golden_model(config.at("native"), folder / "model.safetensors");
  const model::ModelInputs inputs = golden_inputs(read_golden_tensors(folder / "inputs.safetensors"));
  const generate::DecodeOptions options = options_of(config);
  run_beams(folder, golden, *molmo, inputs, options, expected);
  if (options.beams.size == 1) run_greedy(folder, golden, *molmo, inputs, options, expected);
}

}  // namespace

GOLDEN_PART(decode) { run.run_folder("", "", run_decode_case); }

}  // namespace molmo::testing
