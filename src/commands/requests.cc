// SPDX-License-Identifier: Apache-2.0
#include "commands/requests.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/json_parser.h"
#include "base/json_reader.h"
#include "base/log.h"
#include "base/strings.h"
#include "commands/standard_input.h"
#include "data/styles.h"
#include "molmo/error.h"

namespace molmo::commands {
namespace {

bool is_url(std::string_view word) {
  const size_t scheme = word.find("://");
  return scheme != std::string_view::npos && scheme > 0 && word.find_first_of(" \t\n") == std::string_view::npos &&
         word.substr(0, scheme).find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+") ==
             std::string_view::npos;
}

bool has_picture_extension(const std::string& word) {
  static constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".png", ".webp", ".bmp",  ".tif", ".tiff",
                                                     ".gif", ".ppm",  ".pgm", ".pnm",  ".heic", ".avif"};
  const std::string lowered = lower_ascii(word);
  const auto ends_word = [&](std::string_view extension) { return lowered.ends_with(extension); };
  return std::any_of(std::begin(kExtensions), std::end(kExtensions), ends_word);
}

// Whether a file (or a pipe, as of a shell's <(...)) has this name.
bool is_file(const std::string& word) {
  std::error_code error;  // a prompt may be longer than a name can be
  const auto status = std::filesystem::status(word, error);
  return !error && std::filesystem::exists(status) && !std::filesystem::is_directory(status);
}

bool is_folder(const std::string& word) {
  std::error_code error;
  return std::filesystem::is_directory(word, error);
}

void expect_picture(const std::string& where, const std::string& image) {
  if (image == kStandardInput || is_file(image)) return;
  if (is_url(image)) throw Error(fmt::format("[{}] {}: got a URL, expected a file: download it first", where, image));
  if (is_folder(image))
    throw Error(fmt::format("[{0}] {1}: got a folder, expected an image (all of its files: {1}/*)", where, image));
  throw Error(fmt::format("[file] cannot open {}: No such file or directory", image));
}

// A word that is not the first of an --image: never a prompt where it was meant as a picture.
bool is_picture_word(const std::string& word) {
  if (word == kStandardInput) return false;
  if (is_file(word)) return true;
  if (is_url(word))
    throw Error(fmt::format("[generate] {}: got a URL, expected a file: download it first (a prompt: after --)", word));
  if (has_picture_extension(word))
    throw Error(fmt::format("[generate] {}: no such file, expected an image (a prompt: after --)", word));
  if (is_folder(word) && word.ends_with('/'))
    throw Error(fmt::format("[generate] {0}: got a folder, expected an image (all of its files: {0}*)", word));
  return false;
}

std::vector<std::string> lines_of(const std::string& file) {
  const bool is_stdin = file == kStandardInput;
  const std::string where = is_stdin ? "standard input" : file;
  const std::string text = is_stdin ? read_standard_input() : read_text_file(file);
  std::vector<std::string> lines;
  for (std::string_view line : split_text(expect_utf8(text, where), '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!trim_text(line).empty()) lines.emplace_back(line);
  }
  if (lines.empty()) throw Error(fmt::format("[generate] {}: no prompt, expected one a line", where));
  return lines;
}

// All of standard input as one prompt, without the line ends that it ends with.
std::string prompt_of_stdin() {
  std::string text(expect_utf8(read_standard_input(), "standard input"));
  text.erase(text.find_last_not_of("\r\n") + 1);
  if (text.empty()) throw Error("[generate] standard input is empty, expected a prompt");
  return text;
}

std::vector<Request> combine(const std::vector<std::string>& images, const std::vector<std::string>& prompts,
                             std::string how) {
  const size_t num_images = images.size(), num_prompts = prompts.size();
  if (num_images == 0 && !how.empty()) throw Error("[generate] --combine without images, expected --image");
  if (how == "pairs" && num_images != num_prompts) {
    throw Error(fmt::format("[generate] --combine pairs with {} images and {} prompts, expected as many of both",
                            num_images, num_prompts));
  }
  if (how.empty()) {
    how = num_images == num_prompts ? "pairs" : "cross";
    if (num_images > 1 && num_prompts > 1) {
      log_info(fmt::format("[generate] {} images, {} prompts: {} (--combine pairs, cross or together says how)",
                           num_images, num_prompts,
                           how == "pairs" ? "asked in pairs, in order" : "every prompt is asked about every image"));
    }
  }
  std::vector<Request> requests;
  if (how == "together" || num_images == 0) {
    for (const std::string& prompt : prompts) requests.push_back({images, prompt});
  } else if (how == "pairs") {
    for (size_t i = 0; i < num_images; ++i) requests.push_back({{images[i]}, prompts[i]});
  } else {
    for (const std::string& image : images) {
      for (const std::string& prompt : prompts) requests.push_back({{image}, prompt});
    }
  }
  return requests;
}

std::vector<Request> requests_of_words(const RequestOptions& options) {
  std::vector<std::string> images = options.images, prompts;
  const size_t num_free = options.words.size() - std::min(options.words.size(), options.num_plain_words);
  for (size_t i = 0; i < options.words.size(); ++i) {
    const std::string& word = options.words[i];
    if (i < num_free && is_picture_word(word)) {
      images.push_back(word);
    } else {
      prompts.push_back(i < num_free && word == kStandardInput ? prompt_of_stdin() : word);
    }
  }
  if (!options.prompts_file.empty()) {
    const std::vector<std::string> lines = lines_of(options.prompts_file);
    prompts.insert(prompts.end(), lines.begin(), lines.end());
  }
  for (const std::string& image : images) expect_picture("generate", image);
  if (prompts.empty()) {
    throw Error(images.empty() ? "[generate] got no prompt, expected one"
                               : fmt::format("[generate] got no prompt, expected one beside the image{} {}",
                                             images.size() == 1 ? "" : "s", join_some(images, ", ")));
  }
  return combine(images, prompts, options.combine);
}

Request parse_request(std::string_view line, const std::string& where, size_t number, const std::string& style) {
  Json json;
  if (const auto mistake = try_parse_json(line, JsonText::kLine, &json)) {
    throw Error(fmt::format("[json] {}:{}:{}: {}{}{}", where, number, mistake->offset + 1, mistake->key,
                            mistake->key.empty() ? "" : ": ", mistake->problem));
  }
  const std::string place = fmt::format("{} line {}", where, number);
  const JsonRules rules{.on_problem = [&](const std::string& key, const std::string& problem) {
    throw Error(fmt::format("[generate] {}{}{}: {}", place, key.empty() ? "" : ", ", key, problem));
  }};
  const ObjectReader object(json, rules);
  object.expect_keys({"id", "image", "images", "prompt", "style"});
  if (object.has("image") && object.has("images"))
    object.report("images", "got image and images, expected one of them");
  Request request;
  if (const auto image = object.text("image")) request.images.push_back(*image);
  if (object.has("images")) request.images = object.texts("images");
  object.require("prompt", "text");
  request.prompt = object.text("prompt").value_or("");
  request.style = object.text("style").value_or(style);
  data::expect_known_style(request.style);
  if (object.has("id")) request.id = format_json_line(*object.find("id"));
  for (const std::string& image : request.images) {
    if (image == kStandardInput) object.report("image", "got -, expected a file");
    expect_picture(place, image);
  }
  return request;
}

}  // namespace

RequestQueue::RequestQueue(const RequestOptions& options) : style_(options.style) {
  if (options.requests_file.empty()) {
    requests_ = requests_of_words(options);
    for (Request& request : requests_) request.style = style_;
  } else if (options.requests_file == kStandardInput) {
    stream_.emplace(STDIN_FILENO, "standard input");
  } else {
    const std::string text = read_text_file(options.requests_file);
    for_each_line(expect_utf8(text, options.requests_file), [&](size_t number, std::string_view line) {
      requests_.push_back(parse_request(line, options.requests_file, number, style_));
    });
    if (requests_.empty())
      throw Error(fmt::format("[generate] {}: no request, expected one a line", options.requests_file));
  }
}

bool RequestQueue::have_pictures() const {
  const auto has_picture = [](const Request& request) { return !request.images.empty(); };
  return stream_ || std::any_of(requests_.begin(), requests_.end(), has_picture);
}

std::vector<Request> RequestQueue::next(size_t most) {
  std::vector<Request> batch;
  while (batch.size() < most) {
    if (stream_ && (batch.empty() || stream_->is_ready())) {
      std::optional<Request> request = next_of_stream();
      if (!request) break;
      batch.push_back(std::move(*request));
    } else if (!stream_ && num_given_ < requests_.size()) {
      batch.push_back(requests_[num_given_++]);
    } else {
      break;
    }
  }
  return batch;
}

std::optional<Request> RequestQueue::next_of_stream() {
  while (const std::optional<std::string> line = stream_->next()) {
    ++line_number_;
    if (!trim_text(*line).empty())
      return parse_request(expect_utf8(*line, "standard input"), "standard input", line_number_, style_);
  }
  return std::nullopt;
}

}  // namespace molmo::commands
