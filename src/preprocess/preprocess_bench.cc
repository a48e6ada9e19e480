// SPDX-License-Identifier: Apache-2.0
#include "preprocess/preprocess_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>

#include "base/random.h"
#include "base/thread_pool.h"
#include "image/decode.h"
#include "image/encode.h"
#include "preprocess/crops.h"
#include "preprocess/processor.h"

namespace molmo::preprocess {
namespace {

constexpr int kJpegQuality = 90;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double best_ms(int repeats, const std::function<void()>& run) {
  double best = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const double start = cpu_seconds();
    run();
    best = std::min(best, cpu_seconds() - start);
  }
  return 1e3 * best;
}

PreprocessSpeed::Throughput measure_throughput(size_t num_threads, int repeats, const std::function<void()>& run) {
  ThreadPool pool(num_threads - 1);  // the caller works too
  const size_t count = static_cast<size_t>(repeats) * num_threads;
  pool.parallel_for(num_threads, [&](size_t) { run(); });  // memory and tables
  const auto start = std::chrono::steady_clock::now();
  pool.parallel_for(count, [&](size_t) { run(); });
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return {num_threads, static_cast<double>(count) / elapsed.count()};
}

}  // namespace

image::Picture make_benchmark_picture(int width, int height) {
  image::Picture picture(width, height);
  RandomState random(7);
  for (int y = 0; y < height; ++y) {
    uint8_t* row = picture.row(y);
    for (int x = 0; x < width; ++x) {
      const double wave = 60 * std::sin(0.011 * x + 0.3 * std::sin(0.02 * y)) + 40 * std::cos(0.017 * y);
      const double edge = (x / 97 + y / 71) % 2 == 0 ? 25 : -25;
      const auto noise = static_cast<double>(random.next_u32() >> 28) - 8;
      for (int c = 0; c < 3; ++c)
        row[3 * x + c] = static_cast<uint8_t>(std::clamp(128 + wave * (c == 1 ? 0.7 : 1.0) + edge + noise, 0.0, 255.0));
    }
  }
  return picture;
}

std::string encode_benchmark_jpeg(const image::Picture& picture) { return image::encode_jpeg(picture, kJpegQuality); }

PreprocessSpeed measure_preprocess_speed(const image::Picture& picture, const config::PreprocessConfig& config,
                                         const text::MolmoTokenizer& tokenizer, int num_repeats) {
  const std::string jpeg = encode_benchmark_jpeg(picture);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(jpeg.data()), jpeg.size());
  const Processor processor(config, config::AnnotationWeighting::kNone, tokenizer);
  const std::vector<Conversation> conversations = {
      {" User: Describe this image in as much detail as you can. Assistant:"}};
  PreprocessSpeed speed;
  image::Picture decoded;
  speed.decode_ms = best_ms(num_repeats, [&] { decoded = image::decode_picture(bytes, "bench"); });
  speed.crops_ms =
      best_ms(num_repeats, [&] { speed.num_crops = make_image_inputs(decoded, config, tokenizer.special).num_crops; });
  const auto make_example = [&] {
    const std::vector<image::Picture> pictures = {image::decode_picture(bytes, "bench")};
    processor(pictures, conversations);
  };
  speed.example_ms = best_ms(num_repeats, make_example);
  const size_t most = num_available_threads();
  for (size_t threads = 1; threads < most; threads *= 2)
    speed.throughput.push_back(measure_throughput(threads, num_repeats, make_example));
  speed.throughput.push_back(measure_throughput(most, num_repeats, make_example));
  return speed;
}

}  // namespace molmo::preprocess
