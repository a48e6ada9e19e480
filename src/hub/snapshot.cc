// SPDX-License-Identifier: Apache-2.0
#include "hub/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "hub/http_headers.h"
#include "hub/repo_cache.h"
#include "molmo/error.h"

namespace molmo::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSafetensors = ".safetensors", kTorchWeights = "pytorch_model", kTorchEnding = ".bin";
constexpr std::string_view kOtherEndings[] = {".json", ".model", "merges.txt"};
constexpr size_t kLongestName = 200;

// A name that stays in the folder it is put into, and is none of those that others hide there.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.size() <= kLongestName &&
         std::none_of(name.begin(), name.end(), [](char c) { return c == '/' || c == '\\' || (c >= 0 && c < ' '); });
}

bool is_safetensors(const std::string& name) { return name.ends_with(kSafetensors); }

bool is_torch_weights(const std::string& name) {
  return name.starts_with(kTorchWeights) && name.ends_with(kTorchEnding);
}

bool is_weights(const std::string& name) { return is_safetensors(name) || is_torch_weights(name); }

// What an index names and the folder lacks.
std::string missing_shard(const fs::path& folder, const std::string& index) {
  try {
    const Json json = read_json(folder / index);
    for (const auto& [tensor, shard] : json.at("weight_map").items()) {
      const std::string name = shard.get<std::string>();
      if (!is_filled(folder / name)) return fmt::format("{}, which {} names", name, index);
    }
    return "";
  } catch (const std::exception&) {  // of our JSON reader or of the JSON library
    return fmt::format("a readable {}", index);
  }
}

// "model-00002-of-00007.safetensors" -> 7, or 0
uint64_t number_of_shards(const std::string& name) {
  const size_t of = name.rfind("-of-"), dot = name.rfind('.');
  return of == std::string::npos || dot < of ? 0 : parse_count(name.substr(of + 4, dot - of - 4)).value_or(0);
}

std::string missing_weights(const fs::path& folder, const std::string& stem, std::string_view ending) {
  const std::string single = fmt::format("{}{}", stem, ending), index = single + ".index.json";
  if (is_filled(folder / single)) return "";
  if (is_filled(folder / index)) return missing_shard(folder, index);
  uint64_t num_shards = 0, num_announced = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!is_plain_name(name) || !name.ends_with(ending) || !is_filled(entry.path())) continue;
    ++num_shards;
    num_announced = std::max(num_announced, number_of_shards(name));
  }
  if (num_shards == 0) return fmt::format("weights ({} or {})", single, index);
  return num_shards < num_announced ? fmt::format("{} of {} shards", num_announced - num_shards, num_announced) : "";
}

}  // namespace

std::vector<std::string> choose_files(const std::vector<std::string>& names) {
  const bool takes_torch = std::none_of(
      names.begin(), names.end(), [](const std::string& name) { return is_plain_name(name) && is_safetensors(name); });
  std::vector<std::string> chosen;
  for (const std::string& name : names) {
    const bool is_torch_file = name.starts_with(kTorchWeights);
    const bool is_other = std::any_of(std::begin(kOtherEndings), std::end(kOtherEndings),
                                      [&](std::string_view ending) { return name.ends_with(ending); });
    const bool is_wanted =
        is_torch_file ? takes_torch && (is_other || is_torch_weights(name)) : is_other || is_safetensors(name);
    if (is_wanted && is_plain_name(name)) chosen.push_back(name);
  }
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  std::stable_partition(chosen.begin(), chosen.end(), [](const std::string& name) { return !is_weights(name); });
  return chosen;
}

bool has_weights(const std::vector<std::string>& names) { return std::any_of(names.begin(), names.end(), is_weights); }

std::string missing_part(const fs::path& folder) {
  std::error_code absent;
  if (!fs::is_directory(folder, absent)) return "all of it";
  if (!is_filled(folder / "config.json") && !is_filled(folder / "molmo.json")) return "config.json";
  const std::string problem = missing_weights(folder, "model", kSafetensors);
  if (problem.empty() || missing_weights(folder, std::string(kTorchWeights), kTorchEnding).empty()) return "";
  return problem;
}

}  // namespace molmo::hub
