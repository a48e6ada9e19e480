// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <optional>

#include "base/files.h"
#include "base/log.h"
#include "commands/commands.h"
#include "commands/data_page.h"
#include "commands/options.h"
#include "image/decode.h"
#include "molmo/error.h"

namespace molmo::commands {
namespace {

struct ShowOptions {
  std::string data, split, stage = "sft";
  std::optional<int64_t> line;
  int64_t count = 6;
  uint32_t seed = 0;
  std::filesystem::path out;
  PictureOptions pictures;
};

// The record of a line, or some that are spread over the split (or over all of them).
std::vector<const data::Record*> choose_records(const data::OwnData& data, const ShowOptions& options) {
  std::vector<const data::Record*> found;
  for (const data::Record& record : data.records) {
    const bool is_wanted = options.line ? static_cast<int64_t>(record.line) == *options.line
                                        : options.split.empty() || record.split == options.split;
    if (is_wanted) found.push_back(&record);
  }
  if (found.empty() && options.line)
    throw Error(fmt::format("[data] {}: no record in line {}", data.file.string(), *options.line));
  if (found.empty()) throw Error(fmt::format("[data] {}: no record of split '{}'", data.file.string(), options.split));
  const size_t count = std::min(found.size(), static_cast<size_t>(options.count));
  std::vector<const data::Record*> chosen;
  for (size_t i = 0; i < count; ++i) chosen.push_back(found[i * found.size() / count]);
  return chosen;
}

void show(const ShowOptions& options) {
  expect_single_process("data show");
  const data::OwnData data = data::read_own_data(options.data);
  const data::RecordViewOptions view_options{
      .stage = options.stage == "caption" ? config::TrainStage::kCaption : config::TrainStage::kSft,
      .seed = options.seed,
      .prompt = {}};
  std::vector<data::RecordView> views;
  for (const data::Record* record : choose_records(data, options)) {
    const image::Picture picture = image::load_picture(record->images.front(), options.pictures.limits);
    views.push_back(data::view_record(data, *record, {picture.width, picture.height}, view_options));
    std::cout << (views.size() > 1 ? "\n" : "") << data::format_view(views.back());
  }
  std::cout << std::flush;
  if (options.out.empty()) return;
  write_file_atomically(options.out, format_data_page(data.file.string(), views, options.pictures.limits));
  log_info(fmt::format("[data] {}: {} of {} records", options.out.string(), views.size(), data.records.size()));
}

}  // namespace

void add_data_show(cli::Command& data) {
  auto options = std::make_shared<ShowOptions>();
  cli::Command command = data.subcommand("show", "show records: annotations, and the prompts and answers made of them");
  command.option("DIR", options->data, "own-data folder or data.jsonl").required();
  const cli::Option line = command.option("--line", options->line, "the record of this line of data.jsonl");
  command.option("--split", options->split, "records of this split; default: of all").excludes(line);
  command.option("--count", options->count, "records, spread over the split").within(1, 1000).excludes(line);
  command.option("--stage", options->stage, "training stage whose prompts and answers are shown")
      .one_of({"sft", "caption"});
  command.option("--seed", options->seed, "seed of prompt templates");
  command.option("--out", options->out, "write an HTML page with the pictures, points and boxes drawn");
  options->pictures.add_to(command);
  command.runs(options, show);
}

}  // namespace molmo::commands
