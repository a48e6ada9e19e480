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

cv::Point fixed_point(const geometry::Point& mark) {
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

  void disc(const geometry::Point& mark, const cv::Scalar& color) const {
    circle(mark, 1.30, kDark, -1);  // two outlines: one of them shows on any background
    circle(mark, 1.18, kLight, -1);
    circle(mark, 1.0, color, -1);
  }
  void ring(const geometry::Point& mark, const cv::Scalar& color) const {
    circle(mark, 1.6, kDark, thickness(0.50));
    circle(mark, 1.6, kLight, thickness(0.36));
    circle(mark, 1.6, color, thickness(0.18));
  }
  void number(const geometry::Point& mark, int value) const {
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
  double radius() const { return radius_; }

  // With a size of its own.
  Marker(cv::Mat canvas, double radius) : canvas_(std::move(canvas)), radius_(radius) {}

 private:
  int thickness(double share) const { return std::max(1, static_cast<int>(std::lround(share * radius_))); }
  void circle(const geometry::Point& mark, double share, const cv::Scalar& color, int thickness) const {
    const int radius = static_cast<int>(std::lround(share * radius_ * (1 << kSubpixelBits)));
    cv::circle(canvas_, fixed_point(mark), radius, color, thickness, cv::LINE_AA, kSubpixelBits);
  }

  mutable cv::Mat canvas_;
  double radius_;
};

// The strip below the picture, where it covers nothing.
class Legend {
 public:
  Legend(int width, double marker_radius)
      : width_(width), scale_(std::max(marker_radius / 18.0, 0.32)), line_height_(30.0 * scale_) {}

  // The font has ASCII alone: without it the points stand for themselves.
  void add(const PointGroup& group, const cv::Scalar& color) {
    std::string text = fitted(unicode::nearest_ascii(group.label), scale_, weight(), width_ - left());
    if (!text.empty()) lines_.push_back({std::move(text), color, group.is_truth});
  }

  void draw_below(Picture& picture) const {
    const int top = picture.height,
              height = static_cast<int>(std::ceil(static_cast<double>(lines_.size()) * line_height_));
    if (height == 0) return;
    picture.height += height;
    picture.pixels.resize(size_t{3} * static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height));
    cv::Mat strip =
        cv::Mat(picture.height, picture.width, CV_8UC3, picture.pixels.data()).rowRange(top, picture.height);
    strip = kDark;
    const Marker marker(strip, 0.28 * line_height_);
    for (size_t i = 0; i < lines_.size(); ++i) {
      const double middle = (static_cast<double>(i) + 0.5) * line_height_;
      const geometry::Point bullet{0.8 * line_height_, middle};
      lines_[i].is_ring ? marker.ring(bullet, lines_[i].color) : marker.disc(bullet, lines_[i].color);
      cv::putText(strip, lines_[i].text, {left(), static_cast<int>(middle + 0.3 * line_height_)},
                  cv::FONT_HERSHEY_SIMPLEX, scale_, kLight, weight(), cv::LINE_AA);
    }
  }

 private:
  struct Line {
    std::string text;
    cv::Scalar color;
    bool is_ring;
  };
  int weight() const { return std::max(1, static_cast<int>(std::lround(1.5 * scale_))); }
  int left() const { return static_cast<int>(1.5 * line_height_); }

  int width_;
  double scale_, line_height_;
  std::vector<Line> lines_;
};

}  // namespace

Picture draw_points(const Picture& picture, std::span<const PointGroup> groups) {
  Picture drawn = picture;
  const Marker marker(cv::Mat(drawn.height, drawn.width, CV_8UC3, drawn.pixels.data()));
  int number = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    const cv::Scalar& color = kColors[g % std::size(kColors)];
    for (const geometry::Point& point : groups[g].points) {
      if (!std::isfinite(point.x + point.y)) continue;
      const geometry::Point mark{std::clamp(point.x, -kFarAway, kFarAway), std::clamp(point.y, -kFarAway, kFarAway)};
      if (groups[g].is_truth) {
        marker.ring(mark, color);
      } else {
        marker.disc(mark, color);
        marker.number(mark, ++number);
      }
    }
  }
  Legend legend(drawn.width, marker.radius());
  for (size_t g = 0; g < groups.size(); ++g) legend.add(groups[g], kColors[g % std::size(kColors)]);
  legend.draw_below(drawn);
  return drawn;
}

}  // namespace molmo::image
