// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "formats/safetensors_header.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr size_t kAlignment = 64;
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// Names of the files that hold a folder's tensors.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  if (fs::is_regular_file(folder)) return {folder};
  if (fs::exists(folder / kSingleFile)) return {folder / kSingleFile};
  if (fs::exists(folder / kIndexFile)) return indexed_shards(folder, folder / kIndexFile);
  std::vector<fs::path> shards;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("model-") && name.ends_with(".safetensors")) shards.push_back(entry.path());
    }
  }
  if (shards.empty()) {
    throw Error(fmt::format("[safetensors] {}: no weights, expected {}, {} or model-*.safetensors", folder.string(), kSingleFile, kIndexFile));
  }
  std::sort(shards.begin(), shards.end());
  return shards;
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

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder) {
  for (const auto& path : weight_files(folder)) files_.emplace_back(path);
  for (const SafetensorsFile& file : files_) {
    for (const TensorView& view : file.tensors()) {
      if (by_name_.contains(view.name)) {
        throw Error(fmt::format("[safetensors] {}: tensor '{}' lies in another shard too", file.path().string(), view.name));
      }
      by_name_[view.name] = &view;
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
    size_t num_bytes = dtype_size(entry.dtype);
    for (const int64_t size : entry.shape) num_bytes *= static_cast<size_t>(size);
    header[entry.name] = Json{{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {offset, offset + num_bytes}}};
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
  size_t num_bytes = dtype_size(entry.dtype);
  for (const int64_t size : entry.shape) num_bytes *= static_cast<size_t>(size);
  MOLMO_CHECK(data.size() == num_bytes, entry.name);
  file_.write(data.data(), data.size());
}

void SafetensorsWriter::finish() {
  MOLMO_CHECK(next_ == entries_.size(), "fewer tensors than announced");
  file_.commit();
}

}  // namespace molmo::formats
