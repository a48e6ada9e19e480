// SPDX-License-Identifier: Apache-2.0
#include "synth/background.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "base/check.h"

namespace molmo::synth {
namespace {

using Color = std::array<float, 3>;

constexpr std::pair<const char*, std::array<uint8_t, 3>> kColors[] = {
    {"white", {238, 238, 236}}, {"gray", {128, 128, 128}},  {"black", {28, 28, 30}},  {"red", {196, 44, 40}},
    {"orange", {232, 140, 44}}, {"yellow", {236, 216, 72}}, {"green", {70, 150, 76}}, {"blue", {62, 108, 196}},
    {"purple", {128, 72, 164}}, {"pink", {240, 160, 196}},  {"brown", {122, 82, 50}},
};

float draw(RandomState& random, double low, double high) { return static_cast<float>(random.uniform(low, high)); }

Color jittered(const std::string& name, RandomState& random) {
  const std::array<uint8_t, 3> value = color_value(name);
  Color color;
  for (int c = 0; c < 3; ++c) color[c] = std::clamp(static_cast<float>(value[c]) + draw(random, -12, 12), 0.0f, 255.0f);
  return color;
}

// A lighter or darker colour that still has the same name.
Color shade_of(const std::string& name, const Color& color, RandomState& random) {
  const bool to_white = name == "black" || (name != "white" && random.random() < 0.5);
  const float share = name == "white" || name == "black" ? draw(random, 0.12, 0.2) : draw(random, 0.2, 0.35);
  Color shade;
  for (int c = 0; c < 3; ++c) shade[c] = color[c] + share * ((to_white ? 255.0f : 0.0f) - color[c]);
  return shade;
}

// Fills the picture with mixtures of two colours: mix(x, y) in [0, 1] is the share of the second.
template <class Mix>
void fill(image::Picture& picture, const Color& first, const Color& second, const Mix& mix) {
  for (int y = 0; y < picture.height; ++y) {
    uint8_t* row = picture.row(y);
    for (int x = 0; x < picture.width; ++x) {
      const float share = mix(static_cast<float>(x), static_cast<float>(y));
      for (int c = 0; c < 3; ++c)
        row[3 * x + c] = static_cast<uint8_t>(first[c] + share * (second[c] - first[c]) + 0.5f);
    }
  }
}

// A square wave of period 1 with edges `softness` wide (a pixel, in periods).
float square_wave(float t, float softness) {
  const float distance = std::abs(t - std::floor(t) - 0.5f) - 0.25f;
  return std::clamp(distance / softness + 0.5f, 0.0f, 1.0f);
}

// Smooth noise in [0, 1]: a random grid of about `cells` x `cells`, enlarged.
cv::Mat smooth_noise(int width, int height, int cells, int interpolation, RandomState& random) {
  cv::Mat grid(cells, cells, CV_32F), noise;
  for (int y = 0; y < cells; ++y) {
    for (int x = 0; x < cells; ++x) grid.at<float>(y, x) = draw(random, 0, 1);
  }
  cv::resize(grid, noise, cv::Size(width, height), 0, 0, interpolation);
  return noise;
}

struct Palette {
  Color first, second;
};

void draw_plain(image::Picture& picture, const Palette& colors, RandomState&) {
  fill(picture, colors.first, colors.first, [](float, float) { return 0.0f; });
}

void draw_gradient(image::Picture& picture, const Palette& colors, RandomState& random) {
  const float angle = draw(random, 0, 2 * std::numbers::pi), dx = std::cos(angle), dy = std::sin(angle);
  const float w = static_cast<float>(picture.width), h = static_cast<float>(picture.height);
  const float reach = std::abs(dx) * w + std::abs(dy) * h;
  fill(picture, colors.first, colors.second,
       [=](float x, float y) { return std::clamp(((x - w / 2) * dx + (y - h / 2) * dy) / reach + 0.5f, 0.0f, 1.0f); });
}

void draw_stripes(image::Picture& picture, const Palette& colors, RandomState& random) {
  const float period = draw(random, 0.08, 0.3) * static_cast<float>(std::min(picture.width, picture.height));
  const float angle = draw(random, 0, std::numbers::pi), dx = std::cos(angle) / period, dy = std::sin(angle) / period;
  fill(picture, colors.first, colors.second,
       [=](float x, float y) { return square_wave(x * dx + y * dy, 1.2f / period); });
}

void draw_checks(image::Picture& picture, const Palette& colors, RandomState& random) {
  const float period = draw(random, 0.16, 0.5) * static_cast<float>(std::min(picture.width, picture.height));
  const float angle = draw(random, -0.3, 0.3), dx = std::cos(angle) / period, dy = std::sin(angle) / period;
  fill(picture, colors.first, colors.second, [=](float x, float y) {
    const float a = square_wave(x * dx + y * dy, 1.2f / period), b = square_wave(y * dx - x * dy, 1.2f / period);
    return a + b - 2 * a * b;
  });
}

void draw_dots(image::Picture& picture, const Palette& colors, RandomState& random) {
  const float period = draw(random, 0.07, 0.2) * static_cast<float>(std::min(picture.width, picture.height));
  const float radius = period * draw(random, 0.18, 0.36), shift = draw(random, 0, 1);
  fill(picture, colors.first, colors.second, [=](float x, float y) {
    const float row = std::floor(y / period);
    const float u = x / period + (static_cast<int>(row) % 2 ? shift : 0.0f);
    const float du = (u - std::floor(u) - 0.5f) * period, dv = (y / period - row - 0.5f) * period;
    return std::clamp(radius - std::sqrt(du * du + dv * dv) + 0.5f, 0.0f, 1.0f);
  });
}

void draw_waves(image::Picture& picture, const Palette& colors, RandomState& random) {
  const float side = static_cast<float>(std::min(picture.width, picture.height));
  const float period = draw(random, 0.1, 0.25) * side, length = draw(random, 0.3, 0.9) * side;
  const float height = draw(random, 0.25, 0.6);
  std::vector<float> offsets(static_cast<size_t>(picture.width));
  for (size_t x = 0; x < offsets.size(); ++x)
    offsets[x] = height * std::sin(2 * std::numbers::pi_v<float> * static_cast<float>(x) / length);
  fill(picture, colors.first, colors.second,
       [&](float x, float y) { return square_wave(y / period + offsets[static_cast<size_t>(x)], 1.5f / period); });
}

void draw_clouds(image::Picture& picture, const Palette& colors, RandomState& random) {
  const int cells = static_cast<int>(random.randint(3, 7));
  const cv::Mat coarse = smooth_noise(picture.width, picture.height, cells, cv::INTER_CUBIC, random);
  const cv::Mat fine = smooth_noise(picture.width, picture.height, 4 * cells, cv::INTER_CUBIC, random);
  fill(picture, colors.first, colors.second, [&](float x, float y) {
    const int row = static_cast<int>(y), column = static_cast<int>(x);
    return std::clamp(1.1f * coarse.at<float>(row, column) + 0.3f * fine.at<float>(row, column) - 0.2f, 0.0f, 1.0f);
  });
}

void draw_grain(image::Picture& picture, const Palette& colors, RandomState& random) {
  const cv::Mat noise = smooth_noise(picture.width, picture.height, 64, cv::INTER_LINEAR, random);
  fill(picture, colors.first, colors.second, [&](float x, float y) {
    return std::clamp(noise.at<float>(static_cast<int>(y), static_cast<int>(x)), 0.0f, 1.0f);
  });
}

using Draw = void (*)(image::Picture&, const Palette&, RandomState&);
constexpr std::pair<const char*, Draw> kPatterns[] = {
    {"plain", draw_plain}, {"gradient", draw_gradient}, {"striped", draw_stripes}, {"checkered", draw_checks},
    {"dotted", draw_dots}, {"wavy", draw_waves},        {"cloudy", draw_clouds},   {"grainy", draw_grain},
};

// Faint strokes in random colours: things that are not to be counted.
void scatter_strokes(image::Picture& picture, RandomState& random) {
  cv::Mat canvas(picture.height, picture.width, CV_8UC3, picture.pixels.data());
  const int side = std::min(picture.width, picture.height);
  const int64_t num_strokes = random.randint(4, 16);
  cv::Mat strokes = canvas.clone();
  for (int64_t i = 0; i < num_strokes; ++i) {
    const cv::Point from(static_cast<int>(random.randint(0, picture.width)),
                         static_cast<int>(random.randint(0, picture.height)));
    const double angle = random.uniform(0, 2 * std::numbers::pi), length = random.uniform(0.05, 0.3) * side;
    const cv::Point to(from.x + static_cast<int>(length * std::cos(angle)),
                       from.y + static_cast<int>(length * std::sin(angle)));
    const cv::Scalar color(random.uniform(0, 256), random.uniform(0, 256), random.uniform(0, 256));
    cv::line(strokes, from, to, color, std::max(1, static_cast<int>(random.uniform(0.003, 0.02) * side)), cv::LINE_AA);
  }
  cv::addWeighted(strokes, 0.6, canvas, 0.4, 0, canvas);
}

}  // namespace

Background draw_background(int width, int height, bool is_rich, RandomState& random) {
  const auto& [pattern, draw_pattern] = kPatterns[random.randint(0, std::size(kPatterns))];
  Background background{.picture = image::Picture(width, height), .pattern = pattern};
  background.color = kColors[random.randint(0, std::size(kColors))].first;
  Palette colors{.first = jittered(background.color, random)};
  colors.second = shade_of(background.color, colors.first, random);
  if (is_rich && background.pattern != "plain" && random.random() < 0.5) {
    const std::string second = kColors[random.randint(0, std::size(kColors))].first;
    if (second != background.color) {
      background.second_color = second;
      colors.second = jittered(second, random);
    }
  }
  draw_pattern(background.picture, colors, random);
  if (is_rich && random.random() < 0.5) scatter_strokes(background.picture, random);
  return background;
}

const std::vector<std::string>& background_patterns() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found;
    for (const auto& pattern : kPatterns) found.emplace_back(pattern.first);
    return found;
  }();
  return names;
}

const std::vector<std::string>& background_colors() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found;
    for (const auto& color : kColors) found.emplace_back(color.first);
    return found;
  }();
  return names;
}

std::array<uint8_t, 3> color_value(const std::string& name) {
  for (const auto& [known, value] : kColors) {
    if (name == known) return value;
  }
  MOLMO_CHECK(false, name);
}

}  // namespace molmo::synth
