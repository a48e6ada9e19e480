// A single-file HTML report: scores beside their baselines, loss curves, and examples of every task with what was right
// and what was wrong.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/geometry.h"
#include "eval/label_scores.h"
#include "eval/plain_text.h"

namespace molmo::eval {

/// One row of the score table; values in [0, 1].
struct ReportScore {
  std::string task, metric, about;
  double model = 0.0, chance = 0.0, low = 0.0, high = 1.0;  ///< low, high: 95 % interval of the model's
  std::optional<double> blank;                              ///< unset where no blank picture was asked about
  long num_items = 0;
};

/// The losses of one run: a stretch of the loss chart.
struct ReportCurve {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< (step, loss)
};

/// A place in a picture, in the picture's pixels.
struct ReportMark {
  enum class Kind {
    kHit,     ///< predicted, on a thing that was asked for
    kWrong,   ///< predicted, on none
    kMissed,  ///< true, and not predicted
    kPlain    ///< predicted, where nothing says whether it is right
  };
  double x = 0.0, y = 0.0;
  Kind kind = Kind::kPlain;
};

/// One question with its picture and the prediction.
struct ReportExample {
  std::string data_uri;       ///< "data:image/jpeg;base64,...", perhaps smaller than the picture
  int width = 0, height = 0;  ///< of the picture that marks and boxes count in
  std::vector<ReportMark> marks;
  std::vector<geometry::Box> boxes;  ///< of the true things
  std::string question, truth;
  std::vector<TextPiece> prediction;
  double score = 0.0;
};

struct ReportTask {
  std::string name, about;
  std::vector<ReportExample> examples;
};

struct Report {
  using Facts = std::vector<std::pair<std::string, std::string>>;

  std::string title;
  Facts head;      ///< always shown: model, data, date, version
  Facts settings;  ///< folded
  std::vector<ReportScore> scores;
  LabelTable labels;
  std::vector<ReportCurve> curves;
  std::vector<ReportTask> tasks;
};

/// The page; it needs nothing but itself, fits phones and desktops, follows the reader's light or dark preference, and
/// escapes all text.
std::string format_report_html(const Report& report);

}  // namespace molmo::eval
