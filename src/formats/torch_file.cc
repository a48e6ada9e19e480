// SPDX-License-Identifier: Apache-2.0
#include "formats/torch_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>

#include "formats/pickle.h"
#include "formats/zip_archive.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

using Kind = PickleNode::Kind;
using Members = std::map<std::string, std::span<const uint8_t>>;

constexpr int kDeepest = 8;  // of nested dictionaries, which a hostile file may nest in themselves
constexpr size_t kLongestName = 1000;
constexpr size_t kMostAxes = 16;
constexpr std::string_view kPickleName = "data.pkl";
constexpr size_t kLeastMemory = size_t{64} << 20, kMostMemory = size_t{1} << 30;  // of the pickle's values

constexpr std::pair<std::string_view, DType> kStorages[] = {
    {"torch.FloatStorage", DType::kF32},     {"torch.DoubleStorage", DType::kF64}, {"torch.HalfStorage", DType::kF16},
    {"torch.BFloat16Storage", DType::kBF16}, {"torch.LongStorage", DType::kI64},   {"torch.IntStorage", DType::kI32},
    {"torch.ShortStorage", DType::kI16},     {"torch.CharStorage", DType::kI8},    {"torch.ByteStorage", DType::kU8},
    {"torch.BoolStorage", DType::kBool}};

// Walks the values of a pickle and collects tensors. A pickle can hold one dictionary in many places, each of which is
// walked: the walk ends with an error beyond `most_values`.
class Collector {
 public:
  Collector(const Members& members, std::string root, const std::string& where, uint64_t num_file_bytes,
            size_t most_values, TorchTensors& tensors)
      : members_(members),
        root_(std::move(root)),
        where_(where),
        num_file_bytes_(num_file_bytes),
        most_values_(most_values),
        tensors_(tensors) {}

  void collect(const PickleNode& node, const std::string& name, int depth) {
    if (const PickleNode* tensor = tensor_call(node)) return add(*tensor, name);
    if (!node.is(Kind::kDict) || depth >= kDeepest) return;
    for (const auto& [key, value] : node.pairs) {
      if (++num_values_ > most_values_) fail(name, "more values than the pickle has bytes");
      if (!key->is(Kind::kText)) continue;
      if (name.size() + key->text.size() >= kLongestName)
        fail(name, fmt::format("a name beyond {} bytes", kLongestName));
      collect(*value, name.empty() ? key->text : name + "." + key->text, depth + 1);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw Error(fmt::format("[torch] {}: tensor '{:.120}': {}", where_, name, what));
  }

  // The rebuilding of a tensor, inside that of a parameter or not.
  static const PickleNode* tensor_call(const PickleNode& node) {
    const PickleNode* call = &node;
    if (call->is(Kind::kCall) && call->items.size() >= 2 &&
        call->items[0]->is_global("torch._utils._rebuild_parameter"))
      call = call->items[1];
    return call->is(Kind::kCall) && call->items[0]->is_global("torch._utils._rebuild_tensor_v2") ? call : nullptr;
  }

  std::vector<int64_t> sizes(const PickleNode& node, const std::string& name) const {
    std::vector<int64_t> result;
    for (const PickleNode* item : node.items) {
      if (!item->is(Kind::kInt) || item->integer < 0) fail(name, "a size or stride that is no number >= 0");
      result.push_back(item->integer);
    }
    if (!node.is(Kind::kList) || result.size() > kMostAxes) fail(name, "no list of sizes");
    return result;
  }

  struct Storage {
    DType dtype;
    std::span<const uint8_t> data;
  };

  Storage storage(const PickleNode& node, const std::string& name) const {
    const PickleNode* id =
        node.is(Kind::kPersistent) ? node.items[0] : nullptr;  // ('storage', class, key, place, size)
    const bool is_good = id != nullptr && id->is(Kind::kList) && id->items.size() >= 3 &&
                         id->items[0]->is_text("storage") && id->items[2]->is(Kind::kText);
    if (!is_good) fail(name, "no storage");
    const auto data = members_.find(root_ + "data/" + id->items[2]->text);
    if (data == members_.end()) fail(name, fmt::format("storage '{:.40}' is not in the file", id->items[2]->text));
    for (const auto& [storage_class, dtype] : kStorages) {
      if (id->items[1]->is_global(storage_class)) return {dtype, data->second};
    }
    fail(name, fmt::format("storage class '{:.60}', expected that of a float, integer or bool", id->items[1]->text));
  }

  void add(const PickleNode& call, const std::string& name) {
    if (call.items.size() < 5) fail(name, "too few arguments");
    const Storage from = storage(*call.items[1], name);
    const PickleNode& offset = *call.items[2];
    TensorView view{.name = name, .dtype = from.dtype, .shape = sizes(*call.items[3], name), .data = {}, .rest = {}};
    const std::vector<int64_t> strides = sizes(*call.items[4], name);
    if (!offset.is(Kind::kInt) || offset.integer < 0 || strides.size() != view.shape.size())
      fail(name, "offset, sizes and strides do not fit");
    const auto item = static_cast<int64_t>(dtype_size(from.dtype));
    int64_t count = 1, last = offset.integer;  // values, and the index of the last one
    bool is_row_major = true, overflows = false;
    for (size_t axis = view.shape.size(); axis-- > 0;) {
      is_row_major &= view.shape[axis] == 1 || strides[axis] == count;
      int64_t reach = 0;
      overflows |= __builtin_mul_overflow(std::max<int64_t>(view.shape[axis] - 1, 0), strides[axis], &reach) ||
                   __builtin_add_overflow(last, reach, &last);
      overflows |= __builtin_mul_overflow(count, view.shape[axis], &count);
    }
    int64_t num_bytes = 0, end = 0;
    overflows |= __builtin_mul_overflow(count, item, &num_bytes) || __builtin_add_overflow(last, 1, &end) ||
                 __builtin_mul_overflow(end, item, &end);
    if (overflows || (count > 0 && static_cast<uint64_t>(end) > from.data.size())) {
      fail(name, fmt::format("reaches beyond its storage of {} bytes", from.data.size()));
    }
    if (!is_row_major && static_cast<uint64_t>(num_bytes) > from.data.size())
      fail(name, "more values than its storage holds");
    if (!is_row_major && (num_gathered_ += static_cast<uint64_t>(num_bytes)) > num_file_bytes_)
      fail(name, "more strided values than the file holds");
    view.is_mapped = is_row_major;
    if (count > 0)
      view.data = is_row_major
                      ? from.data.subspan(static_cast<size_t>(offset.integer * item), static_cast<size_t>(num_bytes))
                      : gathered(from.data, view.shape, strides, offset.integer, item);
    tensors_.by_name.insert_or_assign(name, std::move(view));
  }

  // The values one by one, last axis fastest.
  std::span<const uint8_t> gathered(std::span<const uint8_t> data, const std::vector<int64_t>& shape,
                                    const std::vector<int64_t>& strides, int64_t offset, int64_t item) {
    std::vector<uint8_t>& rows = tensors_.rows.emplace_back();
    std::vector<int64_t> index(shape.size(), 0);
    for (;;) {
      int64_t at = offset;
      for (size_t axis = 0; axis < shape.size(); ++axis) at += index[axis] * strides[axis];
      rows.insert(rows.end(), data.begin() + at * item, data.begin() + (at + 1) * item);
      size_t axis = shape.size();
      while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) index[--axis] = 0;
      if (axis == 0) return rows;
    }
  }

