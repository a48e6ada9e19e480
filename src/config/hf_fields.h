// What the config.json of a language model may say beside its sizes: settings that are read, and those that change what
// a model computes and are refused by name, because nothing here computes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/json_fields.h"

namespace molmo::config {

/// The base of the rotary frequencies: "rope_theta", or that of "rope_parameters", where Transformers 5 has it (also
/// once for each kind of layer). Errors: two different ones; positions that are scaled (yarn, llama3, linear, ...) or
/// turn a part of each head only.
double read_rope_theta(const JsonFields& fields, double fallback);

/// Refuses what a plain decoder does not have: other activations, sliding windows, capped or scaled logits, norms of
/// single heads, shared experts, and their like; and a head width that is not `width` / `num_heads`.
void expect_plain_decoder(const JsonFields& fields, int width, int num_heads);

/// Refuses a copy whose weights are packed into fewer bits.
void refuse_quantized(const JsonFields& fields);

/// Notes fields that change nothing that is computed here: names, versions, dropouts, defaults of generation.
void ignore_bookkeeping(const JsonFields& fields);

}  // namespace molmo::config
