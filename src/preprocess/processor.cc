// SPDX-License-Identifier: Apache-2.0
#include "preprocess/processor.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "molmo/error.h"
#include "preprocess/crops.h"

namespace molmo::preprocess {
namespace {

// Subsegment id of an image at the start: larger than that of any annotation, so that all may see it.
constexpr int64_t kImageSubsegment = 10000;

// Positions restart after the image for every annotation: the count of earlier tokens with an id at least as large.
std::vector<int64_t> subsegment_positions(const std::vector<int64_t>& ids) {
  std::map<int64_t, int64_t> counts;  // id -> tokens so far with at least that id
  for (const int64_t id : ids) counts[id] = 0;
  std::vector<int64_t> positions;
  positions.reserve(ids.size());
  for (const int64_t id : ids) {
    positions.push_back(counts[id]);
    for (auto& [other, count] : counts) {
      if (other > id) break;
      ++count;
    }
  }
  return positions;
}

}  // namespace

// Tokens before the shift, with what belongs to each.
struct Processor::Sequence {
  std::vector<int64_t> tokens, subsegments;
  std::vector<float> losses;
  int64_t num_image_tokens = 0;

  void append(const std::vector<int64_t>& ids, int64_t subsegment, float loss) {
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    subsegments.insert(subsegments.end(), ids.size(), subsegment);
    losses.insert(losses.end(), ids.size(), loss);
  }
};

Processor::Processor(config::PreprocessConfig preprocess, config::AnnotationWeighting weighting,
                     text::MolmoTokenizer tokenizer, SpecialText special_text)
    : preprocess_(preprocess), weighting_(weighting), tokenizer_(std::move(tokenizer)), special_text_(special_text) {}

std::vector<int64_t> Processor::encode_turn(const std::string& text) const {
  if (special_text_ == SpecialText::kTokens) return tokenizer_.tokenizer->encode(text);
  std::vector<int64_t> ids = tokenizer_.tokenizer->encode_text(text);
  const text::SpecialTokens& special = tokenizer_.special;
  for (const int64_t id : ids) {  // a vocabulary may have these texts as ordinary pieces
    if (id < special.im_start || id > special.image) continue;
    throw Error(fmt::format("[preprocess] a text holds '{}', which this tokenizer cannot tell from the special token",
                            text::kImageTokens[static_cast<size_t>(id - special.im_start)]));
  }
  return ids;
}

Processor::Sequence Processor::encode(std::span<const Conversation> conversations, std::optional<double> weight) const {
  if (conversations.empty()) throw Error("[preprocess] messages, got none, expected at least one conversation");
  if (conversations.size() >= static_cast<size_t>(kImageSubsegment)) {
    throw Error(fmt::format("[preprocess] messages, got {} conversations, expected fewer than {}", conversations.size(),
                            kImageSubsegment));
  }
  if (weight && conversations.size() > 1)
    throw Error("[preprocess] example weight, got one with several conversations, expected a single conversation");
  float loss = weight ? static_cast<float>(*weight) : 1.0f;
  if (weighting_ == config::AnnotationWeighting::kRootSubsegments && conversations.size() > 1) {
    loss = std::sqrt(1.0f / static_cast<float>(conversations.size()));
  }
  Sequence sequence;
  for (size_t k = 0; k < conversations.size(); ++k) {
    if (conversations[k].empty())
      throw Error("[preprocess] messages, got an empty conversation, expected user, assistant, ...");
    for (size_t turn = 0; turn < conversations[k].size(); ++turn) {
      const bool is_answer = turn % 2 == 1;
      std::vector<int64_t> ids = encode_turn(conversations[k][turn]);
      if (is_answer) ids.push_back(tokenizer_.special.eos);
      sequence.append(ids, static_cast<int64_t>(k) + 1, is_answer ? loss : 0.0f);
    }
  }
  return sequence;
}

void Processor::splice_images(Sequence& sequence, std::vector<ImageInputs>& images) const {
  std::vector<size_t> places;  // of the placeholders, in the unexpanded sequence
  for (size_t i = 0; i < sequence.tokens.size(); ++i) {
    if (sequence.tokens[i] == tokenizer_.special.image) places.push_back(i);
  }
  const bool at_start = places.empty();
  if (images.empty() && at_start) return;
  if (!at_start && places.size() != images.size()) {
    throw Error(fmt::format("[preprocess] <|image|> placeholders, got {} for {} pictures, expected one each",
                            places.size(), images.size()));
  }
  Sequence spliced;
  size_t next = 0;
  for (size_t k = 0; k < images.size(); ++k) {
    const size_t place = at_start ? 0 : places[k];
    const auto copy = [&](auto& to, const auto& from) {
      to.insert(to.end(), from.begin() + static_cast<ptrdiff_t>(next), from.begin() + static_cast<ptrdiff_t>(place));
    };
    copy(spliced.tokens, sequence.tokens);
    copy(spliced.subsegments, sequence.subsegments);
    copy(spliced.losses, sequence.losses);
    const auto offset = static_cast<int64_t>(spliced.tokens.size());
    for (int64_t& position : images[k].token_positions) {
      if (position >= 0) position += offset;
    }
    spliced.append(images[k].tokens, at_start ? kImageSubsegment : static_cast<int64_t>(place), 0.0f);
    spliced.num_image_tokens += static_cast<int64_t>(images[k].tokens.size());
    next = at_start ? 0 : place + 1;
  }
  const auto rest = [&](auto& to, const auto& from) {
    to.insert(to.end(), from.begin() + static_cast<ptrdiff_t>(next), from.end());
  };
  rest(spliced.tokens, sequence.tokens);
  rest(spliced.subsegments, sequence.subsegments);
  rest(spliced.losses, sequence.losses);
  sequence = std::move(spliced);
}

Example Processor::shift(Sequence sequence, bool has_subsegments) const {
  Example example;
  example.num_image_tokens = sequence.num_image_tokens;
  const bool is_training = !sequence.tokens.empty() && sequence.tokens.back() == tokenizer_.special.eos;
  example.input_tokens = {tokenizer_.special.bos};
  example.input_tokens.insert(example.input_tokens.end(), sequence.tokens.begin(), sequence.tokens.end());
  // BOS belongs to what it stands before.
  std::vector<int64_t> subsegments = {sequence.subsegments.empty() ? kImageSubsegment : sequence.subsegments.front()};
  subsegments.insert(subsegments.end(), sequence.subsegments.begin(), sequence.subsegments.end());
  example.target_tokens = std::move(sequence.tokens);
  example.loss_masks = std::move(sequence.losses);
  if (is_training) {
    example.input_tokens.pop_back();
    subsegments.pop_back();
  } else {
    example.target_tokens.push_back(-1);
    example.loss_masks.push_back(-1.0f);
  }
  if (has_subsegments) {
    example.position_ids = subsegment_positions(subsegments);
    example.subsegment_ids = std::move(subsegments);
  } else {
    for (size_t i = 0; i < example.input_tokens.size(); ++i) example.position_ids.push_back(static_cast<int64_t>(i));
  }
  return example;
}

Example Processor::assemble(std::vector<ImageInputs> images, std::span<const Conversation> conversations,
                            std::optional<double> weight) const {
  Sequence sequence = encode(conversations, weight);
  splice_images(sequence, images);
  Example example = shift(std::move(sequence), conversations.size() > 1);
  for (ImageInputs& image : images) {
    for (int64_t& position : image.token_positions) {
      if (position >= 0) ++position;  // BOS
    }
  }
  example.images = std::move(images);
  return example;
}

Example Processor::operator()(std::span<const image::Picture> pictures, std::span<const Conversation> conversations,
                              std::optional<double> weight) const {
  std::vector<ImageInputs> images;
  for (const image::Picture& picture : pictures)
    images.push_back(make_image_inputs(picture, preprocess_, tokenizer_.special));
  Example example = assemble(std::move(images), conversations, weight);
  for (const image::Picture& picture : pictures) example.image_sizes.emplace_back(picture.width, picture.height);
  return example;
}

}  // namespace molmo::preprocess