  const Members& members_;
  std::string root_;  // "archive/"
  const std::string& where_;
  uint64_t num_file_bytes_;
  size_t most_values_, num_values_ = 0;
  TorchTensors& tensors_;
  uint64_t num_gathered_ = 0;  // bytes
};

}  // namespace

bool is_torch_file(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) return false;
  std::ifstream file(path, std::ios::binary);
  uint8_t head[4] = {};
  file.read(reinterpret_cast<char*>(head), sizeof head);
  return file && looks_like_zip(head);
}

TorchTensors parse_torch(std::span<const uint8_t> file, const std::string& where) {
  TorchTensors tensors;
  constexpr uint8_t kPickleBegin[] = {0x80, 0x02};  // torch.save before PyTorch 1.6: pickles in a row, no zip
  if (file.size() >= sizeof kPickleBegin && std::memcmp(file.data(), kPickleBegin, sizeof kPickleBegin) == 0)
    throw Error(
        fmt::format("[torch] {}: got the format that PyTorch wrote before version 1.6, expected the later one: "
                    "torch.save(torch.load(file), file) with a current PyTorch converts it",
                    where));
  const Members members = zip_members(file, where);
  for (const auto& [name, data] : members) {
    if (!name.ends_with(kPickleName)) continue;
    const Pickle pickle(data, where, std::clamp(file.size(), kLeastMemory, kMostMemory));
    Collector(members, name.substr(0, name.size() - kPickleName.size()), where, file.size(), data.size(), tensors)
        .collect(pickle.root(), "", 0);
    if (tensors.by_name.empty())
      throw Error(fmt::format("[torch] {}: no tensors, expected a dictionary of them", where));
    return tensors;
  }
  throw Error(fmt::format("[torch] {}: no {}, expected a file of torch.save", where, kPickleName));
}

TorchFile::TorchFile(const std::filesystem::path& path)
    : file_(path), tensors_(parse_torch(file_.bytes(), path.string())) {}

const TensorView* TorchFile::find(const std::string& name) const {
  const auto found = tensors_.by_name.find(name);
  return found == tensors_.by_name.end() ? nullptr : &found->second;
}

std::vector<const TensorView*> TorchFile::tensors() const {
  std::vector<const TensorView*> views;
  for (const auto& [name, view] : tensors_.by_name) views.push_back(&view);
  return views;
}

}  // namespace molmo::formats
