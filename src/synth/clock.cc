// SPDX-License-Identifier: Apache-2.0
#include "synth/clock.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace molmo::synth {
namespace {

constexpr int kSide = 1024, kMiddle = kSide / 2;
constexpr double kRadius = 490;

struct ClockLook {
  cv::Scalar dial, rim, marks, hands;
  bool is_square = false, has_numbers = false, has_quarters = false, has_minute_ticks = false;
  int rim_width = 30, hand_width = 30;
};

cv::Scalar color(RandomState& random, double low, double high) {
  const double red = random.uniform(low, high), green = random.uniform(low, high), blue = random.uniform(low, high);
  return {red, green, blue, 255};
}

ClockLook draw_look(RandomState& random) {
  ClockLook look;
  const bool is_dark = random.random() < 0.2;
  look.dial = is_dark ? color(random, 10, 70) : color(random, 205, 255);
  look.marks = is_dark ? color(random, 200, 255) : color(random, 0, 70);
  look.rim = color(random, 0, 230);
  look.hands = random.random() < 0.3 && !is_dark ? cv::Scalar(random.uniform(150, 210), 20, 30, 255) : look.marks;
  look.is_square = random.random() < 0.2;
  look.has_numbers = random.random() < 0.5;
  look.has_quarters = !look.has_numbers && random.random() < 0.5;
  look.has_minute_ticks = random.random() < 0.4;
  look.rim_width = static_cast<int>(random.randint(20, 70));
  look.hand_width = static_cast<int>(random.randint(22, 42));
  return look;
}

// `turn` is a share of a full turn, clockwise from twelve.
cv::Point on_dial(double turn, double radius) {
  const double angle = 2 * std::numbers::pi * turn;
  return {kMiddle + static_cast<int>(std::lround(radius * std::sin(angle))),
          kMiddle - static_cast<int>(std::lround(radius * std::cos(angle)))};
}

void draw_dial(cv::Mat& canvas, const ClockLook& look) {
  const int radius = static_cast<int>(kRadius);
  if (look.is_square) {
    cv::rectangle(canvas, {kMiddle - radius, kMiddle - radius}, {kMiddle + radius, kMiddle + radius}, look.rim,
                  cv::FILLED);
    const int inner = radius - look.rim_width;
    cv::rectangle(canvas, {kMiddle - inner, kMiddle - inner}, {kMiddle + inner, kMiddle + inner}, look.dial,
                  cv::FILLED);
  } else {
    cv::circle(canvas, {kMiddle, kMiddle}, radius, look.rim, cv::FILLED);
    cv::circle(canvas, {kMiddle, kMiddle}, radius - look.rim_width, look.dial, cv::FILLED);
  }
}

void draw_number(cv::Mat& canvas, int number, const ClockLook& look) {
  constexpr double kScale = 3.4;
  constexpr int kThickness = 9;
  const std::string text = std::to_string(number);
  int baseline = 0;
  const cv::Size size = cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, kScale, kThickness, &baseline);
  const cv::Point middle = on_dial(number / 12.0, kRadius - look.rim_width - 80);
  cv::putText(canvas, text, {middle.x - size.width / 2, middle.y + size.height / 2}, cv::FONT_HERSHEY_SIMPLEX, kScale,
              look.marks, kThickness);
}

void draw_marks(cv::Mat& canvas, const ClockLook& look) {
  const double outer = kRadius - look.rim_width - 12;
  for (int minute = 0; minute < 60; ++minute) {
    const bool is_hour = minute % 5 == 0, is_quarter = minute % 15 == 0;
    const bool has_number = is_hour && (look.has_numbers || (look.has_quarters && is_quarter));
    if (has_number) draw_number(canvas, minute == 0 ? 12 : minute / 5, look);
    if (has_number || (!is_hour && !look.has_minute_ticks)) continue;
    const double length = is_quarter ? 85 : is_hour ? 60 : 28;
    cv::line(canvas, on_dial(minute / 60.0, outer), on_dial(minute / 60.0, outer - length), look.marks,
             is_hour ? 20 : 8);
  }
}

void draw_hand(cv::Mat& canvas, double turn, double length, int width, const cv::Scalar& color) {
  cv::line(canvas, on_dial(turn + 0.5, 60), on_dial(turn, length), color, width);
}

}  // namespace

std::string DialTime::text() const { return fmt::format("{}:{:02}", hour, minute); }

DialTime draw_dial_time(int minute_step, RandomState& random) {
  const int hour = static_cast<int>(random.randint(1, 13));
  return {.hour = hour, .minute = minute_step * static_cast<int>(random.randint(0, 60 / minute_step))};
}

Sprite draw_clock(const DialTime& time, RandomState& random) {
  const ClockLook look = draw_look(random);
  cv::Mat canvas = cv::Mat::zeros(kSide, kSide, CV_8UC4), smooth;
  draw_dial(canvas, look);
  draw_marks(canvas, look);
  draw_hand(canvas, (time.hour + time.minute / 60.0) / 12, 0.50 * kRadius, look.hand_width + 12, look.hands);
  draw_hand(canvas, time.minute / 60.0, 0.80 * kRadius, look.hand_width - 6, look.hands);
  cv::circle(canvas, {kMiddle, kMiddle}, look.hand_width + 12, look.hands, cv::FILLED);
  // Drawn twice as large as kept, which smooths the edges.
  cv::resize(canvas, smooth, cv::Size(kMiddle, kMiddle), 0, 0, cv::INTER_AREA);

  RgbaPicture picture(smooth.cols, smooth.rows);
  for (int y = 0; y < smooth.rows; ++y) {
    for (int x = 0; x < smooth.cols; ++x) {
      const cv::Vec4b& value = smooth.at<cv::Vec4b>(y, x);
      // The means are premultiplied at the rim; sprites begin with straight alpha.
      for (int c = 0; c < 3; ++c)
        picture.at(y, x)[c] = static_cast<uint8_t>(value[3] ? std::min(255, value[c] * 255 / value[3]) : 0);
      picture.at(y, x)[3] = value[3];
    }
  }
  Sprite sprite{.caption = "A clock.", .may_flip = false, .may_turn = false};
  set_sprite_picture(picture, sprite);
  return sprite;
}

}  // namespace molmo::synth
