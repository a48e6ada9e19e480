// Points at things in a picture: point MODEL PICTURE THINGS [OUT.png]. Built and run by the tests.
// SPDX-License-Identifier: Apache-2.0
#include <molmo/error.h>
#include <molmo/molmo.h>

#include <cstdio>

int main(int argc, char** argv) try {
  if (argc < 4) return std::fprintf(stderr, "usage: point MODEL PICTURE THINGS [OUT.png]\n"), 2;
  const molmo::Model model(argv[1]);
  const molmo::Image picture = molmo::Image::load(argv[2]);
  const std::string things = argv[3];

  const auto print = [](size_t, const std::string& text) { std::fputs(text.c_str(), stdout), std::fflush(stdout); };
  const molmo::Answer answer = model.generate({.text = "Point to " + things + ".", .images = {picture}}, {}, print);
  std::puts("");
  for (const molmo::Point& point : answer.points) std::printf("%.0f %.0f %s\n", point.x, point.y, point.label.c_str());
  if (argc > 4) molmo::draw_points(picture, answer.points, things).save(argv[4]);
  return 0;
} catch (const molmo::Error& error) {
  return std::fprintf(stderr, "%s\n", error.what()), static_cast<int>(error.code());
}
