// Safetensors files: a bounds-checked reader over a memory map, and a streaming writer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "formats/tensor_index.h"

namespace molmo::formats {

/// One file. The constructor checks the whole header: sizes, names, dtypes, shapes, offsets without gap or overlap.
/// Errors name the file, the tensor and what was expected.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<TensorView>& tensors() const { return tensors_; }  ///< in order of their data
  const TensorView* find(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return file_->path(); }

 private:
  std::unique_ptr<MappedFile> file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, const TensorView*> by_name_;
  std::map<std::string, std::string> metadata_;
};

/// All tensors of a folder: model.safetensors, or model.safetensors.index.json and its shards, or shards
/// "model-*-of-*.safetensors" alone, whole tensors or slices of them (slices.h). A path to one file works too. `stem`
/// takes the place of "model".
class SafetensorsFolder : public TensorIndex {
 public:
  explicit SafetensorsFolder(const std::filesystem::path& folder, const std::string& stem = "model");

  const std::vector<SafetensorsFile>& files() const { return files_; }

 private:
  std::vector<SafetensorsFile> files_;
  std::vector<TensorView> joined_;  // of slices
};

/// What a writer announces of a tensor before its data comes.
struct TensorEntry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;

  size_t num_bytes() const;
};

/// Writes a file tensor by tensor in the order of `entries`; it appears under its name only when finish() is called.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorEntry>& entries,
                    const std::map<std::string, std::string>& metadata = {});

  /// The next bytes of data: all of a tensor, or some of it; tensors follow each other in the order of the entries.
  void write(std::span<const uint8_t> data);

  /// Syncs and renames into place; every announced tensor must have been written.
  void finish();

 private:
  AtomicFile file_;
  size_t num_left_ = 0;  ///< bytes that the entries announce and nobody has written yet
};

/// The index of a sharded checkpoint: which file holds which tensor, for other programs to find them by.
void write_index(const std::filesystem::path& folder, const std::map<std::string, std::string>& shard_of,
                 uint64_t num_bytes);

/// "model-00002-of-00007.safetensors"
std::string shard_file_name(int number, int total, const std::string& stem = "model");

}  // namespace molmo::formats
