// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "config/presets.h"
#include "image/decode.h"
#include "molmo/error.h"
#include "preprocess/preprocess_bench.h"
#include "text/load_tokenizer.h"
#include "text/tokenizer_bench.h"

namespace molmo::commands {
namespace {

// Where this program was built, so that it is found from any folder.
constexpr const char* kTokenizer = MOLMO_SOURCE_DIR "/tests/data/tokenizers/qwen3.tokenizer.json.gz";

// The one that was named, or else the repository's.
std::string tokenizer_or_default(const std::string& named, const char* option) {
  if (!named.empty()) return named;
  if (!std::filesystem::exists(kTokenizer)) {
    throw Error(
        fmt::format("[bench] {}: no such file, as the repository is not where it was built; expected {}: a "
                    "tokenizer.json or a SentencePiece .model",
                    kTokenizer, option));
  }
  return kTokenizer;
}

struct TokenizerBenchOptions {
  std::string tokenizer, dump;
  double mib = 4.0;
  int repeats = 5;
  bool json = false;
};

void write_documents(const std::string& path, const std::vector<std::string_view>& documents) {
  std::string joined;
  for (const std::string_view document : documents) joined.append(document).push_back('\0');
  write_file_atomically(path, joined);
}

void run_tokenizer_bench(const TokenizerBenchOptions& options) {
  expect_single_process("bench tokenizer");
  const std::string text = text::make_benchmark_text(static_cast<size_t>(options.mib * (1 << 20)));
  const std::vector<std::string_view> documents = text::split_documents(text);
  if (!options.dump.empty()) write_documents(options.dump, documents);
  const auto tokenizer = text::load_plain_tokenizer(tokenizer_or_default(options.tokenizer, "TOKENIZER"));
  const text::TokenizerSpeed speed = text::measure_tokenizer_speed(*tokenizer, documents, options.repeats);
  if (options.json) {
    std::cout << format_json_line(Json{{"mib", options.mib},
                                       {"documents", documents.size()},
                                       {"tokens", speed.num_tokens},
                                       {"first_mib_per_s", speed.first_mib_per_s},
                                       {"repeated_mib_per_s", speed.repeated_mib_per_s}})
              << "\n";
    return;
  }
  std::cout << fmt::format(
      "{:.1f} MiB in {} documents, {} tokens, one thread\nfirst pass     {:8.1f} MiB/s\nrepeated pass  {:8.1f} MiB/s\n",
      options.mib, documents.size(), speed.num_tokens, speed.first_mib_per_s, speed.repeated_mib_per_s);
}

struct PreprocessBenchOptions {
  std::string preset = "molmo-7b-d", tokenizer, image, dump;
  int width = 1024, height = 768, repeats = 20;
  bool byte_patches = false, json = false;
};

void run_preprocess_bench(const PreprocessBenchOptions& options) {
  expect_single_process("bench preprocess");
  config::MolmoConfig config = config::preset(options.preset);
  if (options.byte_patches && !config::rounds_to_bytes(config.preprocess.resize))
    throw Error(
        fmt::format("[bench] --byte-patches, got preset {}, expected one whose resize rounds to bytes "
                    "(siglip, dino, metaclip)",
                    options.preset));
  config.preprocess.byte_patches = options.byte_patches;
  config.tokenizer.file = tokenizer_or_default(options.tokenizer, "--tokenizer");
  const text::MolmoTokenizer tokenizer = text::load_tokenizer("", config.tokenizer);
  const image::Picture picture = options.image.empty()
                                     ? preprocess::make_benchmark_picture(options.width, options.height)
                                     : image::load_picture(options.image);
  if (!options.dump.empty()) write_file_atomically(options.dump, preprocess::encode_benchmark_jpeg(picture));
  const preprocess::PreprocessSpeed speed =
      preprocess::measure_preprocess_speed(picture, config.preprocess, tokenizer, options.repeats);
  if (options.json) {
    Json throughput = Json::array();
    for (const auto& [threads, rate] : speed.throughput)
      throughput.push_back({{"threads", threads}, {"examples_per_s", rate}});
    std::cout << format_json_line(Json{{"width", picture.width},
                                       {"height", picture.height},
                                       {"crops", speed.num_crops},
                                       {"decode_ms", speed.decode_ms},
                                       {"crops_ms", speed.crops_ms},
                                       {"example_ms", speed.example_ms},
                                       {"throughput", throughput}})
              << "\n";
    return;
  }
  std::cout << fmt::format(
      "{}x{} JPEG, {}, {} crops, processor time of one core\ndecode         {:7.2f} ms\ncrops          {:7.2f} "
      "ms\nwhole example  {:7.2f} ms\n",
      picture.width, picture.height, options.preset, speed.num_crops, speed.decode_ms, speed.crops_ms,
      speed.example_ms);
  const double one = speed.throughput.front().examples_per_s;
  for (const auto& [threads, rate] : speed.throughput)
    std::cout << fmt::format("{:>3} thread{}    {:7.1f} examples/s, {:.2f} times one thread's\n", threads,
                             threads == 1 ? " " : "s", rate, rate / one);
}

void add_preprocess_bench(cli::Command& bench) {
  auto options = std::make_shared<PreprocessBenchOptions>();
  cli::Command command =
      bench.subcommand("preprocess", "measure decoding a JPEG, cutting it into crops, and making an example of it");
  command.option("--preset", options->preset, "model whose preprocessing is measured");
  command.option("--tokenizer", options->tokenizer, "its tokenizer; default: one of this repository");
  command.option("--image", options->image, "an image of your own instead of a generated one");
  command.option("--width", options->width, "width of the generated image in pixels").within(1, 20000);
  command.option("--height", options->height, "height of the generated image in pixels").within(1, 20000);
  command.option("--repeats", options->repeats, "measurements, of which the best counts").within(1, 1000);
  command.option("--dump", options->dump, "write the JPEG here, for benchmarks/peers/torchvision_preprocess_peer.py");
  command.flag("--byte-patches", options->byte_patches, "keep the patches as bytes, to be normalised on the device");
  command.flag("--json", options->json, "print one JSON object");
  command.runs(options, run_preprocess_bench);
}

}  // namespace

void add_bench(cli::Command& app) {
  cli::Command bench = app.subcommand(cli::kBench.name, cli::kBench.description);
  add_data_bench(bench);
  add_train_bench(bench);
  add_decode_bench(bench);
  add_preprocess_bench(bench);
  auto options = std::make_shared<TokenizerBenchOptions>();
  cli::Command command = bench.subcommand(
      "tokenizer", "measure encoding of a generated text (English, other scripts, code, numbers, points)");
  command.option("TOKENIZER", options->tokenizer,
                 "tokenizer.json (plain or .gz) or SentencePiece .model; default: one of this repository");
  command.option("--mib", options->mib, "size of the text in MiB").between(0.01, 1024.0);
  command.option("--repeats", options->repeats, "passes after the first, of which the median counts").within(1, 1000);
  command.option("--dump", options->dump,
                 "write the documents here, each ended by NUL, for benchmarks/peers/tokenizers_peer.py");
  command.flag("--json", options->json, "print one JSON object");
  command.runs(options, run_tokenizer_bench);
}

}  // namespace molmo::commands
