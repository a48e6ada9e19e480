// SPDX-License-Identifier: Apache-2.0
#include "oracles/preprocess/options.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "image/normalize.h"
#include "molmo/error.h"

namespace molmo::testing {
namespace {

template <class E>
E named(const std::string& name, const char* what) {
  for (const auto& [value, known] : config::EnumNames<E>::values) {
    if (known == name) return value;
  }
  throw Error(std::string("[config] unknown ") + what + " " + name);
}

template <class T, class Stored>
std::vector<T> widened(const formats::TensorView& view) {
  std::vector<Stored> stored(view.data.size() / sizeof(Stored));
  std::memcpy(stored.data(), view.data.data(), view.data.size());
  return std::vector<T>(stored.begin(), stored.end());
}

}  // namespace

config::ResizeKind resize_kind(const std::string& name) { return named<config::ResizeKind>(name, "resize"); }
config::NormalizeKind normalize_kind(const std::string& name) {
  return named<config::NormalizeKind>(name, "normalisation");
}

config::PreprocessConfig preprocess_options(const Json& options) {
  config::PreprocessConfig config;
  config.resize = resize_kind(options.at("resize").get<std::string>());
  config.normalize = normalize_kind(options.at("normalize").get<std::string>());
  config.crop_mode = named<config::CropMode>(options.at("crop_mode").get<std::string>(), "crop mode");
  config.max_crops = options.at("max_crops").get<int>();
  config.overlap_margins = {options.at("overlap_margins")[0].get<int>(), options.at("overlap_margins")[1].get<int>()};
  config.image_height = options.at("base_image_input_size")[0].get<int>();
  config.image_width = options.at("base_image_input_size")[1].get<int>();
  config.patch_size = options.at("image_patch_size").get<int>();
  config.pool_height = options.at("image_pooling_h").get<int>();
  config.pool_width = options.at("image_pooling_w").get<int>();
  config.use_col_tokens = options.at("use_col_tokens").get<bool>();
  config.pad_value = options.at("pad_value").get<double>();
  config.use_image_masks = !options.at("image_padding_mask").is_null();
  return config;
}

text::SpecialTokens special_tokens(const Json& ids) {
  return {.im_start = ids.at("<im_start>"),
          .im_end = ids.at("<im_end>"),
          .im_patch = ids.at("<im_patch>"),
          .im_col = ids.at("<im_col>"),
          .image = ids.at("<|image|>")};
}

CaseTensors::CaseTensors(const std::filesystem::path& json_path) {
  std::filesystem::path path = json_path;
  path.replace_extension(".safetensors");
  if (std::filesystem::exists(path)) file_.emplace(path);
}

bool CaseTensors::has(const std::string& name) const { return file_ && file_->find(name) != nullptr; }

const formats::TensorView& CaseTensors::view(const std::string& name) const {
  if (!has(name)) throw std::runtime_error("the case has no tensor " + name);
  return *file_->find(name);
}

std::vector<int64_t> CaseTensors::shape(const std::string& name) const { return view(name).shape; }

std::vector<float> CaseTensors::floats(const std::string& name) const {
  if (view(name).dtype != formats::DType::kF32) throw std::runtime_error(name + " is not float32");
  return widened<float, float>(view(name));
}

std::vector<int64_t> CaseTensors::integers(const std::string& name) const {
  switch (view(name).dtype) {
    case formats::DType::kI64:
      return widened<int64_t, int64_t>(view(name));
    case formats::DType::kI32:
      return widened<int64_t, int32_t>(view(name));
    case formats::DType::kU8:
      return widened<int64_t, uint8_t>(view(name));
    default:
      throw std::runtime_error(name + " is not an integer tensor");
  }
}

ValueTolerance value_tolerance(config::ResizeKind resize, config::NormalizeKind normalize) {
  if (resize == config::ResizeKind::kFitAndPad) return {};
  const image::Normalization normalization = image::normalization_of(normalize);
  ValueTolerance tolerance{.value = 1e-6, .mean = 2e-3, .sum = 0.4, .level = {}};
  for (int c = 0; c < 3; ++c) tolerance.level.push_back(normalization(1.0f / 255.0f, c) - normalization(0.0f, c));
  return tolerance;
}

}  // namespace molmo::testing
