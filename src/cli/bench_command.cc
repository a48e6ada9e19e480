// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iostream>

#include "base/files.h"
#include "base/json.h"
#include "cli/app.h"
#include "cli/options.h"
#include "config/presets.h"
#include "generate/decode_bench.h"
#include "image/decode.h"
#include "preprocess/preprocess_bench.h"
#include "text/load_tokenizer.h"
#include "text/tokenizer_bench.h"

namespace molmo::cli {
namespace {

struct TokenizerBenchOptions {
  std::string tokenizer = "tests/data/tokenizers/qwen3.tokenizer.json.gz", dump;
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
  const std::string text = text::make_benchmark_text(static_cast<size_t>(options.mib * (1 << 20)));
  const std::vector<std::string_view> documents = text::split_documents(text);
  if (!options.dump.empty()) write_documents(options.dump, documents);
  const auto tokenizer = text::load_plain_tokenizer(options.tokenizer);
  const text::TokenizerSpeed speed = text::measure_tokenizer_speed(*tokenizer, documents, options.repeats);
  if (options.json) {
    std::cout << format_json_line(Json{{"mib", options.mib}, {"documents", documents.size()}, {"tokens", speed.num_tokens},
                                       {"first_mib_per_s", speed.first_mib_per_s}, {"repeated_mib_per_s", speed.repeated_mib_per_s}})
              << "\n";
    return;
  }
  std::cout << fmt::format("{:.1f} MiB in {} documents, {} tokens, one thread\nfirst pass     {:8.1f} MiB/s\nrepeated pass  {:8.1f} MiB/s\n", options.mib,
                           documents.size(), speed.num_tokens, speed.first_mib_per_s, speed.repeated_mib_per_s);
}

struct DecodeBenchCommandOptions {
  std::string shape = "0.15b";
  generate::DecodeBenchOptions bench;
  ComputeOptions compute;
  bool json = false;
};

void run_decode_bench(const DecodeBenchCommandOptions& options) {
  generate::DecodeBenchOptions bench = options.bench;
  bench.model = generate::bench_shape(options.shape);
  bench.compute = options.compute.compute(options.compute.open());
  const generate::DecodeSpeed speed = generate::measure_decode_speed(bench);
  const double share = speed.weight_gb_per_s / speed.memory_gb_per_s;
  if (options.json) {
    std::cout << format_json_line(Json{{"shape", options.shape}, {"dtype", options.compute.dtype}, {"prefill_tokens_per_s", speed.prefill_tokens_per_s},
                                       {"encode_seconds", speed.encode_seconds}, {"decode_tokens_per_s", speed.decode_tokens_per_s},
                                       {"weight_gb_per_s", speed.weight_gb_per_s}, {"memory_gb_per_s", speed.memory_gb_per_s}})
              << "\n";
    return;
  }
  std::cout << fmt::format("shape {}, {}, {} crops, prompt of {} tokens\n", options.shape, options.compute.dtype, bench.num_crops, bench.num_prompt_tokens)
            << fmt::format("prefill  {:9.1f} tokens/s, pictures included ({:.0f} ms of them)\n", speed.prefill_tokens_per_s, 1e3 * speed.encode_seconds)
            << fmt::format("decode   {:9.1f} tokens/s: {:.1f} GB/s of weights, {:.0f} % of the {:.1f} GB/s that a reading loop gets\n", speed.decode_tokens_per_s,
                           speed.weight_gb_per_s, 100 * share, speed.memory_gb_per_s);
}

void add_decode_bench(CLI::App& bench, Action& action) {
  auto options = std::make_shared<DecodeBenchCommandOptions>();
  CLI::App* command = bench.add_subcommand("decode", "prefill and decode of a model with random weights");
  command->add_option("--shape", options->shape, "tiny or 0.15b")->capture_default_str();
  command->add_option("--crops", options->bench.num_crops, "336-pixel crops in the prompt")->check(CLI::Range(0, 64))->capture_default_str();
  command->add_option("--prompt-tokens", options->bench.num_prompt_tokens, "length of the prompt, image tokens included")->check(CLI::Range(1, 4000))->capture_default_str();
  command->add_option("--new-tokens", options->bench.num_new_tokens, "tokens decoded")->check(CLI::Range(1, 4000))->capture_default_str();
  command->add_option("--repeats", options->bench.num_repeats, "the best of them counts")->check(CLI::Range(1, 100))->capture_default_str();
  command->add_flag("--json", options->json, "print one JSON object");
  options->compute.add_to(*command);
  command->callback([options, &action] { action = [options] { run_decode_bench(*options); }; });
}

struct PreprocessBenchOptions {
  std::string preset = "molmo-7b-d", tokenizer = "tests/data/tokenizers/qwen3.tokenizer.json.gz", image;
  int width = 1024, height = 768, repeats = 20;
  bool json = false;
};

void run_preprocess_bench(const PreprocessBenchOptions& options) {
  config::MolmoConfig config = config::preset(options.preset);
  config.tokenizer.file = options.tokenizer;
  const text::MolmoTokenizer tokenizer = text::load_tokenizer("", config.tokenizer);
  const image::Picture picture = options.image.empty() ? preprocess::make_benchmark_picture(options.width, options.height) : image::load_picture(options.image);
  const preprocess::PreprocessSpeed speed = preprocess::measure_preprocess_speed(picture, config.preprocess, tokenizer, options.repeats);
  if (options.json) {
    std::cout << format_json_line(Json{{"width", picture.width}, {"height", picture.height}, {"crops", speed.num_crops}, {"decode_ms", speed.decode_ms},
                                       {"crops_ms", speed.crops_ms}, {"example_ms", speed.example_ms}})
              << "\n";
    return;
  }
  std::cout << fmt::format("{}x{} JPEG, {}, {} crops, processor time of one core\ndecode         {:7.2f} ms\ncrops          {:7.2f} ms\nwhole example  {:7.2f} ms\n",
                           picture.width, picture.height, options.preset, speed.num_crops, speed.decode_ms, speed.crops_ms, speed.example_ms);
}

void add_preprocess_bench(CLI::App& bench, Action& action) {
  auto options = std::make_shared<PreprocessBenchOptions>();
  CLI::App* command = bench.add_subcommand("preprocess", "decode a JPEG, cut it into crops, make an example of it");
  command->add_option("--preset", options->preset, "model whose preprocessing is measured")->capture_default_str();
  command->add_option("--tokenizer", options->tokenizer, "its tokenizer; the default lies in this repository")->capture_default_str();
  command->add_option("--image", options->image, "a picture of your own instead of one made on the spot");
  command->add_option("--width", options->width, "of the picture")->check(CLI::Range(1, 20000))->capture_default_str();
  command->add_option("--height", options->height, "of the picture")->check(CLI::Range(1, 20000))->capture_default_str();
  command->add_option("--repeats", options->repeats, "the best of them counts")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &action] { action = [options] { run_preprocess_bench(*options); }; });
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  CLI::App* bench = app.add_subcommand("bench", "measure speeds");
  bench->require_subcommand(1);
  add_decode_bench(*bench, action);
  add_preprocess_bench(*bench, action);
  auto options = std::make_shared<TokenizerBenchOptions>();
  CLI::App* command = bench->add_subcommand("tokenizer", "encode a text made on the spot (English, other scripts, code, numbers, points)");
  command->add_option("TOKENIZER", options->tokenizer, "tokenizer.json (plain or .gz) or SentencePiece .model; the default lies in this repository")->capture_default_str();
  command->add_option("--mib", options->mib, "size of the text")->check(CLI::Range(0.01, 1024.0))->capture_default_str();
  command->add_option("--repeats", options->repeats, "passes after the first; their median counts")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--dump", options->dump, "write the documents here, each ended by NUL, for benchmarks/peers/tokenizers_peer.py");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &action] { action = [options] { run_tokenizer_bench(*options); }; });
}

}  // namespace molmo::cli
