// What turns pictures and text into model inputs: preprocessing, prompts, tokenizer. Facts: spec/preprocess.md §0.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "config/field.h"

namespace molmo::config {

enum class ResizeKind { kFitAndPad, kSiglip, kDino, kMetaclip };
enum class NormalizeKind { kOpenai, kSiglip, kDino };
enum class CropMode { kOverlapAndResize, kResize };
enum class PromptTemplates { kNone, kUberModel };
enum class MessageFormat { kNone, kRole };
enum class SystemPrompt { kNone, kStyle, kDemoOrStyle, kStyleAndLength };
enum class AnswerChoice { kBest, kFirst };
enum class AnnotationWeighting { kNone, kRootSubsegments };

/// Whether a resize gives whole 255ths.
constexpr bool rounds_to_bytes(ResizeKind kind) { return kind != ResizeKind::kFitAndPad; }

/// Picture to crops and image tokens. Paper: [P §2 Cropping] [P App. A.1].
struct PreprocessConfig {
  ResizeKind resize = ResizeKind::kFitAndPad;
  NormalizeKind normalize = NormalizeKind::kOpenai;
  CropMode crop_mode = CropMode::kOverlapAndResize;
  int max_crops = 12;                         ///< high-resolution crops; the overview is not counted
  std::array<int, 2> overlap_margins{4, 4};   ///< patches, (left and top, right and bottom)
  int image_height = 336, image_width = 336;  ///< pixels of a crop
  int patch_size = 14;
  int pool_height = 2, pool_width = 2;
  bool use_col_tokens = true;
  double pad_value = 0.0;       ///< of padding, before normalisation, in [0, 1]
  bool use_image_masks = true;  ///< padding masks for the padding embeddings
  bool byte_patches = false;    ///< patches stay bytes up to the device: the same numbers, a quarter of the memory

  int patches_high() const { return image_height / patch_size; }
  int patches_wide() const { return image_width / patch_size; }
  /// Pooled tokens per column and per row of a crop.
  int cells_high() const { return (patches_high() + pool_height - 1) / pool_height; }
  int cells_wide() const { return (patches_wide() + pool_width - 1) / pool_width; }

  template <class V>
  void visit(V& v) {
    v({.name = "resize", .help = "how a picture is fitted to a canvas"}, resize);
    v({.name = "normalize", .help = "pixel statistics of the tower"}, normalize);
    v({.name = "crop_mode", .help = "overview with overlapping crops, or one resized picture"}, crop_mode);
    v({.name = "max_crops",
       .help = "largest number of high-resolution crops (overview not counted) [P Table 12]",
       .min = 1,
       .max = 1024},
      max_crops);
    v({.name = "overlap_margins",
       .help = "overlap of neighbouring crops in patches: left and top, right and bottom",
       .min = 0,
       .max = 1024},
      overlap_margins);
    v({.name = "image_height", .help = "height of a crop in pixels", .min = 1, .max = 16384}, image_height);
    v({.name = "image_width", .help = "width of a crop in pixels", .min = 1, .max = 16384}, image_width);
    v({.name = "patch_size", .help = "side of a patch in pixels", .min = 1, .max = 1024}, patch_size);
    v({.name = "pool_height", .help = "rows of a pooling window, in patches", .min = 1, .max = 1024}, pool_height);
    v({.name = "pool_width", .help = "columns of a pooling window, in patches", .min = 1, .max = 1024}, pool_width);
    v({.name = "use_col_tokens", .help = "end each row of image tokens with <im_col>"}, use_col_tokens);
    v({.name = "pad_value", .help = "value of padding before normalisation", .min = 0, .max = 1}, pad_value);
    v({.name = "use_image_masks", .help = "make padding masks for the padding embeddings"}, use_image_masks);
    v({.name = "byte_patches",
       .help = "hand patches to the device as bytes and normalise them there; for resizes that round to bytes"},
      byte_patches);
  }
};

/// How examples become prompts and answers. Facts: spec/preprocess.md §4-5.
struct PromptConfig {
  PromptTemplates prompt_templates = PromptTemplates::kUberModel;
  MessageFormat message_format = MessageFormat::kRole;
  SystemPrompt system_prompt = SystemPrompt::kDemoOrStyle;
  bool always_start_with_space = true;
  std::optional<int> default_inference_len = 65;  ///< length hint of captions at inference
  AnswerChoice select_answer = AnswerChoice::kBest;
  AnnotationWeighting annotation_weighting = AnnotationWeighting::kRootSubsegments;

