// SPDX-License-Identifier: Apache-2.0
#include "train/step_memory.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>
#include <string>

#include "model/weights.h"
#include "tensor/device.h"
#include "tensor/linear_cross_entropy.h"

namespace molmo::train {
namespace {

constexpr double kMasterBytes = 4;

double bytes_of(at::ScalarType type) { return static_cast<double>(c10::elementSize(type)); }

// Bytes per token that a transformer block saves for backward: the float32 residual stream at two places, and in the
// compute dtype two normed copies, queries, keys, values, heads, the output projection, and three of the FFN's width.
double block_bytes(double width, double heads, double hidden, double item) {
  return 2 * width * kMasterBytes + (3 * width + 2 * heads + 3 * hidden) * item;
}

// Blocks that save all of it; those that are recomputed save their input alone.
double kept_blocks(int num_layers, int recompute_every) {
  if (recompute_every <= 0) return num_layers;
  const int recomputed = (num_layers + recompute_every - 1) / recompute_every;
  return std::min(num_layers, num_layers - recomputed + 1);  // and the one being recomputed
}

// Logits of a chunk, in float32, three times (tensor/linear_cross_entropy.h).
double chunk_bytes(const config::TrainConfig& config) {
  const bool packs = config.data.packing.is_on();
  const double tokens = packs ? double{1} * config.data.packing.max_tokens
                              : double{1} * config.micro_batch_size * config.data.sequence_length;
  const double all = tokens * config.molmo.model.decoder.vocab_size;
  return 3 * kMasterBytes * std::min(all, static_cast<double>(tensor::chunk_values(at::kCUDA)));
}

double activation_bytes(const config::TrainConfig& config, double item) {
  const config::ModelConfig& model = config.molmo.model;
  const bool packs = config.data.packing.is_on();
  const double rows = packs ? 1 : config.micro_batch_size;
  const double tokens = rows * (packs ? config.data.packing.max_tokens : config.data.sequence_length);
  const double crops = packs ? config.data.packing.max_crops : rows * (config.molmo.preprocess.max_crops + 1);

  const config::DecoderConfig& decoder = model.decoder;
  const double hidden =
      double{1} * decoder.ffn_width * (decoder.block == config::BlockKind::kMoe ? decoder.experts_per_token : 1);
  const double heads = decoder.width + double{1} * decoder.num_kv_heads * decoder.head_dim();
  const double of_decoder = tokens * (decoder.num_layers * decoder.width * kMasterBytes +
                                      kept_blocks(decoder.num_layers, config.recompute.decoder) *
                                          block_bytes(decoder.width, heads, hidden, item));

  const config::VitConfig& vit = model.vit;
  const double patches = crops * vit.num_patches();
  const double vit_heads = double{2} * vit.num_heads * vit.head_dim;
  const double of_tower = patches * (vit.num_layers * vit.width * kMasterBytes +
                                     kept_blocks(vit.num_layers, config.recompute.vit) *
                                         block_bytes(vit.width, vit_heads, vit.mlp_width, item));
  const double features = patches * static_cast<double>(model.connector.vit_layers.size()) * vit.width;
  const double pooled = patches / 4 * 3 * model.connector.hidden_width;
  const double of_connector =
      config.recompute.connector ? 2 * features * kMasterBytes : 3 * features * kMasterBytes + pooled * item;
  return of_decoder + of_tower + of_connector + chunk_bytes(config);
}

// Units follow one another, and so many are gathered at a time.
double largest_window(const std::vector<double>& sizes, size_t length) {
  double largest = 0, sum = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    sum += sizes[i] - (i >= length ? sizes[i - length] : 0.0);
    largest = std::max(largest, sum);
  }
  return largest;
}

// Of a unit whose gradients are being reduced, in float32, and of the next one: as the products leave them, and in its
// buffer.
double gradients_at_work(std::vector<double> sizes, double item) {
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  const double largest = sizes.empty() ? 0.0 : sizes[0], second = sizes.size() < 2 ? 0.0 : sizes[1];
  return std::max(largest * (item + kMasterBytes), largest * kMasterBytes + second * (item + kMasterBytes));
}

double first_number(const char* file, const std::string& key = "") {
  std::ifstream in(file);
  std::string word;
  while (!key.empty() && in >> word && word != key) {
  }
  double value = 0;
  return in >> value ? value : std::numeric_limits<double>::infinity();
}

}  // namespace

StepMemory plan_step(const config::TrainConfig& config, const std::vector<Unit>& units, int num_shards,
                     at::ScalarType compute) {
  const double item = bytes_of(compute);
  double values = 0, trained = 0;
  std::vector<double> gathered_sizes, trained_sizes;  // bytes, and values, by unit
  for (const Unit& unit : units) {
    double gathered = 0, of_unit = 0;
    for (const Param& param : unit.params) {
      const auto count = static_cast<double>(param.value().numel());
      gathered += count * (param.entry()->role.kind == ParamKind::kMatrix ? item : kMasterBytes);
      of_unit += param.value().requires_grad() ? count : 0;
      values += count;
    }
    trained += of_unit;
    gathered_sizes.push_back(gathered);
    trained_sizes.push_back(of_unit);
  }
  return {.state = (values + 2 * trained) * kMasterBytes / num_shards,
          .shard_gradients = trained * kMasterBytes / num_shards,
          .units = largest_window(gathered_sizes, static_cast<size_t>(config.sharding.live_units)) +
                   gradients_at_work(trained_sizes, item),
          .activations = activation_bytes(config, item),
          .gradients = trained * kMasterBytes};
}

double available_bytes(const at::Device& device, int num_local) {
  if (device.is_cuda()) return static_cast<double>(tensor::total_device_bytes(device));
  constexpr double kKiB = 1024;
  const double free = kKiB * first_number("/proc/meminfo", "MemAvailable:");
  const double limit =
      std::min(first_number("/sys/fs/cgroup/memory.max"), first_number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  return std::min(free, limit) / num_local;
}

}  // namespace molmo::train
