// A single-file HTML report: scores beside their baselines, loss curves, and pictures with predicted and true points.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace molmo::eval {

/// One row of the score table; values in [0, 1].
struct ReportScore {
  std::string name, about;
  double model = 0.0, chance = 0.0, low = 0.0, high = 1.0;  ///< low, high: 95 % interval of the model's
  std::optional<double> blank;                              ///< unset where no blank picture was asked about
  long num_items = 0;
};

/// One line of the loss chart.
struct ReportCurve {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< (step, loss)
};

/// One picture with a question about it.
struct ReportPicture {
  std::string data_uri;  ///< "data:image/jpeg;base64,..."
  std::string question, reply, truth;
  double score = 0.0;
};

struct Report {
  std::string title;
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<ReportScore> scores;
  std::vector<ReportCurve> curves;
  std::vector<ReportPicture> pictures;
};

/// The page; it needs nothing but itself, follows the reader's light or dark preference, and escapes all text.
std::string format_report_html(const Report& report);

}  // namespace molmo::eval
