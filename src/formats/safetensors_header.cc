// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

using HeaderJson = nlohmann::json;  // sorted keys: a hostile header with a million names still parses quickly

constexpr uint64_t kLargestHeader = 100'000'000;  // as the format's own library has it

struct DTypeRow {
  DType dtype;
  std::string_view name;
  size_t size;
};
constexpr DTypeRow kDTypes[] = {
    {DType::kF64, "F64", 8},        {DType::kF32, "F32", 4},        {DType::kF16, "F16", 2},  {DType::kBF16, "BF16", 2},
    {DType::kI64, "I64", 8},        {DType::kI32, "I32", 4},        {DType::kI16, "I16", 2},  {DType::kI8, "I8", 1},
    {DType::kU64, "U64", 8},        {DType::kU32, "U32", 4},        {DType::kU16, "U16", 2},  {DType::kU8, "U8", 1},
    {DType::kF8E4M3, "F8_E4M3", 1}, {DType::kF8E5M2, "F8_E5M2", 1}, {DType::kBool, "BOOL", 1}};

const DTypeRow& row_of(DType dtype) {
  return *std::find_if(std::begin(kDTypes), std::end(kDTypes), [&](const DTypeRow& r) { return r.dtype == dtype; });
}

// A value or name as an error message shows it: quoted, and never long.
std::string brief(const HeaderJson& value) {
  constexpr size_t kLongest = 80;
  const std::string text = value.dump();
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

// Parses an object whose values nest at most two levels further. Repeated keys are refused (the JSON library would keep
// the last of them), and so is deeper nesting, on which recursive code could run out of stack.
HeaderJson parse_flat_object(std::string_view text, const std::string& where, const char* what) {
  constexpr int kDeepest = 2;
  std::vector<std::set<std::string>> open;
  const auto fail = [&](const std::string& problem) {
    throw Error(fmt::format("[safetensors] {}: {} {}", where, what, problem));
  };
  const auto callback = [&](int depth, HeaderJson::parse_event_t event, HeaderJson& parsed) {
    using Event = HeaderJson::parse_event_t;
    if ((event == Event::object_start || event == Event::array_start) && depth > kDeepest) fail("nests too deeply");
    if (event == Event::object_start) open.emplace_back();
    if (event == Event::object_end) open.pop_back();
    if (event == Event::key && !open.back().insert(parsed.get<std::string>()).second) {
      fail(fmt::format("names {} twice", brief(parsed)));
    }
    return true;
  };
  HeaderJson json;
  try {
    json = HeaderJson::parse(text, callback);
  } catch (const HeaderJson::exception& error) {
    fail(fmt::format("is not valid JSON: {}", error.what()));
  }
  if (!json.is_object()) fail(fmt::format("is a JSON {}, expected an object", json.type_name()));
  return json;
}

// Reads one tensor's entry; `data` is everything after the header.
class EntryParser {
 public:
  EntryParser(std::string where, std::span<const uint8_t> data) : where_(std::move(where)), data_(data) {}

  TensorView operator()(const std::string& name, const HeaderJson& entry) const {
    TensorView view;
    view.name = name;
    if (!entry.is_object()) fail(name, fmt::format("entry is a JSON {}, expected an object", entry.type_name()));
    view.dtype = dtype(name, entry);
    for (const HeaderJson& size : list(name, entry, "shape")) {
      if (!size.is_number_unsigned() || size.get<uint64_t>() > INT64_MAX) {
        fail(name, fmt::format("shape {}, expected sizes >= 0", brief(entry["shape"])));
      }
      view.shape.push_back(size.get<int64_t>());
    }
    const HeaderJson& offsets = list(name, entry, "data_offsets");
    if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
      fail(name, fmt::format("data_offsets {}, expected [begin, end]", brief(offsets)));
    }
    const uint64_t begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
    if (begin > end || end > data_.size()) {
      fail(name, fmt::format("data_offsets [{}, {}], expected inside the {} bytes of data", begin, end, data_.size()));
    }
    if (end - begin != num_bytes(view)) {
      fail(name, fmt::format("{} bytes of data, expected {} for {} {}", end - begin, num_bytes(view),
                             dtype_name(view.dtype), brief(entry["shape"])));
    }
    view.data = data_.subspan(begin, end - begin);
    return view;
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw Error(fmt::format("[safetensors] {}: tensor {}: {}", where_, brief(name), what));
  }

  const HeaderJson& list(const std::string& name, const HeaderJson& entry, const char* key) const {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array()) fail(name, fmt::format("no list '{}'", key));
    return *found;
  }

  DType dtype(const std::string& name, const HeaderJson& entry) const {
    const auto found = entry.find("dtype");
    if (found == entry.end() || !found->is_string()) fail(name, "no 'dtype'");
    for (const DTypeRow& row : kDTypes) {
      if (*found == row.name) return row.dtype;
    }
    std::string known;
    for (const DTypeRow& row : kDTypes) known += (known.empty() ? "" : ", ") + std::string(row.name);
    fail(name, fmt::format("dtype {}, expected one of {}", brief(*found), known));
  }

  // Sizes of zero do not excuse the others: strides and counts are multiplied in any order later.
  uint64_t num_bytes(const TensorView& view) const {
    int64_t product = static_cast<int64_t>(dtype_size(view.dtype));
    bool is_empty = false;
    for (const int64_t size : view.shape) {
      is_empty |= size == 0;
      if (__builtin_mul_overflow(product, std::max<int64_t>(size, 1), &product)) {
        fail(view.name, "shape overflows 64 bits");
      }
    }
    return is_empty ? 0 : static_cast<uint64_t>(product);
  }

  std::string where_;
  std::span<const uint8_t> data_;
};

