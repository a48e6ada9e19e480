// SPDX-License-Identifier: Apache-2.0
// The loader over a few tiny pictures: order, resumption, errors, the tower's labels.
#include "data/loader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/files.h"
#include "data/cell_labels.h"
#include "data/example_maker.h"
#include "data/loader_fixture.h"
#include "image/encode.h"
#include "molmo/error.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::data {
namespace {

TEST_F(LoaderTest, OrderDoesNotDependOnWorkersPrefetchOrCache) {
  LoaderOptions options{.stage = config::TrainStage::kSft, .global_batch_size = 4, .micro_batch_size = 2};
  const auto expected = first_ids(options, 10);
  for (int num_workers : {1, 3, 8}) {
    data_.num_workers = num_workers;
    data_.prefetch_batches = num_workers;
    data_.crop_cache_bytes = num_workers == 3 ? 0 : 100'000'000;
    EXPECT_EQ(first_ids(options, 10), expected);
  }
}

TEST_F(LoaderTest, ResumesAtAnyUpdate) {
  LoaderOptions options{.stage = config::TrainStage::kCaption, .global_batch_size = 3, .micro_batch_size = 2};
  const auto all = first_ids(options, 12);  // two micro-batches (2 + 1 rows) per update
  for (int update : {1, 2, 5}) {
    options.start_example = 3 * update;
    EXPECT_EQ(first_ids(options, 2),
              (std::vector<std::vector<int64_t>>(all.begin() + 2 * update, all.begin() + 2 * update + 2)));
  }
}

TEST_F(LoaderTest, WaitsForABatchAsLongAsItIsAsked) {
  LoaderOptions options{.stage = config::TrainStage::kCaption, .global_batch_size = 3, .micro_batch_size = 2};
  Loader loader = make(options);
  while (!loader.wait(std::chrono::milliseconds(50))) {
  }
  EXPECT_TRUE(loader.wait(std::chrono::milliseconds(0)));  // still there: nothing was taken
  EXPECT_GT(loader.next().num_examples, 0);
  options.global_batch_size = 1, options.world_size = 2, options.rank = 1;  // a rank without examples
  Loader idle = make(options);
  EXPECT_FALSE(idle.wait(std::chrono::milliseconds(50)));
}

TEST_F(LoaderTest, RanksTogetherSeeWhatOneRankSees) {
  std::multiset<std::vector<int64_t>> together, alone;
  for (const auto& ids :
       first_ids({.stage = config::TrainStage::kSft, .global_batch_size = 4, .micro_batch_size = 1}, 8))
    alone.insert(ids);
  for (int rank : {0, 1}) {
    const LoaderOptions options{.stage = config::TrainStage::kSft,
                                .global_batch_size = 4,
                                .micro_batch_size = 1,
                                .rank = rank,
                                .world_size = 2};
    for (const auto& ids : first_ids(options, 4)) together.insert(ids);
  }
  EXPECT_EQ(together, alone);
  EXPECT_THROW(make({.global_batch_size = 3, .rank = 2, .world_size = 2}), Error);
}

TEST_F(LoaderTest, TheCacheKeepsDatasetsApart) {
  const testing::TemporaryFolder other;
  image::save_picture(other / "0.png", grey_picture(60, 30, 200));
  image::save_picture(other / "1.png", grey_picture(20, 30, 90));
  std::string lines;
  for (int i = 0; i < kNumPictures; ++i)
    lines += fmt::format("{{\"image\": \"{}.png\", \"caption\": \"other {}\"}}\n", i % 2, i);
  write_file_atomically(other / "data.jsonl", lines);
  data_.datasets["second"].path = other.path().string();
  const auto patches = [&] {
    Loader loader = make({.global_batch_size = 1});
    std::vector<std::vector<float>> all;
    for (int i = 0; i < 6 * kNumPictures; ++i) {
      const preprocess::Batch batch = loader.next().batch;
      all.emplace_back(batch.byte_patches.begin(), batch.byte_patches.end());
      all.back().insert(all.back().end(), batch.patches.begin(), batch.patches.end());
    }
    return all;
  };
  const auto cached = patches();
  EXPECT_GT(std::set(cached.begin(), cached.end()).size(), 2u);
  data_.crop_cache_bytes = 0;
  EXPECT_TRUE(patches() == cached);
}

TEST_F(LoaderTest, ExamplesKeepTheirNumbersOnResume) {
  LoaderOptions options{.global_batch_size = 3, .micro_batch_size = 1};
  const auto numbers = [&](int num_batches) {
    Loader loader = make(options);
    std::vector<int64_t> all;
    for (int i = 0; i < num_batches; ++i) {
      const std::vector<int64_t> streams = loader.next().batch.token_streams;
      all.insert(all.end(), streams.begin(), streams.end());
    }
    return all;
  };
  const std::vector<int64_t> whole = numbers(12);
  options.start_example = 6;
  const std::vector<int64_t> resumed = numbers(6);
  ASSERT_LT(resumed.size(), whole.size());
  EXPECT_EQ(resumed, std::vector<int64_t>(whole.end() - static_cast<ptrdiff_t>(resumed.size()), whole.end()));
}

// Slots that are ready early must not be counted early.
TEST_F(LoaderTest, TheExampleBeyondTheLimitDoesNotDependOnWorkers) {
  for (const char* name : {"1.png", "3.png", "5.png"}) write_file_atomically(folder_ / name, "no picture");
  data_.shuffle = false;
  data_.max_bad_examples = 2;
  data_.prefetch_batches = 16;
  for (const int num_workers : {1, 8}) {
    data_.num_workers = num_workers;
    for (const int64_t num_bad_before : {0, 1}) {
      Loader loader = make({.global_batch_size = 1, .num_bad_before = num_bad_before});
      int64_t num_batches = 0;
      const std::string error = testing::error_of([&] {
        for (;; ++num_batches) loader.next();
      });
      EXPECT_EQ(num_batches, num_bad_before == 0 ? 5 : 3);
      EXPECT_NE(error.find(fmt::format("data.jsonl:{}: ", num_batches + 1)), std::string::npos) << error;
      EXPECT_EQ(loader.num_bad(), 3);
    }
  }
}

TEST_F(LoaderTest, PlacesAreComparedWithTheirPicturesBeforeTheFirstBatch) {
  const LoaderOptions options{.stage = config::TrainStage::kSft, .num_examined = 100};
  make(options);
  image::save_picture(folder_ / "2.png", grey_picture(20, 20, 9));
  make(options);  // one bad record is left out when it is drawn
  data_.max_bad_examples = 0;
  EXPECT_EQ(
      testing::error_of([&] { make(options); }, folder_.path().string()),
      "[data] 1 of the records that were looked at are bad examples, at most 0 are left out in training\n"
      "  data.jsonl, line 3: [data] point of 'dogs' outside the picture, got [30, 20], expected at most [20, 20]");
  make({.stage = config::TrainStage::kSft});  // not asked to look
}

TEST_F(LoaderTest, BrokenPicturesAreLeftOutUpToALimit) {
  for (const char* name : {"1.png", "2.png"}) write_file_atomically(folder_ / name, "no picture");
  data_.shuffle = false;
  data_.max_bad_examples = 2;
  Loader loader = make({.global_batch_size = 2});
  const auto num_examples = [&] {  // of an update
    int64_t total = 0;
    for (bool is_done = false; !is_done;) {
      const LoadedBatch loaded = loader.next();
      total += loaded.num_examples;
      is_done = loaded.ends_step;
    }
    return total;
  };
  EXPECT_EQ(num_examples(), 1);  // 0, and not 1
  EXPECT_EQ(num_examples(), 1);  // not 2, and 3
  EXPECT_EQ(num_examples(), 2);
  EXPECT_THROW(while (true) num_examples(), Error);  // the next epoch meets them again
}

TEST_F(LoaderTest, PackedRowsHoldAllExamplesWithinTheLimits) {
  const auto tokens_of = [](const LoadedBatch& loaded) {
    return std::count_if(loaded.batch.input_ids.begin(), loaded.batch.input_ids.end(),
                         [](int64_t id) { return id >= 0; });
  };
  const LoaderOptions options{.stage = config::TrainStage::kSft, .global_batch_size = 6, .micro_batch_size = 1};
  int64_t plain_tokens = 0, packed_tokens = 0, packed_examples = 0, num_rows = 0;
  Loader plain = make(options);
  for (int i = 0; i < 6; ++i) plain_tokens += tokens_of(plain.next());
  data_.packing.max_tokens = 1000;
  Loader packed = make(options);
  for (bool is_done = false; !is_done; ++num_rows) {
    const LoadedBatch loaded = packed.next();
    EXPECT_EQ(loaded.batch.num_rows, 1);
    EXPECT_LE(loaded.batch.sequence_length, 1000);
    EXPECT_EQ(tokens_of(loaded), loaded.batch.sequence_length);  // nothing is padded
    packed_tokens += tokens_of(loaded), packed_examples += loaded.num_examples;
    is_done = loaded.ends_step;
  }
  EXPECT_EQ(packed_examples, 6);
  EXPECT_EQ(packed_tokens, plain_tokens);
  EXPECT_LT(num_rows, 6);
}

TEST_F(LoaderTest, EveryEpochDrawsAnew) {
  const LoaderOptions options{
      .stage = config::TrainStage::kCaption, .global_batch_size = kNumPictures, .micro_batch_size = kNumPictures};
  Loader loader = make(options);
  const auto prompts = [&] {  // of an epoch, in an order that does not depend on the draws
    const preprocess::Batch batch = loader.next().batch;
    std::multiset<std::vector<int64_t>> rows;
    for (auto row = batch.input_ids.begin(); row != batch.input_ids.end(); row += batch.sequence_length) {
      std::vector<int64_t> ids(row, row + batch.sequence_length);
      std::erase(ids, -1);
      rows.insert(std::move(ids));
    }
    return rows;
  };
  const auto first = prompts();
  EXPECT_EQ(first.size(), size_t{kNumPictures});
  EXPECT_NE(prompts(), first);
}

// What lies ahead is bounded: the rest of the pictures is read when there is room for it again.
TEST_F(LoaderTest, MakesNoMoreAheadThanItsBound) {
  data_.shuffle = false;
  data_.num_workers = 2;
  data_.prefetch_batches = 1;
  data_.max_bad_examples = 0;
  data_.crop_cache_bytes = 0;
  Loader loader = make({.global_batch_size = 1, .micro_batch_size = 1});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // for the workers to stop of themselves
  for (int i = 0; i < kNumPictures; ++i) write_file_atomically(folder_ / fmt::format("{}.png", i), "no picture");
  int num_made = 0;
  EXPECT_THROW(for (; num_made < 40; ++num_made) loader.next(), Error);
  EXPECT_GE(num_made, 1);
  EXPECT_LE(num_made, 12);
}

TEST_F(LoaderTest, KeepsNoMoreCropsThanItsBound) {
  const LoaderOptions options;
  const auto num_kept = [&](int64_t cache_bytes) {  // of seven
    SetUp();                                        // the pictures are whole again
    data_.crop_cache_bytes = cache_bytes;
    const ExampleMaker make(load_datasets(data_, options.stage), data_, molmo_, byte_tokenizer(), options.stage);
    for (int64_t i = 0; i < kNumPictures; ++i) make({.dataset = 0, .index = i, .epoch = 0});
    int count = 0;
    for (int64_t i = 0; i < kNumPictures; ++i) {
      write_file_atomically(folder_ / fmt::format("{}.png", i), "no picture");
      count += testing::error_of([&] { make({.dataset = 0, .index = i, .epoch = 1}); }) == "no error";
    }
    return count;
  };
  const int64_t one = 112 * 112 * 3 * sizeof(float) * 3;  // an overview and two crops, and some more
  EXPECT_EQ(num_kept(20 * one), kNumPictures);
  EXPECT_EQ(num_kept(0), 0);
  const int some = num_kept(5 * one / 2);
  EXPECT_GE(some, 1);
  EXPECT_LE(some, 3);
}

TEST_F(LoaderTest, ABrokenPictureIsReportedWhenItIsDue) {
  write_file_atomically(folder_ / "4.png", "no picture");
  data_.shuffle = false;
  data_.max_bad_examples = 0;
  Loader loader = make({.global_batch_size = 1});
  for (int i = 0; i < 4; ++i) loader.next();
  for (int repeat = 0; repeat < 2; ++repeat) {
    try {
      loader.next();
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("data.jsonl:5: "), std::string::npos) << error.what();
    }
  }
}

