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

namespace molmo::formats {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

size_t dtype_size(DType dtype);            ///< bytes of one value
std::string_view dtype_name(DType dtype);  ///< "F32"

/// One tensor inside a mapped file. `data` may lie at any address: copy before typed access.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const uint8_t> data;
};

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
/// "model-*-of-*.safetensors" alone. A path to one file works too.
class SafetensorsFolder {
 public:
  explicit SafetensorsFolder(const std::filesystem::path& folder);

  const TensorView* find(const std::string& name) const;
  std::vector<const TensorView*> tensors() const;  ///< sorted by name
  const std::vector<SafetensorsFile>& files() const { return files_; }

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, const TensorView*> by_name_;
};

/// What a writer announces of a tensor before its data comes.
struct TensorEntry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

/// Writes a file tensor by tensor in the order of `entries`; it appears under its name only when finish() is called.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorEntry> entries,
                    const std::map<std::string, std::string>& metadata = {});

  /// The data of the next tensor; its size must be what the entry says.
  void write(std::span<const uint8_t> data);

  /// Syncs and renames into place; every announced tensor must have been written.
  void finish();

 private:
  AtomicFile file_;
  std::vector<TensorEntry> entries_;
  size_t next_ = 0;
};

}  // namespace molmo::formats
