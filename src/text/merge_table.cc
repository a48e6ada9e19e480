// SPDX-License-Identifier: Apache-2.0
#include "text/merge_table.h"

#include <array>
#include <cstring>
#include <queue>

namespace molmo::text {
namespace {

constexpr size_t kShortWord = 96;  // up to here a scan over all pairs beats a heap

}  // namespace

MergeTable::MergeTable(std::span<const Merge> merges) {
  const size_t capacity = std::bit_ceil(std::max<size_t>(merges.size() * 2, 16));
  mask_ = capacity - 1;
  shift_ = 64 - std::countr_zero(capacity);
  slots_.resize(capacity);
  results_.reserve(merges.size());
  for (const Merge& merge : merges) {
    const uint64_t key = uint64_t{merge.left} << 32 | merge.right;
    size_t i = home(key);
    while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & mask_;
    slots_[i] = {key, static_cast<uint32_t>(results_.size())};
    results_.push_back(merge.result);
  }
}

size_t MergeTable::merge(std::span<uint32_t> ids) const {
  if (ids.size() < 2) return ids.size();
  return ids.size() <= kShortWord ? merge_short(ids) : merge_long(ids);
}

size_t MergeTable::merge_short(std::span<uint32_t> ids) const {
  std::array<uint32_t, kShortWord> ranks;  // of the pair that begins at i
  size_t size = ids.size();
  for (size_t i = 0; i + 1 < size; ++i) ranks[i] = rank(ids[i], ids[i + 1]);
  while (size > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < size; ++i) best = ranks[i] < ranks[best] ? i : best;
    if (ranks[best] == kNoRank) break;
    ids[best] = results_[ranks[best]];
    --size;
    std::memmove(&ids[best + 1], &ids[best] + 2, (size - best - 1) * sizeof(uint32_t));
    std::memmove(&ranks[best], &ranks[best] + 1, (size - best - 1) * sizeof(uint32_t));
    if (best > 0) ranks[best - 1] = rank(ids[best - 1], ids[best]);
    if (best + 1 < size) ranks[best] = rank(ids[best], ids[best + 1]);
  }
  return size;
}

size_t MergeTable::merge_long(std::span<uint32_t> ids) const {
  const size_t size = ids.size();
  std::vector<uint32_t> ranks(size, kNoRank);  // of the pair that begins at i; kNoRank where i was merged away
  std::vector<size_t> next(size), previous(size);
  using Candidate = std::pair<uint32_t, size_t>;  // rank, place
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](size_t i) {
    ranks[i] = next[i] < size ? rank(ids[i], ids[next[i]]) : kNoRank;
    if (ranks[i] != kNoRank) queue.emplace(ranks[i], i);
  };
  for (size_t i = 0; i < size; ++i) next[i] = i + 1, previous[i] = i - 1;
  for (size_t i = 0; i < size; ++i) consider(i);
  while (!queue.empty()) {
    const auto [best_rank, i] = queue.top();
    queue.pop();
    if (ranks[i] != best_rank) continue;  // a neighbour has merged since
    const size_t gone = next[i];
    ids[i] = results_[best_rank];
    ranks[gone] = kNoRank;
    next[i] = next[gone];
    if (next[i] < size) previous[next[i]] = i;
    consider(i);
    if (i > 0) consider(previous[i]);
  }
  size_t kept = 0;
  for (size_t i = 0; i < size; i = next[i]) ids[kept++] = ids[i];
  return kept;
}

}  // namespace molmo::text
