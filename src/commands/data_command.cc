// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "data/data_check.h"
#include "data/tokenizer_corpus.h"
#include "molmo/error.h"
#include "synth/synth.h"
#include "text/train_sentencepiece.h"

namespace molmo::commands {
namespace {

struct TokenizerOptions {
  std::string data, out;
  int vocab_size = 1019;
  uint32_t seed = 1;
};

void print_summary(const synth::SynthOptions& options, const synth::SynthSummary& summary) {
  log_info(fmt::format("[synth] {}: {} train, {} test and {} test_unseen pictures of {} kinds ({}){}",
                       options.out.string(), summary.num_train, summary.num_test, summary.num_test_unseen,
                       summary.kinds.size(), join_text(summary.kinds, ", "),
                       summary.was_complete ? "; already there" : ""));
  if (!summary.has_stamps)
    log_warning(
        "[synth] no stamps found (Debian package tuxpaint-stamps-default): drawn shapes instead of photographs");
}

void train_tokenizer(const TokenizerOptions& options) {
  expect_single_process("data train-tokenizer");
  const data::OwnData data = data::read_own_data(options.data);
  const std::vector<std::string> corpus = data::tokenizer_corpus(data::select_split(data, "train"), options.seed);
  text::SentencePieceOptions settings;
  settings.vocab_size = options.vocab_size;
  settings.user_defined_symbols = data::point_text_pieces();
  text::train_sentencepiece(corpus, settings, options.out);
  log_info(fmt::format("[tokenizer] {}: {} pieces from {} turns", options.out, options.vocab_size, corpus.size()));
}

void run_synthesize(const synth::SynthOptions& options) {
  expect_single_process("data synthesize");
  print_summary(options, synth::synthesize(options));
}

struct CheckOptions {
  std::string data;
  bool decodes = false, json = false;
  PictureOptions pictures;
};

void check(const CheckOptions& options) {
  expect_single_process("data check");
  const data::DataCheck found = data::check_data(data::read_own_data(options.data),
                                                 {.decodes = options.decodes, .limits = options.pictures.limits});
  std::cout << (options.json ? format_json_line(data::to_json(found)) + "\n" : data::format_check(found)) << std::flush;
  if (found.problems.empty()) return log_info(fmt::format("[data] {}: no problems found", found.file));
  throw Error(fmt::format("[data] {}: {} of the records cannot be used as they are:\n  {}", found.file,
                          found.problems.size(), join_text(found.problems, "\n  ")));
}

void add_check(cli::Command& data) {
  auto options = std::make_shared<CheckOptions>();
  cli::Command command = data.subcommand("check", "check an own-data folder and its pictures; no model is needed");
  command.option("DIR", options->data, "own-data folder or data.jsonl").required();
  command.flag("--decode", options->decodes, "decode every picture whole instead of reading its header");
  command.flag("--json", options->json, "print one JSON object");
  options->pictures.add_to(command);
  command.runs(options, check);
}

void add_synthesize(cli::Command& data) {
  auto options = std::make_shared<synth::SynthOptions>();
  cli::Command command = data.subcommand("synthesize", "draw scenes with exact ground truth (docs/data.md)");
  command.option("--out", options->out, "folder that gets data.jsonl and img/").required();
  command.option("--seed", options->seed, "the same seed gives the same bytes");
  command.option("--level", options->level, "0: smoke test, 1: quickstart, 2: hard").within(0, 2);
  command.option("--max-objects", options->max_objects, "things in a picture (-1: as many as the level has)");
  command.option("--train", options->num_train, "training pictures (-1: as many as the level has)");
  command.option("--test", options->num_test, "test pictures (-1: as many as the level has)");
  command.option("--stamps", options->stamps, "folder of photo cut-outs");
  command.option("--threads", options->num_threads, "0: all available").within(0, 1024);
  command.runs(options, run_synthesize);
}

void add_train_tokenizer(cli::Command& data) {
  auto options = std::make_shared<TokenizerOptions>();
  cli::Command command = data.subcommand("train-tokenizer", "train a small SentencePiece vocabulary on own data");
  command.option("--data", options->data, "own-data folder").required();
  command.option("--out", options->out, "the .model file to write").required();
  command.option("--vocab-size", options->vocab_size, "pieces").within(400, 1 << 20);
  command.option("--seed", options->seed, "seed of templates and hints in the text");
  command.runs(options, train_tokenizer);
}

}  // namespace

void add_data(cli::Command& app) {
  cli::Command data = app.subcommand(cli::kData.name, cli::kData.description);
  add_check(data);
  add_data_show(data);
  add_synthesize(data);
  add_train_tokenizer(data);
}

}  // namespace molmo::commands
