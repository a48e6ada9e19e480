// Trains a SentencePiece model (libsentencepiece_train), for tiny models that bring their own vocabulary.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace molmo::text {

/// What to train. Ids are places in the vocabulary; -1 leaves the piece out (unk is required).
struct SentencePieceOptions {
  enum class Model { kBpe, kUnigram };

  int vocab_size = 4096;
  Model model = Model::kBpe;
  bool byte_fallback = true;  ///< characters without a piece become bytes
  bool split_digits = true;   ///< every digit is a piece of its own
  double character_coverage = 0.9995;
  int unk_id = 0, bos_id = 1, eos_id = 2, pad_id = -1;
  std::vector<std::string> user_defined_symbols;  ///< always one piece each, with the ids after the ones above
  bool exact_vocab_size =
      false;  ///< Error where the text is too small for vocab_size; else the vocabulary may be smaller
};

/// Trains on `sentences` and writes the model atomically. Text is taken as it is (no normalisation, white space kept),
/// so that decode(encode(text)) gives the text back. Deterministic: one thread, no sampling. Error if the options
/// contradict each other or the text is too small.
void train_sentencepiece(std::span<const std::string> sentences, const SentencePieceOptions& options,
                         const std::filesystem::path& out_model);

/// The same for the lines of a text file.
void train_sentencepiece(const std::filesystem::path& text_file, const SentencePieceOptions& options,
                         const std::filesystem::path& out_model);

}  // namespace molmo::text
