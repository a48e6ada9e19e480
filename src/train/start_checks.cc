// SPDX-License-Identifier: Apache-2.0
#include "train/start_checks.h"

#include <fmt/format.h>

#include "base/number_text.h"
#include "config/load.h"
#include "data/length_survey.h"
#include "tensor/device.h"
#include "tensor/runtime.h"
#include "train/groups.h"
#include "train/schedule.h"

namespace molmo::train {
namespace {

constexpr size_t kNumSurveyed = 256;  // examples, or as many as some seconds suffice for

void add_short_runs(const config::TrainConfig& config, std::vector<std::string>& remarks) {
  for (const Component component : kComponents) {
    const config::ComponentConfig& settings = component_config(config.optimizer, component);
    if (!settings.train || settings.learning_rate == 0 || settings.warmup_steps <= config.steps) continue;
    const double reached = learning_rate(config.optimizer, settings, config.steps, config.steps);
    remarks.push_back(
        fmt::format("[train] optimizer.{}.warmup_steps = {} is more than the run's {} steps: its learning rate ends at "
                    "{:.3g}, {:.1f} % of the peak",
                    component_name(component), settings.warmup_steps, config.steps, reached,
                    100.0 * reached / settings.learning_rate));
  }
}

void add_large_steps(const config::TrainConfig& config, const std::vector<data::Loader::Source>& sources,
                     std::vector<std::string>& remarks) {
  for (const data::Loader::Source& source : sources) {
    const double drawn = config.global_batch_size * source.rate;
    const double epochs = drawn / static_cast<double>(source.num_records);
    if (epochs <= 1) continue;
    remarks.push_back(fmt::format(
        "[train] global_batch_size = {} takes {:.1f} epochs of data.datasets.{} in one step: {:.0f} of its {} examples",
        config.global_batch_size, epochs, source.name, drawn, source.num_records));
  }
}

}  // namespace

text::MolmoTokenizer load_checked_tokenizer(const config::TrainConfig& config) {
  text::MolmoTokenizer tokenizer = text::load_tokenizer("", config.molmo.tokenizer);
  text::expect_vocabulary(tokenizer, config.molmo.tokenizer.file, config.molmo.model.decoder.vocab_size);
  return tokenizer;
}

at::ScalarType compute_type(const config::TrainConfig& config, const at::Device& device) {
  return tensor::parse_compute_type(std::string(config::enum_name(config.compute_dtype)), device);
}

LengthCheck check_lengths(const config::TrainConfig& config, const data::Loader& loader) {
  LengthCheck check;
  if (config.stage != config::TrainStage::kTower) {
    const data::LengthSurvey survey =
        data::survey_lengths(loader.maker(), loader.first_items(kNumSurveyed), config.data.sequence_length,
                             {.num_threads = config.data.num_workers});
    check.lengths = survey.lengths();
    if (std::string remark = data::judge_lengths(survey, config.data.sequence_length); !remark.empty())
      check.remarks.push_back(std::move(remark));
  }
  add_short_runs(config, check.remarks);
  add_large_steps(config, loader.sources(), check.remarks);
  return check;
}

std::string model_text(const config::MolmoConfig& config, int64_t num_params) {
  const config::DecoderConfig& decoder = config.model.decoder;
  const config::VitConfig& vit = config.model.vit;
  const config::PreprocessConfig& input = config.preprocess;
  const std::string experts =
      decoder.block == config::BlockKind::kMoe
          ? fmt::format(" with {} of {} experts", decoder.experts_per_token, decoder.num_experts)
          : std::string();
  const std::string crops = input.crop_mode == config::CropMode::kResize
                                ? std::string("the picture")
                                : fmt::format("an overview and up to {} crops", input.max_crops);
  return fmt::format("{} parameters: decoder {} x {}{}, tower {} x {} (blocks x width), {} at {} x {} pixels",
                     format_scaled(num_params), decoder.num_layers, decoder.width, experts, vit.num_layers, vit.width,
                     crops, input.image_width, input.image_height);
}

std::string compute_text(const config::TrainConfig& config, const at::Device& device) {
  const std::string dtype = compute_type(config, device) == at::kBFloat16 ? "bf16" : "fp32";
  if (device.is_cuda()) return fmt::format("{}, {}", device.str(), dtype);
  const int threads = num_threads();
  return fmt::format("{}, {}, {} thread{}", device.str(), dtype, threads, threads == 1 ? "" : "s");
}

}  // namespace molmo::train
