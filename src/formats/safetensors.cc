// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "base/strings.h"
#include "formats/safetensors_header.h"
#include "formats/slices.h"
#include "formats/torch_folder.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr size_t kAlignment = 64;
constexpr const char* kEnding = ".safetensors";
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// The files of a folder, and which tensors an index promises in which of them.
struct WeightFiles {
  std::set<fs::path> paths;
  std::map<std::string, fs::path> shard_of;
};

// "model-00002-of-00007.safetensors" -> {2, 7}
std::optional<std::pair<int, int>> parse_shard_name(std::string_view name, std::string_view stem) {
  constexpr std::string_view kOf = "-of-";
  static constexpr size_t kMostDigits = 6;
  const auto number = [&name]() -> std::optional<int> {
    int value = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + std::min(name.size(), kMostDigits), value);
    if (error != std::errc() || value < 0) return std::nullopt;
    name.remove_prefix(static_cast<size_t>(end - name.data()));
    return value;
  };
  if (!name.starts_with(stem) || !name.substr(stem.size()).starts_with('-')) return std::nullopt;
  name.remove_prefix(stem.size() + 1);
  const std::optional<int> shard = number();
  if (!shard || !name.starts_with(kOf)) return std::nullopt;
  name.remove_prefix(kOf.size());
  const std::optional<int> total = number();
  if (!total || name != kEnding) return std::nullopt;
  return std::pair(*shard, *total);
}

// Shards without an index: nothing but their names says whether all are there.
std::set<fs::path> shards_by_name(const fs::path& folder, const std::string& stem) {
  std::map<int, fs::path> shards;
  std::optional<int> total;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(stem + "-") || !name.ends_with(kEnding)) continue;
    const auto numbers = parse_shard_name(name, stem);
    if (!numbers || numbers->first < 1 || numbers->first > numbers->second ||
        numbers->second != total.value_or(numbers->second) || !shards.emplace(numbers->first, entry.path()).second)
      throw Error(
          fmt::format("[safetensors] {}: does not go with the shards beside it, expected {}-NNNNN-of-{}{} once "
                      "each, or an index that says which files count",
                      entry.path().string(), stem, total ? fmt::format("{:05}", *total) : "MMMMM", kEnding));
    total = numbers->second;
  }
  std::vector<std::string> missing;
  for (int number = 1; number <= total.value_or(0); ++number) {
    if (!shards.contains(number)) missing.push_back(shard_file_name(number, *total, stem));
  }
  if (!missing.empty())
    throw Error(fmt::format("[safetensors] {}: {} of {} shards missing: {}", folder.string(), missing.size(), *total,
                            join_some(missing, ", ")));
  std::set<fs::path> paths;
  for (const auto& [number, path] : shards) paths.insert(path);
  return paths;
}

WeightFiles weight_files(const fs::path& folder, const std::string& stem) {
  if (fs::is_regular_file(folder)) return {{folder}, {}};
  const std::string single = stem + kEnding, index = single + ".index.json";
  WeightFiles files;
  if (fs::exists(folder / index)) {
    files.shard_of = parse_index(folder / index);
    for (const auto& [tensor, shard] : files.shard_of) files.paths.insert(shard);
  }
  if (fs::exists(folder / single)) {
    const fs::path path = folder / single;
    if (!files.paths.empty() && !files.paths.contains(path))
      throw Error(fmt::format("[safetensors] {}: holds two sets of weights, {} and those of {}, expected one",
                              folder.string(), single, index));
    return {{path}, std::move(files.shard_of)};
  }
  if (files.paths.empty() && fs::is_directory(folder)) files.paths = shards_by_name(folder, stem);
  if (files.paths.empty()) {
    throw Error(fmt::format("[safetensors] {}: no weights, expected {}, {} or {}-*{}", folder.string(), single, index,
                            stem, kEnding));
  }
  return files;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(std::make_unique<MappedFile>(path)) {
  Header header = parse_header(file_->bytes(), path.string());
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
  for (const TensorView& view : tensors_) by_name_[view.name] = &view;
}

const TensorView* SafetensorsFile::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

SafetensorsFolder::SafetensorsFolder(const fs::path& folder, const std::string& stem) : TensorIndex("safetensors") {
  const WeightFiles weights = weight_files(folder, stem);
  for (const fs::path& path : weights.paths) files_.emplace_back(path);
  if (holds_slices(files_.front())) {
    joined_ = join_slices(files_, folder);
    for (const TensorView& view : joined_) add(view, folder);
  } else {
    for (const SafetensorsFile& file : files_) {
      for (const TensorView& view : file.tensors()) add(view, file.path());
    }
  }
  expect_all(weights.shard_of, kIndexFile);
}

size_t TensorEntry::num_bytes() const {
  size_t num_bytes = dtype_size(dtype);
  for (const int64_t size : shape) num_bytes *= static_cast<size_t>(size);
  return num_bytes;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorEntry>& entries,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  for (const TensorEntry& entry : entries) {
    MOLMO_CHECK(!header.contains(entry.name), "tensor written twice: " + entry.name);
    const size_t end = num_left_ + entry.num_bytes();
    header[entry.name] =
        Json{{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {num_left_, end}}};
    num_left_ = end;
  }
  std::string text = header.dump();
  text.append((kAlignment - (8 + text.size()) % kAlignment) % kAlignment, ' ');  // data starts aligned
  const uint64_t length = text.size();
  file_.write(&length, sizeof length);
  file_.write(text);
}

void SafetensorsWriter::write(std::span<const uint8_t> data) {
  MOLMO_CHECK(data.size() <= num_left_, "more data than announced");
  num_left_ -= data.size();
  file_.write(data.data(), data.size());
}

void SafetensorsWriter::finish() {
  MOLMO_CHECK(num_left_ == 0, "less data than announced");
  file_.commit();
}

void write_index(const fs::path& folder, const std::map<std::string, std::string>& shard_of, uint64_t num_bytes) {
  write_json(folder / kIndexFile, Json{{"metadata", {{"total_size", num_bytes}}}, {"weight_map", shard_of}});
}

std::string shard_file_name(int number, int total, const std::string& stem) {
  return fmt::format("{}-{:05}-of-{:05}.safetensors", stem, number, total);
}

std::unique_ptr<TensorSource> open_tensors(const fs::path& path) {
  const fs::path ending = path.extension();
  const bool is_called_torch = ending == ".pt" || ending == ".bin" || ending == ".pth";
  if (is_torch_file(path) || (is_called_torch && fs::is_regular_file(path))) return std::make_unique<TorchFile>(path);
  const bool has_safetensors = fs::exists(path / kSingleFile) || fs::exists(path / kIndexFile);
  if (!has_safetensors) {
    if (std::unique_ptr<TensorSource> torch = open_torch_folder(path)) return torch;
  }
  return std::make_unique<SafetensorsFolder>(path);
}

}  // namespace molmo::formats
