// A picture and ready conversations to the arrays of one example (golden/preprocess/example).
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "image/decode.h"
#include "molmo/error.h"
#include "oracles/preprocess/options.h"
#include "oracles/preprocess/values.h"
#include "preprocess/processor.h"
#include "support/paths.h"

namespace molmo::testing {
namespace {

using preprocess::Conversation;

// Loading takes longer than a case, and the cases share three tokenizers.
const text::MolmoTokenizer& tokenizer_of(const Json& options) {
  static std::map<std::string, text::MolmoTokenizer> known;
  const std::string key = options.dump();
  if (!known.contains(key)) {
    config::TokenizerConfig config{.file = options.at("file").get<std::string>() + ".gz"};
    if (!options.at("kept_added_token_ids").is_null())
      config.kept_added_tokens = options.at("kept_added_token_ids").get<std::vector<int64_t>>();
    if (!options.at("pad_tokenizer_to").is_null()) config.pad_to = options.at("pad_tokenizer_to").get<int>();
    config.bos_id = options.at("bos_token_id").get<int64_t>();
    config.eos_id = options.at("eos_token_id").get<int64_t>();
    known.emplace(key, text::load_tokenizer(data_directory() / "tokenizers", config));
  }
  return known.at(key);
}

config::AnnotationWeighting weighting_of(const Json& options) {
  if (options.at("loss_token_weighting").is_null()) return config::AnnotationWeighting::kNone;
  const auto name = options.at("loss_token_weighting").get<std::string>();
  for (const auto& [value, known] : config::EnumNames<config::AnnotationWeighting>::values) {
    if (known == name) return value;
  }
  throw Error("[config] unknown annotation weighting " + name);
}

std::vector<Conversation> conversations_of(const Json& messages) {
  if (!messages.empty() && messages[0].is_string()) return {messages.get<Conversation>()};
  return messages.get<std::vector<Conversation>>();
}

preprocess::Example make_example(const Json& c, const std::filesystem::path& group) {
  std::vector<image::Picture> pictures;
  if (!c.at("images").is_null()) {
    for (const Json& image : c.at("images"))
      pictures.push_back(image::load_picture(group / image.at("image").get<std::string>()));
  }
  const preprocess::Processor processor(preprocess_options(c.at("options")), weighting_of(c.at("options")),
                                        tokenizer_of(c.at("tokenizer")), preprocess::SpecialText::kTokens);
  const Json& weight = c.at("call").at("weight");
  return processor(pictures, conversations_of(c.at("messages")),
                   weight.is_null() ? std::nullopt : std::optional(weight.get<double>()));
}

struct Crops {
  std::vector<int64_t> shape{0, 0, 0}, positions;
  std::vector<float> masks, sums;
};

// The crops of all pictures in one list, as the reference has them.
Crops join_crops(const preprocess::Example& example) {
  Crops crops;
  for (const preprocess::ImageInputs& image : example.images) {
    crops.shape = {crops.shape[0] + image.num_crops, image.num_patches, image.patch_values};
    crops.positions.insert(crops.positions.end(), image.token_positions.begin(), image.token_positions.end());
    crops.masks.insert(crops.masks.end(), image.masks.begin(), image.masks.end());
    for (auto patch = image.patches.begin(); patch != image.patches.end(); patch += image.patch_values) {
      crops.sums.push_back(static_cast<float>(std::accumulate(patch, patch + image.patch_values, 0.0)));
    }
  }
  return crops;
}

void compare_text(GoldenCase& golden, const CaseTensors& tensors, const preprocess::Example& example) {
  golden.expect_integers("input_tokens", example.input_tokens, tensors.integers("input_tokens"));
  golden.expect_integers("target_tokens", example.target_tokens, tensors.integers("target_tokens"));
  golden.expect_near("loss_masks", example.loss_masks, tensors.floats("loss_masks"), 1e-7);
  golden.expect_integers("position_ids", example.position_ids, tensors.integers("position_ids"));
  golden.expect_integers("subsegment_ids", example.subsegment_ids,
                         tensors.has("subsegment_ids") ? tensors.integers("subsegment_ids") : std::vector<int64_t>{});
}

void compare_crops(GoldenCase& golden, const Json& c, const CaseTensors& tensors, const Crops& crops) {
  const config::PreprocessConfig config = preprocess_options(c.at("options"));
  golden.expect_equal("images_shape", crops.shape, c.at("images_shape").get<std::vector<int64_t>>());
  golden.expect_near("patch_sums", crops.sums, tensors.floats("images.patch_sums"),
                     value_tolerance(config.resize, config.normalize).sum);
  if (tensors.has("image_masks")) golden.expect_near("image_masks", crops.masks, tensors.floats("image_masks"), 1e-7);
}

// DEVIATION: our text-only examples begin with BOS and predict the next token like all others. The reference's arrays
// hold the plain sequence: it must be ours without the BOS, and its targets and weights ours without the shift.
void check_text_only(GoldenCase& golden, const Json& c, const CaseTensors& tensors,
                     const preprocess::Example& example) {
  std::vector<int64_t> plain = tensors.integers("input_tokens");
  golden.expect_equal("begins with BOS", example.input_tokens.at(0),
                      c.at("tokenizer").at("bos_token_id").get<int64_t>());
  std::vector<int64_t> sequence(example.input_tokens.begin() + 1, example.input_tokens.end());
  if (example.target_tokens.back() != -1) sequence.push_back(example.target_tokens.back());
  golden.expect_integers("sequence", sequence, plain);
  for (size_t i = 0; i + 1 < example.input_tokens.size(); ++i) {
    golden.expect_true("the target is the next token", example.target_tokens[i] == plain.at(i));
  }
  golden.expect_true("no pictures", example.images.empty());
  golden.expect_equal("positions", example.position_ids.size(), example.input_tokens.size());
}

// DEVIATION: every image token has exactly one cell, however many pictures stand before it (trap T42).
void check_image_places(GoldenCase& golden, const Json& c, const preprocess::Example& example, const Crops& crops) {
  const int64_t patch_token = tokenizer_of(c.at("tokenizer")).special.im_patch;
  std::set<int64_t> places;
  for (const int64_t position : crops.positions) {
    if (position < 0) continue;
    golden.expect_true("the place holds <im_patch>",
                       example.input_tokens.at(static_cast<size_t>(position)) == patch_token);
    golden.expect_true("the place is new", places.insert(position).second);
  }
  int64_t num_free = std::count(example.input_tokens.begin(), example.input_tokens.end(), patch_token) -
                     static_cast<int64_t>(places.size());
  const std::string texts = c.at("messages").dump();  // a user may write the token's name, which gets no cell
  for (size_t at = texts.find("<im_patch>"); at != std::string::npos; at = texts.find("<im_patch>", at + 1)) --num_free;
  golden.expect_equal("every other <im_patch> has a cell", num_free, int64_t{0});
}

// Any negative position means that the cell is discarded; behind a placeholder the reference shifts that value too.
std::vector<int64_t> discards_as_one(std::vector<int64_t> positions) {
  for (int64_t& position : positions) position = std::max<int64_t>(position, -1);
  return positions;
}

void run_example_case(const std::filesystem::path& path, GoldenCase& golden) {
  const Json c = read_json(path);
  const auto make = [&] { return make_example(c, path.parent_path().parent_path()); };
  if (c.contains("error")) return golden.expect_error("example", make);
  const preprocess::Example example = make();
  const CaseTensors tensors(path);
  if (example.images.empty()) return check_text_only(golden, c, tensors, example);
  const Crops crops = join_crops(example);
  compare_text(golden, tensors, example);
  compare_crops(golden, c, tensors, crops);
  check_image_places(golden, c, example, crops);
  if (c.contains("reference_defect")) return;
  golden.expect_integers("image_input_idx", discards_as_one(crops.positions),
                         discards_as_one(tensors.integers("image_input_idx")));
}

}  // namespace

GOLDEN_PART(example) { run.run_folder("example", ".json", run_example_case); }

}  // namespace molmo::testing
