// SPDX-License-Identifier: Apache-2.0
#include "text/train_sentencepiece.h"

#include <fmt/format.h>
#include <sentencepiece_trainer.h>

#include "base/files.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::text {
namespace {

// Hands the sentences to the library one after the other.
class Sentences : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(std::span<const std::string> sentences) : sentences_(sentences) {}
  bool done() const override { return next_ == sentences_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return sentences_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  std::span<const std::string> sentences_;
  size_t next_ = 0;
};

// One comma-separated line, quoted as the library's CSV reader wants it.
std::string join_symbols(const std::vector<std::string>& symbols) {
  std::string line;
  for (const std::string& symbol : symbols) {
    if (symbol.empty() || symbol.find('\n') != std::string::npos) {
      throw Error(fmt::format("[text] user-defined symbol '{}' is empty or has a line end", symbol));
    }
    if (!line.empty()) line += ',';
    line += '"';
    for (const char c : symbol) line.append(c == '"' ? 2 : 1, c);
    line += '"';
  }
  return line;
}

std::unordered_map<std::string, std::string> library_options(const SentencePieceOptions& options) {
  const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
  std::unordered_map<std::string, std::string> result = {
      {"model_type", options.model == SentencePieceOptions::Model::kBpe ? "bpe" : "unigram"},
      {"vocab_size", std::to_string(options.vocab_size)},
      {"byte_fallback", flag(options.byte_fallback)},
      {"split_digits", flag(options.split_digits)},
      {"character_coverage", fmt::format("{}", options.character_coverage)},
      {"unk_id", std::to_string(options.unk_id)},
      {"bos_id", std::to_string(options.bos_id)},
      {"eos_id", std::to_string(options.eos_id)},
      {"pad_id", std::to_string(options.pad_id)},
      {"hard_vocab_limit", flag(options.exact_vocab_size)},
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"add_dummy_prefix", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"max_sentence_length", "1048576"},
      {"num_threads", "1"},
      {"minloglevel", "4"},
  };
  if (!options.user_defined_symbols.empty())
    result["user_defined_symbols"] = join_symbols(options.user_defined_symbols);
  return result;
}

}  // namespace

void train_sentencepiece(std::span<const std::string> sentences, const SentencePieceOptions& options,
                         const std::filesystem::path& out_model) {
  Sentences iterator(sentences);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(library_options(options), &iterator, &model);
  if (!status.ok()) throw Error(fmt::format("[text] cannot train {}: {}", out_model.string(), status.ToString()));
  write_file_atomically(out_model, model);
}

void train_sentencepiece(const std::filesystem::path& text_file, const SentencePieceOptions& options,
                         const std::filesystem::path& out_model) {
  const std::vector<std::string> lines = split_text(read_text_file(text_file), '\n');
  train_sentencepiece(lines, options, out_model);
}

}  // namespace molmo::text