  template <class V>
  void visit(V& v) {
    v({.name = "prompt_templates", .help = "templates for captions, pointing and counting"}, prompt_templates);
    v({.name = "message_format", .help = "'role': 'User: ... Assistant:'"}, message_format);
    v({.name = "system_prompt", .help = "style tags and length hints before the first message"}, system_prompt);
    v({.name = "always_start_with_space", .help = "a space before the first message too"}, always_start_with_space);
    v({.name = "default_inference_len", .help = "length hint of captions at inference (characters / 15); null: none"},
      default_inference_len);
    v({.name = "select_answer", .help = "which of several annotators' answers is trained"}, select_answer);
    v({.name = "annotation_weighting", .help = "loss weight of several annotations of one image"},
      annotation_weighting);
  }
};

/// A tokenizer file and how it is extended.
struct TokenizerConfig {
  std::string file = "tokenizer.json";  ///< below the model folder: a HF tokenizer.json or a SentencePiece .model
  std::optional<std::vector<int64_t>> kept_added_tokens;  ///< ids of the file's added tokens to keep; null: all
  std::optional<int> pad_to;                              ///< filler tokens up to this size before the image tokens
  std::optional<int64_t> bos_id;                          ///< id before the image; null: eos_id
  int64_t eos_id = 151643;

  template <class V>
  void visit(V& v) {
    v({.name = "file", .help = "tokenizer.json or SentencePiece .model below the model folder"}, file);
    v({.name = "kept_added_tokens", .help = "ids of the file's added tokens to keep; null: all"}, kept_added_tokens);
    v({.name = "pad_to",
       .help = "size to pad the tokenizer to with fillers before the image tokens; null: none",
       .min = 0,
       .max = 1 << 24},
      pad_to);
    v({.name = "bos_id", .help = "id that starts a sequence; null: eos_id", .min = 0}, bos_id);
    v({.name = "eos_id", .help = "id that ends an answer", .min = 0}, eos_id);
  }
};

template <>
struct EnumNames<ResizeKind> {
  static constexpr std::pair<ResizeKind, std::string_view> values[] = {{ResizeKind::kFitAndPad, "default"},
                                                                       {ResizeKind::kSiglip, "siglip"},
                                                                       {ResizeKind::kDino, "dino"},
                                                                       {ResizeKind::kMetaclip, "metaclip"}};
};
template <>
struct EnumNames<NormalizeKind> {
  static constexpr std::pair<NormalizeKind, std::string_view> values[] = {
      {NormalizeKind::kOpenai, "openai"}, {NormalizeKind::kSiglip, "siglip"}, {NormalizeKind::kDino, "dino"}};
};
template <>
struct EnumNames<CropMode> {
  static constexpr std::pair<CropMode, std::string_view> values[] = {
      {CropMode::kOverlapAndResize, "overlap-and-resize-c2"}, {CropMode::kResize, "resize"}};
};
template <>
struct EnumNames<PromptTemplates> {
  static constexpr std::pair<PromptTemplates, std::string_view> values[] = {
      {PromptTemplates::kNone, "none"}, {PromptTemplates::kUberModel, "uber_model"}};
};
template <>
struct EnumNames<MessageFormat> {
  static constexpr std::pair<MessageFormat, std::string_view> values[] = {{MessageFormat::kNone, "none"},
                                                                          {MessageFormat::kRole, "role"}};
};
template <>
struct EnumNames<SystemPrompt> {
  static constexpr std::pair<SystemPrompt, std::string_view> values[] = {
      {SystemPrompt::kNone, "none"},
      {SystemPrompt::kStyle, "style"},
      {SystemPrompt::kDemoOrStyle, "demo_or_style"},
      {SystemPrompt::kStyleAndLength, "style_and_length"}};
};
template <>
struct EnumNames<AnswerChoice> {
  static constexpr std::pair<AnswerChoice, std::string_view> values[] = {{AnswerChoice::kBest, "best"},
                                                                         {AnswerChoice::kFirst, "first"}};
};
template <>
struct EnumNames<AnnotationWeighting> {
  static constexpr std::pair<AnnotationWeighting, std::string_view> values[] = {
      {AnnotationWeighting::kNone, "none"}, {AnnotationWeighting::kRootSubsegments, "root_subsegments"}};
};

}  // namespace molmo::config
