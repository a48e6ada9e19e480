// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include <fmt/format.h>

#include <bit>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "formats/safetensors_header.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr size_t kAlignment = 64;
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

size_t num_bytes_of(const TensorEntry& entry) {
  size_t num_bytes = dtype_size(entry.dtype);
  for (const int64_t size : entry.shape) num_bytes *= static_cast<size_t>(size);
  return num_bytes;
}

// The files of a folder, and which tensors an index promises in which of them.
struct WeightFiles {
  std::set<fs::path> paths;
  std::map<std::string, fs::path> shard_of;
};

WeightFiles weight_files(const fs::path& folder) {
  if (fs::is_regular_file(folder)) return {{folder}, {}};
  if (fs::exists(folder / kSingleFile)) return {{folder / kSingleFile}, {}};
  WeightFiles files;
  if (fs::exists(folder / kIndexFile)) {
    files.shard_of = parse_index(folder / kIndexFile);
    for (const auto& [tensor, shard] : files.shard_of) files.paths.insert(shard);
  } else if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("model-") && name.ends_with(".safetensors")) files.paths.insert(entry.path());
    }
  }
  if (files.paths.empty()) {
    throw Error(fmt::format("[safetensors] {}: no weights, expected {}, {} or model-*.safetensors", folder.string(),
                            kSingleFile, kIndexFile));
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

SafetensorsFolder::SafetensorsFolder(const fs::path& folder) {
  const WeightFiles weights = weight_files(folder);
  for (const fs::path& path : weights.paths) files_.emplace_back(path);
  for (const SafetensorsFile& file : files_) {
    for (const TensorView& view : file.tensors()) {
      if (!by_name_.emplace(view.name, &view).second) {
        throw Error(
            fmt::format("[safetensors] {}: tensor '{}' lies in another shard too", file.path().string(), view.name));
      }
    }
  }
  for (const auto& [tensor, shard] : weights.shard_of) {
    if (!by_name_.contains(tensor)) {
      throw Error(
          fmt::format("[safetensors] {}: no tensor '{}', which {} promises", shard.string(), tensor, kIndexFile));
    }
  }
}

const TensorView* SafetensorsFolder::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<const TensorView*> SafetensorsFolder::tensors() const {
  std::vector<const TensorView*> views;
  for (const auto& [name, view] : by_name_) views.push_back(view);
  return views;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorEntry> entries,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path), entries_(std::move(entries)) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t offset = 0;
  for (const TensorEntry& entry : entries_) {
    MOLMO_CHECK(!header.contains(entry.name), "tensor written twice: " + entry.name);
    const size_t num_bytes = num_bytes_of(entry);
    header[entry.name] = Json{
        {"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {offset, offset + num_bytes}}};
    offset += num_bytes;
  }
  std::string text = header.dump();
  text.append((kAlignment - (8 + text.size()) % kAlignment) % kAlignment, ' ');  // data starts aligned
  const uint64_t length = text.size();
  file_.write(&length, sizeof length);
  file_.write(text);
}

void SafetensorsWriter::write(std::span<const uint8_t> data) {
  MOLMO_CHECK(next_ < entries_.size(), "more tensors than announced");
  const TensorEntry& entry = entries_[next_++];
  MOLMO_CHECK(data.size() == num_bytes_of(entry), entry.name);
  file_.write(data.data(), data.size());
}

void SafetensorsWriter::finish() {
  MOLMO_CHECK(next_ == entries_.size(), "fewer tensors than announced");
  file_.commit();
}

}  // namespace molmo::formats