TEST_F(LoaderTest, StopsWithoutBeingRead) {
  const auto num_threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
  };
  data_.num_workers = 4;
  make({.global_batch_size = 2});  // what a first one starts for good
  const auto before = num_threads();
  for (int i = 0; i < 20; ++i) make({.global_batch_size = 2});
  EXPECT_EQ(num_threads(), before) << "workers outlive their loader";
}

TEST_F(LoaderTest, NamesUnknownKindsOfAnnotation) {
  data_.datasets["own"].annotations = {"points", "boxes"};
  try {
    make({});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[data] dataset 'own': annotations: got 'boxes', expected one of caption, transcript, qa, points, "
                 "counts, choices");
  }
  data_.datasets["own"].annotations = {"qa"};
  EXPECT_THROW(make({.stage = config::TrainStage::kSft}), Error);  // no record is left
}

TEST_F(LoaderTest, TowerBatchesCarryALabelPerCell) {
  Loader loader = make({.stage = config::TrainStage::kTower, .global_batch_size = 2, .micro_batch_size = 2});
  EXPECT_EQ(loader.kinds(), (std::vector<std::string>{"ant", "cat", "dog"}));
  const LoadedBatch loaded = loader.next();
  ASSERT_EQ(static_cast<int64_t>(loaded.cell_labels.size()), loaded.batch.num_crops * loaded.batch.num_cells);
  std::map<int64_t, int> counts;
  for (const CellLabel& label : loaded.cell_labels) ++counts[label.kind];
  EXPECT_GT(counts[1] + counts[3], 0);  // ant or dog: the smaller box wins
  EXPECT_GT(counts[2], 0);              // cat, to the right of it
  EXPECT_GT(counts[kIgnoredLabel], 0);  // padding above and below
}

