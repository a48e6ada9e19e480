// A few tiny pictures, and what a loader needs to read them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "data/loader.h"
#include "image/encode.h"
#include "support/paths.h"

namespace molmo::data {

inline constexpr int kNumPictures = 7;

/// One id per byte; the image tokens follow.
class ByteTokenizer : public text::Tokenizer {
 public:
  std::vector<int64_t> encode(std::string_view text) const override {
    std::vector<int64_t> ids;
    for (unsigned char byte : text) ids.push_back(byte);
    return ids;
  }
  std::string decode(std::span<const int64_t> ids, bool) const override {
    std::string text;
    for (int64_t id : ids) text += token_bytes(id);
    return text;
  }
  std::string token_bytes(int64_t id) const override {
    return id >= 0 && id < 256 ? std::string(1, static_cast<char>(id)) : "";
  }
  int64_t size() const override { return 262; }
  int64_t added_token_id(std::string_view) const override { return -1; }
};

inline text::MolmoTokenizer byte_tokenizer() {
  return {std::make_shared<ByteTokenizer>(),
          {.im_start = 256, .im_end = 257, .im_patch = 258, .im_col = 259, .image = 260, .bos = 261, .eos = 261}};
}

inline image::Picture grey_picture(int width, int height, uint8_t level) {
  image::Picture picture(width, height);
  std::fill(picture.pixels.begin(), picture.pixels.end(), level);
  return picture;
}

class LoaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (int i = 0; i < kNumPictures; ++i) {
      image::save_picture(folder_ / fmt::format("{}.png", i), grey_picture(40 + i, 20, static_cast<uint8_t>(20 * i)));
      lines += fmt::format(
          R"({{"image": "{0}.png", "caption": "picture {0}", "transcripts": ["a {0}", "b {0}"],)"
          R"( "points": [{{"label": "dogs", "points": [[{0}, 3], [30, 20]]}}],)"
          R"( "objects": [{{"kind": "{1}", "box": [0, 0, 20, 20]}}, {{"kind": "cat", "box": [0, 0, 40, 20]}}]}})",
          i, i % 2 ? "ant" : "dog");
      lines += "\n";
    }
    write_file_atomically(folder_ / "data.jsonl", lines);
    molmo_.preprocess.image_height = molmo_.preprocess.image_width = 112;
    molmo_.preprocess.overlap_margins = {0, 0};
    molmo_.preprocess.max_crops = 2;
    data_.datasets["own"].path = folder_.path().string();
    data_.sequence_length = 400;
  }

  Loader make(LoaderOptions options) { return Loader(data_, molmo_, byte_tokenizer(), options); }
  std::vector<std::vector<int64_t>> first_ids(LoaderOptions options, int num_batches) {
    Loader loader = make(options);
    std::vector<std::vector<int64_t>> ids;
    for (int i = 0; i < num_batches; ++i) {
      const preprocess::Batch batch = loader.next().batch;
      ids.push_back(batch.input_ids);
      for (const auto* streams : {&batch.token_streams, &batch.crop_streams})  // what dropout draws by
        ids.back().insert(ids.back().end(), streams->begin(), streams->end());
    }
    return ids;
  }

  testing::TemporaryFolder folder_;
  config::MolmoConfig molmo_;
  config::DataConfig data_;
};

}  // namespace molmo::data
