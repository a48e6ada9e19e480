// SPDX-License-Identifier: Apache-2.0
#include "commands/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"

namespace molmo::commands {
namespace {

// To so many decimals: what arithmetic adds beyond them is noise.
double rounded(double value, int decimals) {
  const double scale = std::pow(10.0, decimals);
  return std::round(value * scale) / scale;
}

// "dogs.jpg: Point to the dogs." on one line.
std::string describe(const Request& request) {
  constexpr size_t kLongest = 200;
  std::string prompt = clip_text(request.prompt, kLongest);
  std::replace_if(
      prompt.begin(), prompt.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  if (request.images.empty()) return prompt;
  return fmt::format("{}: {}", join_text(request.images, ", "), prompt);
}

Json points_json(const std::vector<Point>& points) {
  Json list = Json::array();
  for (const Point& point : points) {
    list.push_back({{"x", rounded(point.x, 2)},
                    {"y", rounded(point.y, 2)},
                    {"x_percent", rounded(point.x_percent, 4)},
                    {"y_percent", rounded(point.y_percent, 4)},
                    {"label", point.label}});
  }
  return list;
}

Json answer_json(const Request& request, const Answer& answer) {
  Json line;
  if (!request.id.empty()) line["id"] = parse_json(request.id, "id");
  if (request.images.size() > 1) {
    line["images"] = request.images;
  } else {
    line["image"] = request.images.empty() ? Json() : Json(request.images.front());
  }
  line["prompt"] = request.prompt;
  line["text"] = answer.text;
  line["finish_reason"] = name_of(answer.finish_reason);
  line["log_prob"] = rounded(answer.log_prob, 6);
  line["num_prompt_tokens"] = answer.num_prompt_tokens;
  line["num_image_tokens"] = answer.num_image_tokens;
  line["num_new_tokens"] = answer.num_new_tokens;
  if (!request.images.empty()) line["points"] = points_json(answer.points);
  for (const Answer::Other& other : answer.others) {
    line["others"].push_back(
        {{"text", other.text}, {"log_prob", rounded(other.log_prob, 6)}, {"score", rounded(other.score, 6)}});
  }
  return line;
}

}  // namespace

void AnswerPrinter::begin(const Request& request) {
  ++num_begun_;
  if (options_.json || !options_.are_several) return;
  std::cout << fmt::format("{}[{}] {}\n", num_begun_ > 1 ? "\n" : "", num_begun_, describe(request)) << std::flush;
}

void AnswerPrinter::print(const Request& request, const Prompt& prompt, const Answer& answer) {
  if (!options_.stream) begin(request);
  const std::filesystem::path drawing = draw(request, prompt, answer);
  if (!options_.json) {
    std::cout << (options_.stream ? "" : answer.text) << std::endl;
    return;
  }
  Json line = answer_json(request, answer);
  if (!drawing.empty()) line["drawing"] = drawing.string();
  std::cout << format_json_line(line) << std::endl;
}

// "out.png" of the only request, "out-2.png" of the second of several; nothing where nothing was drawn.
std::filesystem::path AnswerPrinter::draw(const Request& request, const Prompt& prompt, const Answer& answer) const {
  if (options_.points.empty() || prompt.images.empty()) return {};
  std::filesystem::path path = options_.points;
  if (options_.are_several)
    path.replace_filename(fmt::format("{}-{}{}", path.stem().string(), num_begun_, path.extension().string()));
  const size_t count = answer.points.size();
  draw_points(prompt.images[0], answer.points, count > 0 ? request.prompt : "").save(path);
  if (count == 0) {
    log_warning(fmt::format("[generate] {}: the answer has no points, so this is the image as it was ({})",
                            path.string(), describe(request)));
  } else if (options_.are_several) {
    log_info(
        fmt::format("[generate] {}: {} point{} ({})", path.string(), count, count == 1 ? "" : "s", describe(request)));
  }
  return path;
}

}  // namespace molmo::commands
