// Example packing: the sequences of several examples in one row, which attention keeps apart by their segments. Beyond
// the paper, which packs the annotations of one picture only; loss and gradients are those of the examples alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "preprocess/example.h"

namespace molmo::preprocess {

/// What an example needs of a row, and what a row has.
struct RowSize {
  int64_t tokens = 0, crops = 0;
};

/// Deals examples out to few rows within the limits: the longest first, each to the row that it fills best. An example
/// that is beyond the limits by itself gets a row of its own. Rows come in the order of their first example, and list
/// theirs in ascending order.
std::vector<std::vector<size_t>> plan_rows(std::span<const RowSize> examples, const RowSize& limits);

/// What an example takes.
RowSize row_size(const Example& example);

/// Drops everything after the first `length` tokens, as collation does.
void cut(Example& example, int64_t length);

/// One example that holds all of `examples`, in order. A single one is returned as it is.
Example pack(std::vector<Example> examples);

}  // namespace molmo::preprocess
