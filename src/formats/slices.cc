// SPDX-License-Identifier: Apache-2.0
#include "formats/slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

constexpr const char* kSlice = "slice";
constexpr const char* kNumSlices = "num_slices";
constexpr const char* kShapes = "shapes";

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw Error(fmt::format("[safetensors] {}: {}", path.string(), what));
}

int number(const SafetensorsFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  const std::string text = found == file.metadata().end() ? "" : found->second;
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos)
    fail(file.path(), fmt::format("metadata '{}', got '{:.40}', expected a number", key, text));
  return std::stoi(text);
}

Shapes read_shapes(const SafetensorsFile& file) {
  const auto found = file.metadata().find(kShapes);
  if (found == file.metadata().end())
    fail(file.path(), "metadata 'shapes', got nothing, expected those of the tensors");
  const Json table = parse_json(found->second, file.path().string());
  const auto is_size = [](const Json& size) {
    return size.is_number_unsigned() && std::in_range<int64_t>(size.get<uint64_t>());  // 1e300 is no number of rows
  };
  if (!table.is_object()) fail(file.path(), "metadata 'shapes', got no table, expected tensor names with sizes");
  Shapes shapes;
  for (const auto& [name, sizes] : table.items()) {
    if (!sizes.is_array() || !std::all_of(sizes.begin(), sizes.end(), is_size))
      fail(file.path(), fmt::format("metadata 'shapes' of tensor '{:.120}', expected a list of sizes >= 0", name));
    shapes[name] = sizes.get<std::vector<int64_t>>();
  }
  return shapes;
}

// In the order of their slices.
std::vector<const SafetensorsFile*> in_order(const std::vector<SafetensorsFile>& files,
                                             const std::filesystem::path& folder) {
  const int num_slices = number(files.front(), kNumSlices);
  std::vector<const SafetensorsFile*> ordered(static_cast<size_t>(num_slices), nullptr);
  for (const SafetensorsFile& file : files) {
    const int slice = number(file, kSlice);
    if (slice >= num_slices || number(file, kNumSlices) != num_slices || ordered[static_cast<size_t>(slice)] != nullptr)
      fail(file.path(), fmt::format("slice {} of {}, which does not go with the files beside it", slice, num_slices));
    ordered[static_cast<size_t>(slice)] = &file;
  }
  for (int slice = 0; slice < num_slices; ++slice) {
    if (ordered[static_cast<size_t>(slice)] == nullptr)
      fail(folder, fmt::format("slice {} of {} is missing", slice, num_slices));
  }
  return ordered;
}

}  // namespace

std::map<std::string, std::string> slice_metadata(int slice, int num_slices, const Shapes& shapes) {
  return {{kSlice, std::to_string(slice)}, {kNumSlices, std::to_string(num_slices)}, {kShapes, Json(shapes).dump()}};
}

bool holds_slices(const SafetensorsFile& file) { return file.metadata().contains(kNumSlices); }

std::vector<TensorView> join_slices(const std::vector<SafetensorsFile>& files, const std::filesystem::path& folder) {
  const std::vector<const SafetensorsFile*> ordered = in_order(files, folder);
  std::vector<TensorView> joined;
  for (const auto& [name, shape] : read_shapes(*ordered.front())) {
    TensorView whole{.name = name, .dtype = DType::kF32, .shape = shape, .data = {}, .rest = {}};
    bool is_found = false;
    for (const SafetensorsFile* file : ordered) {
      const TensorView* slice = file->find(name);
      if (slice == nullptr) continue;  // a rank without a part of it
      if (is_found && slice->dtype != whole.dtype)
        fail(file->path(), fmt::format("tensor '{:.120}' of two dtypes", name));
      is_found = true;
      whole.dtype = slice->dtype;
      whole.rest.push_back(slice->data);
    }
    size_t expected = dtype_size(whole.dtype);
    for (const int64_t size : shape) {
      if (size < 0 || __builtin_mul_overflow(expected, static_cast<size_t>(size), &expected))
        fail(folder, fmt::format("tensor '{:.120}' of an impossible shape", name));
    }
    if (!is_found || whole.num_bytes() != expected) {
      fail(folder,
           fmt::format("slices of tensor '{:.120}', got {} bytes, expected {}", name, whole.num_bytes(), expected));
    }
    joined.push_back(std::move(whole));
  }
  return joined;
}

}  // namespace molmo::formats
