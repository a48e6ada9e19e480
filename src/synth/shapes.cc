// SPDX-License-Identifier: Apache-2.0
#include "synth/shapes.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "synth/background.h"
#include "synth/wording.h"

namespace molmo::synth {
namespace {

constexpr int kSide = 1024;  // drawn four times larger than kept, which smooths the edges
constexpr const char* kShapeColors[] = {"red", "green", "blue", "yellow", "purple", "orange"};

using Corners = std::vector<cv::Point2d>;  // in [0, 1], y down
using Outline = std::vector<Corners>;      // filled by the even-odd rule: the second contour of a ring is its hole

template <class Curve>
Corners trace(const Curve& curve, int num_points = 240) {
  Corners corners;
  for (int i = 0; i < num_points; ++i) corners.push_back(curve(2 * std::numbers::pi * i / num_points));
  return corners;
}

cv::Point2d on_circle(double angle, double radius = 0.5, double x = 0.5, double y = 0.5) {
  return {x + radius * std::sin(angle), y - radius * std::cos(angle)};
}

Corners polygon(int num_corners) {
  return trace([](double t) { return on_circle(t); }, num_corners);
}

Outline star() {
  Corners corners;
  for (int i = 0; i < 10; ++i) corners.push_back(on_circle(std::numbers::pi * i / 5, i % 2 ? 0.2 : 0.5));
  return {corners};
}

Outline heart() {
  return {trace([](double t) {
    const double s = std::sin(t);
    const double y = 13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t);
    return cv::Point2d{0.5 + 0.03 * 16 * s * s * s, 0.46 - 0.03 * y};
  })};
}

// The left half of a disc, with a larger disc bitten out.
Outline moon() {
  Corners corners;
  for (int i = 0; i <= 120; ++i) corners.push_back(on_circle(-std::numbers::pi * i / 120.0));
  const cv::Point2d top = corners.front(), bottom = corners.back();
  const double x = 0.95, radius = std::hypot(top.x - x, top.y - 0.5), from = std::atan2(x - bottom.x, bottom.y - 0.5);
  for (int i = 0; i <= 120; ++i) {
    const double angle = std::numbers::pi - from + (2 * from - std::numbers::pi) * i / 120.0;
    corners.push_back({x - radius * std::sin(angle), 0.5 - radius * std::cos(angle)});
  }
  return {corners};
}

Outline ring() {
  return {trace([](double t) { return on_circle(t); }), trace([](double t) { return on_circle(t, 0.28); })};
}

Outline drop() {
  return {trace([](double t) {
    const double half = std::sin(t / 2);
    return cv::Point2d{0.5 - 0.5 * std::sin(t) * half * half, 0.5 - 0.5 * std::cos(t)};
  })};
}

struct Shape {
  const char* name;
  std::function<Outline()> outline;
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> table = {
      {"circle", [] { return Outline{trace([](double t) { return on_circle(t); })}; }},
      {"square",
       [] {
         return Outline{{{0, 0}, {1, 0}, {1, 1}, {0, 1}}};
       }},
      {"triangle",
       [] {
         return Outline{{{0.5, 0.05}, {1, 0.92}, {0, 0.92}}};
       }},
      {"star", star},
      {"heart", heart},
      {"cross",
       [] {
         return Outline{{{.33, 0},
                         {.67, 0},
                         {.67, .33},
                         {1, .33},
                         {1, .67},
                         {.67, .67},
                         {.67, 1},
                         {.33, 1},
                         {.33, .67},
                         {0, .67},
                         {0, .33},
                         {.33, .33}}};
       }},
      {"moon", moon},
      {"arrow",
       [] {
         return Outline{{{0, .35}, {.5, .35}, {.5, .1}, {1, .5}, {.5, .9}, {.5, .65}, {0, .65}}};
       }},
      {"diamond",
       [] {
         return Outline{{{.5, 0}, {.82, .5}, {.5, 1}, {.18, .5}}};
       }},
      {"ring", ring},
      {"drop", drop},
      {"flag",
       [] {
         return Outline{{{.1, 0}, {.2, 0}, {.2, .06}, {.95, .06}, {.75, .3}, {.95, .54}, {.2, .54}, {.2, 1}, {.1, 1}}};
       }},
  };
  return table;
}

const std::vector<Shape>& unseen_shapes() {
  static const std::vector<Shape> table = {
      {"hexagon", [] { return Outline{polygon(6)}; }},
      {"crown",
       [] {
         return Outline{{{0, .2}, {.25, .5}, {.5, .1}, {.75, .5}, {1, .2}, {.9, .9}, {.1, .9}}};
       }},
      {"bolt",
       [] {
         return Outline{{{.55, 0}, {.2, .58}, {.46, .58}, {.38, 1}, {.8, .38}, {.52, .38}, {.7, 0}}};
       }},
      {"house",
       [] {
         return Outline{{{.5, .02}, {1, .45}, {.86, .45}, {.86, .95}, {.14, .95}, {.14, .45}, {0, .45}}};
       }},
  };
  return table;
}

RgbaPicture fill_outline(const Outline& outline, const std::string& color) {
  std::vector<std::vector<cv::Point>> contours;
  for (const Corners& corners : outline) {
    contours.emplace_back();
    for (const cv::Point2d& corner : corners) {
      contours.back().emplace_back(static_cast<int>(std::lround(corner.x * (kSide - 9))) + 4,
                                   static_cast<int>(std::lround(corner.y * (kSide - 9))) + 4);
    }
  }
  cv::Mat mask = cv::Mat::zeros(kSide, kSide, CV_8U), small;
  cv::fillPoly(mask, contours, cv::Scalar(255));
  cv::resize(mask, small, cv::Size(kSide / 4, kSide / 4), 0, 0, cv::INTER_AREA);
  RgbaPicture picture(small.cols, small.rows);
  const std::array<uint8_t, 3> value = color_value(color);
  for (int y = 0; y < small.rows; ++y) {
    for (int x = 0; x < small.cols; ++x) {
      std::copy(value.begin(), value.end(), picture.at(y, x));
      picture.at(y, x)[3] = small.at<uint8_t>(y, x);
    }
  }
  return picture;
}

std::vector<Kind> draw_kinds(const std::vector<Shape>& table) {
  std::vector<Kind> kinds;
  for (size_t i = 0; i < table.size(); ++i) {
    Kind kind{.name = table[i].name, .held_out = static_cast<int>(i % std::size(kShapeColors))};
    for (const char* color : kShapeColors) {
      Sprite sprite{.caption = fmt::format("{} {}.", capitalized(with_article(color)), kind.name), .color = color};
      set_sprite_picture(fill_outline(table[i].outline(), color), sprite);
      kind.sprites.push_back(std::move(sprite));
    }
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

}  // namespace

std::vector<Kind> draw_shape_kinds() { return draw_kinds(shapes()); }

std::vector<Kind> draw_unseen_shape_kinds() { return draw_kinds(unseen_shapes()); }

}  // namespace molmo::synth
