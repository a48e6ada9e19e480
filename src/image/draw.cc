// SPDX-License-Identifier: Apache-2.0
#include "image/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "base/strings.h"
#include "base/unicode_text.h"

namespace molmo::image {
namespace {

// RGB colours that stay apart on photographs and for most colour-blind readers.
const cv::Scalar kColors[] = {{230, 25, 110}, {0, 130, 200},  {245, 130, 48},
                              {60, 160, 60},  {145, 30, 180}, {0, 150, 150}};
const cv::Scalar kLight(255, 255, 255), kDark(20, 20, 20);

constexpr int kSubpixelBits = 4;
constexpr double kFarAway = 1e5;  // pixels; farther points would overflow OpenCV's fixed-point numbers

cv::Point fixed_point(const PointMark& mark) {
  constexpr double kScale = 1 << kSubpixelBits;
  return {static_cast<int>(std::lround(mark.x * kScale)), static_cast<int>(std::lround(mark.y * kScale))};
}

// As much of a text as fits a width, with dots for the rest; line ends are blanks.
std::string fitted(std::string text, double scale, int weight, int width) {
  constexpr size_t kMostCharacters = 400;
  constexpr const char* kDots = "...";
  const auto fits = [&](const std::string& line) {
    int baseline = 0;
    return cv::getTextSize(line, cv::FONT_HERSHEY_SIMPLEX, scale, weight, &baseline).width <= width;
  };
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  text = std::string(trim_text(text));
  if (text.size() <= kMostCharacters && fits(text)) return text;
  text.resize(std::min(text.size(), kMostCharacters));
  while (!text.empty() && !fits(text + kDots)) text.pop_back();
  return text.empty() ? "" : text + kDots;
}

// Draws markers whose sizes follow the picture's diagonal.
class Marker {
 public:
  explicit Marker(cv::Mat canvas)
      : canvas_(std::move(canvas)), radius_(std::clamp(0.014 * std::hypot(canvas_.cols, canvas_.rows), 4.0, 40.0)) {}

  void disc(const PointMark& mark, const cv::Scalar& color) const {
    circle(mark, 1.30, kDark, -1);  // two outlines: one of them shows on any background
    circle(mark, 1.18, kLight, -1);
    circle(mark, 1.0, color, -1);
  }
  void ring(const PointMark& mark, const cv::Scalar& color) const {
    circle(mark, 1.6, kDark, thickness(0.50));
    circle(mark, 1.6, kLight, thickness(0.36));
    circle(mark, 1.6, color, thickness(0.18));
  }
  void number(const PointMark& mark, int value) const {
    if (radius_ < 6.0) return;  // too small to read: the disc alone
    const std::string text = std::to_string(value);
    const double scale = radius_ / (text.size() > 1 ? 17.0 : 13.0);
    const int weight = std::max(1, static_cast<int>(std::lround(scale * 1.6)));
    int baseline = 0;
    const cv::Size size = cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, scale, weight, &baseline);
    const cv::Point origin(static_cast<int>(std::lround(mark.x - size.width / 2.0)),
                           static_cast<int>(std::lround(mark.y + size.height / 2.0)));
    cv::putText(canvas_, text, origin, cv::FONT_HERSHEY_SIMPLEX, scale, kLight, weight, cv::LINE_AA);
  }
  // A line of the legend in the upper left corner. The font has ASCII alone: without it the points stand for
  // themselves.
  void legend(const std::string& label, int line, const cv::Scalar& color, bool is_ring) const {
    const double scale = std::max(radius_ / 18.0, 0.32);
    const double height = 30.0 * scale;
    const int weight = std::max(1, static_cast<int>(std::lround(1.5 * scale))), left = static_cast<int>(1.5 * height);
    const std::string text = fitted(unicode::nearest_ascii(label), scale, 3 * weight, canvas_.cols - left);
    if (text.empty()) return;
    const PointMark bullet{0.8 * height, (line + 0.8) * height};
    const Marker small(canvas_, 0.28 * height);
    is_ring ? small.ring(bullet, color) : small.disc(bullet, color);
    const cv::Point origin(left, static_cast<int>((line + 0.8) * height + 0.3 * height));
    cv::putText(canvas_, text, origin, cv::FONT_HERSHEY_SIMPLEX, scale, kDark, 3 * weight, cv::LINE_AA);
    cv::putText(canvas_, text, origin, cv::FONT_HERSHEY_SIMPLEX, scale, kLight, weight, cv::LINE_AA);
  }

 private:
  Marker(cv::Mat canvas, double radius) : canvas_(std::move(canvas)), radius_(radius) {}
  int thickness(double share) const { return std::max(1, static_cast<int>(std::lround(share * radius_))); }
  void circle(const PointMark& mark, double share, const cv::Scalar& color, int thickness) const {
    const int radius = static_cast<int>(std::lround(share * radius_ * (1 << kSubpixelBits)));
    cv::circle(canvas_, fixed_point(mark), radius, color, thickness, cv::LINE_AA, kSubpixelBits);
  }

  mutable cv::Mat canvas_;
  double radius_;
};

}  // namespace

Picture draw_points(const Picture& picture, std::span<const PointGroup> groups) {
  Picture drawn = picture;
  const Marker marker(cv::Mat(drawn.height, drawn.width, CV_8UC3, drawn.pixels.data()));
  int number = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    const cv::Scalar& color = kColors[g % std::size(kColors)];
    for (const PointMark& point : groups[g].points) {
      if (!std::isfinite(point.x + point.y)) continue;
      const PointMark mark{std::clamp(point.x, -kFarAway, kFarAway), std::clamp(point.y, -kFarAway, kFarAway)};
      if (groups[g].is_truth) {
        marker.ring(mark, color);
      } else {
        marker.disc(mark, color);
        marker.number(mark, ++number);
      }
    }
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].label.empty())
      marker.legend(groups[g].label, static_cast<int>(g), kColors[g % std::size(kColors)], groups[g].is_truth);
  }
  return drawn;
}

}  // namespace molmo::image