TEST(LabelCells, AnObjectBetweenTheMiddlesBelongsToTheCellOfItsOwnMiddle) {
  const std::vector<ObjectEntry> objects{{"a", {1, 1, 3, 3}}};
  std::vector<preprocess::CellPlace> places;
  for (const float x : {5.0f, 15.0f})
    places.push_back(
        {.x = x, .y = 5, .width = 10, .height = 10, .left = 0, .top = 0, .crop_width = 20, .crop_height = 10});
  const std::vector<CellLabel> labels = label_cells(objects, places, {"a"});
  EXPECT_EQ(labels[0].kind, 1);
  EXPECT_EQ(labels[1].kind, kBackgroundLabel);
}

TEST(LabelCells, SmallestBoxWins) {
  const std::vector<ObjectEntry> objects{{"b", {0, 0, 10, 10}}, {"a", {0, 0, 5, 5}}, {"unlisted", {8, 8, 9, 9}}};
  std::vector<preprocess::CellPlace> places;
  for (const auto& [x, y] : {std::pair(2.0f, 2.0f), {7.0f, 7.0f}, {8.5f, 8.5f}, {20.0f, 20.0f}, {NAN, NAN}}) {
    places.push_back({.x = x, .y = y, .left = 4, .top = 0, .crop_width = 16, .crop_height = 32});
  }
  const std::vector<CellLabel> labels = label_cells(objects, places, {"a", "b"});
  const auto step = [](double share) { return static_cast<int64_t>(share * static_cast<double>(kPlaceSteps)); };
  const CellLabel a{
      .kind = 1, .column = 0, .row = step(2.5 / 32)};  // its middle, (2.5, 2.5), lies to the left of the crop
  const CellLabel b{.kind = 2, .column = step(1.0 / 16), .row = step(5.0 / 32)};
  const CellLabel unlisted{.kind = kBackgroundLabel, .column = step(4.5 / 16), .row = step(8.5 / 32)};
  const CellLabel nothing{
      .kind = kBackgroundLabel, .column = kPlaceSteps - 1, .row = step(20.0 / 32)};  // the cell's own place
  EXPECT_EQ(labels, (std::vector<CellLabel>{a, b, unlisted, nothing, {.kind = kIgnoredLabel}}));
}

}  // namespace
}  // namespace molmo::data
