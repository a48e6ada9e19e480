// The parts of a SentencePiece model's protobuf that the library trusts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace molmo::text {

/// Error, naming `where`, unless the normalisation tables of a serialised ModelProto stay inside themselves: the
/// library follows the offsets of their trie without looking, at loading (self tests) and at every text.
void expect_sound_tables(std::string_view model, const std::string& where);

}  // namespace molmo::text