// Sorted by position, the tensors must tile the data without gap or overlap.
void expect_tiling(const std::vector<TensorView>& tensors, std::span<const uint8_t> data, const std::string& where) {
  size_t end = 0;
  for (const TensorView& view : tensors) {
    const size_t begin = static_cast<size_t>(view.data.data() - data.data());
    if (begin != end) {
      throw Error(
          fmt::format("[safetensors] {}: tensor {} starts at byte {}, expected {}: {}", where, brief(view.name), begin,
                      end, begin < end ? "it overlaps the tensor before it" : "bytes between tensors belong to none"));
    }
    end = begin + view.data.size();
  }
  if (end != data.size()) {
    throw Error(fmt::format("[safetensors] {}: {} bytes of data, expected {} by the header", where, data.size(), end));
  }
}

std::map<std::string, std::string> parse_metadata(const HeaderJson& json, const std::string& where) {
  std::map<std::string, std::string> metadata;
  if (!json.is_object()) {
    throw Error(
        fmt::format("[safetensors] {}: __metadata__ is a JSON {}, expected an object", where, json.type_name()));
  }
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) {
      throw Error(fmt::format("[safetensors] {}: __metadata__ {} is a JSON {}, expected a string", where, brief(key),
                              value.type_name()));
    }
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace

size_t dtype_size(DType dtype) { return row_of(dtype).size; }
std::string_view dtype_name(DType dtype) { return row_of(dtype).name; }

bool holds_weights(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16 || dtype == DType::kF64;
}

Header parse_header(std::span<const uint8_t> file, const std::string& where) {
  uint64_t length = 0;
  if (file.size() < sizeof length) {
    throw Error(fmt::format("[safetensors] {}: {} bytes, expected at least 8", where, file.size()));
  }
  std::memcpy(&length, file.data(), sizeof length);
  if (length > kLargestHeader || length > file.size() - sizeof length) {
    throw Error(fmt::format("[safetensors] {}: header of {} bytes, expected at most {} (file of {} bytes)", where,
                            length, std::min<uint64_t>(kLargestHeader, file.size() - sizeof length), file.size()));
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + sizeof length, length);
  const std::span<const uint8_t> data = file.subspan(sizeof length + length);
  const HeaderJson json = parse_flat_object(text, where, "header");
  const EntryParser parse_entry(where, data);
  Header header;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      header.metadata = parse_metadata(entry, where);
    } else {
      header.tensors.push_back(parse_entry(name, entry));
    }
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const TensorView& a, const TensorView& b) {
    return std::pair(a.data.data(), a.data.size()) < std::pair(b.data.data(), b.data.size());
  });
  expect_tiling(header.tensors, data, where);
  return header;
}

std::map<std::string, std::filesystem::path> parse_index(const std::filesystem::path& index) {
  const std::string where = index.string();
  const HeaderJson json = parse_flat_object(read_text_file(index), where, "index");
  if (!json.contains("weight_map") || !json["weight_map"].is_object()) {
    throw Error(fmt::format("[safetensors] {}: no object 'weight_map'", where));
  }
  std::map<std::string, std::filesystem::path> shard_of;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      throw Error(fmt::format("[safetensors] {}: tensor {} lies in {}, expected the name of a file beside the index",
                              where, brief(tensor), brief(file)));
    }
    const std::filesystem::path shard = index.parent_path() / name;
    if (!std::filesystem::is_regular_file(shard)) {
      throw Error(fmt::format("[safetensors] {}: shard {} of tensor {} is missing", where, brief(name), brief(tensor)));
    }
    shard_of[tensor] = shard;
  }
  return shard_of;
}

}  // namespace molmo::formats
