// SPDX-License-Identifier: Apache-2.0
#include "preprocess/pack.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace molmo::preprocess {
namespace {

// A query sees keys before it whose segment is not below its own (trap T18): with segments that grow from example to
// example, none sees an earlier one. Those of one example lie below kSegments.
constexpr int64_t kSegments = 20000;

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

RowSize row_size(const Example& example) {
  RowSize size{.tokens = static_cast<int64_t>(example.input_tokens.size()), .crops = 0};
  for (const ImageInputs& image : example.images) size.crops += image.num_crops;
  return size;
}

std::vector<std::vector<size_t>> plan_rows(std::span<const RowSize> examples, const RowSize& limits) {
  MOLMO_CHECK(limits.tokens > 0 && limits.crops > 0, "packing without room");
  const auto share = [&](const RowSize& size) {  // of the scarcer of both
    return std::max(static_cast<double>(size.tokens) / static_cast<double>(limits.tokens),
                    static_cast<double>(size.crops) / static_cast<double>(limits.crops));
  };
  std::vector<size_t> order(examples.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return share(examples[a]) > share(examples[b]); });
  std::vector<std::vector<size_t>> rows;
  std::vector<RowSize> filled;
  for (const size_t index : order) {
    const RowSize& size = examples[index];
    size_t best = rows.size();
    double best_share = 0.0;
    for (size_t row = 0; row < rows.size(); ++row) {
      const RowSize together{filled[row].tokens + size.tokens, filled[row].crops + size.crops};
      if (together.tokens > limits.tokens || together.crops > limits.crops || share(together) <= best_share) continue;
      best = row, best_share = share(together);
    }
    if (best == rows.size()) rows.emplace_back(), filled.emplace_back();
    rows[best].push_back(index);
    filled[best].tokens += size.tokens, filled[best].crops += size.crops;
  }
  for (std::vector<size_t>& row : rows) std::sort(row.begin(), row.end());
  std::sort(rows.begin(), rows.end());
  return rows;
}

void cut(Example& example, int64_t length) {
  const auto size = static_cast<size_t>(length);
  if (example.input_tokens.size() <= size) return;
  for (auto* array : {&example.input_tokens, &example.target_tokens, &example.position_ids}) array->resize(size);
  example.loss_masks.resize(size);
  if (!example.subsegment_ids.empty()) example.subsegment_ids.resize(size);
}

Example pack(std::vector<Example> examples) {
  MOLMO_CHECK(!examples.empty(), "nothing to pack");
  if (examples.size() == 1) return std::move(examples.front());
  Example packed;
  int64_t segment = 0;
  for (Example& example : examples) {
    const auto offset = static_cast<int64_t>(packed.input_tokens.size()),
               length = static_cast<int64_t>(example.input_tokens.size());
    append(packed.input_tokens, example.input_tokens);
    append(packed.target_tokens, example.target_tokens);
    append(packed.loss_masks, example.loss_masks);
    append(packed.position_ids, example.position_ids);
    append(packed.streams, token_streams(example));
    for (int64_t i = 0; i < length; ++i) {
      const int64_t own = example.subsegment_ids.empty() ? 0 : example.subsegment_ids[static_cast<size_t>(i)];
      MOLMO_CHECK(own >= 0 && own < kSegments, "a segment beyond what packing knows");
      packed.subsegment_ids.push_back(segment + own);
    }
    segment += kSegments;
    packed.image_sizes.insert(packed.image_sizes.end(), example.image_sizes.begin(), example.image_sizes.end());
    packed.num_image_tokens += example.num_image_tokens;
    int64_t stream = first_stream(example);
    for (ImageInputs& image : example.images) {
      for (int64_t& position : image.token_positions) {
        // What lies beyond the example's end was cut off: in a row it would be another's place.
        if (position >= 0) position = position < length ? position + offset : -100;
      }
      image.stream = stream;
      stream += image.num_crops;
      packed.images.push_back(std::move(image));
    }
  }
  return packed;
}

}  // namespace molmo::preprocess
