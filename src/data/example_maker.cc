// SPDX-License-Identifier: Apache-2.0
#include "data/example_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "data/cell_labels.h"
#include "data/places.h"
#include "data/record_examples.h"
#include "molmo/error.h"
#include "preprocess/crops.h"

namespace molmo::data {

/// The crops of a record's pictures, with the sizes of the pictures.
struct ExampleMaker::CroppedImages {
  std::vector<preprocess::ImageInputs> inputs;
  std::vector<ImageSize> sizes;

  size_t num_bytes() const {
    size_t total = sizeof(*this);
    for (const preprocess::ImageInputs& input : inputs) {
      total += (input.patches.size() + input.masks.size()) * sizeof(float) + input.byte_patches.size() +
               (input.token_positions.size() + input.tokens.size()) * sizeof(int64_t);
    }
    return total;
  }
};

/// Crops by dataset and record, up to a number of bytes. Nothing is thrown out: every record of a dataset comes once
/// per epoch, so that what is in the cache is worth as much as what would replace it.
class CropCache {
 public:
  using Entry = std::shared_ptr<const ExampleMaker::CroppedImages>;
  CropCache(size_t max_bytes, size_t num_records) : max_bytes_(max_bytes), num_records_(num_records) {}

  Entry find(const MixtureItem& item) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find({item.dataset, item.index});
    return found == entries_.end() ? nullptr : found->second;
  }

  // Keeps a copy if there is room; copies outside the lock, so threads may overshoot by one entry each.
  void insert(const MixtureItem& item, const ExampleMaker::CroppedImages& images) {
    const size_t num_bytes = images.num_bytes();
    if (num_bytes > max_bytes_ / num_records_ * kLeastUse || !has_room(num_bytes)) return;
    auto entry = std::make_shared<const ExampleMaker::CroppedImages>(images);
    const std::lock_guard lock(mutex_);
    if (entries_.emplace(std::pair(item.dataset, item.index), std::move(entry)).second) num_bytes_ += num_bytes;
  }

 private:
  // A cache for less than one record in so many saves nothing and costs its memory: it stays empty.
  static constexpr size_t kLeastUse = 32;

  bool has_room(size_t num_bytes) const {
    const std::lock_guard lock(mutex_);
    return num_bytes_ + num_bytes <= max_bytes_;
  }

  mutable std::mutex mutex_;
  std::map<std::pair<int64_t, int64_t>, Entry> entries_;
  size_t num_bytes_ = 0;
  const size_t max_bytes_, num_records_;
};

namespace {

size_t count_records(const std::vector<Dataset>& datasets) {
  size_t count = 0;
  for (const Dataset& dataset : datasets) count += dataset.records.size();
  return std::max<size_t>(count, 1);
}

void expect_places(const Record& record, ImageSize size) {
  try {
    check_places(record, size);
  } catch (const Error& error) {
    throw Error(with_orientation_hint(error.what(), record.images[0]));
  }
}

}  // namespace

ExampleMaker::ExampleMaker(std::vector<Dataset> datasets, const config::DataConfig& data,
                           const config::MolmoConfig& molmo, text::MolmoTokenizer tokenizer, config::TrainStage stage)
    : datasets_(std::move(datasets)),
      stage_(stage),
      seed_(data.seed),
      shuffle_(data.shuffle),
      format_(molmo.prompt),
      processor_(molmo.preprocess, molmo.prompt.annotation_weighting, std::move(tokenizer)),
      pictures_(data.decode_limits),
      cache_(std::make_unique<CropCache>(static_cast<size_t>(data.crop_cache_bytes), count_records(datasets_))) {
  if (stage == config::TrainStage::kTower) kinds_ = object_kinds(datasets_);
}

ExampleMaker::~ExampleMaker() = default;

MadeExample ExampleMaker::operator()(const MixtureItem& item) const {
  const Dataset& dataset = datasets_[item.dataset];
  const Record& record = dataset.records[item.index];
  try {
    return make(dataset, record, item);
  } catch (const Error& error) {
    throw Error(fmt::format("[data] {}:{}: {}", dataset.file.string(), record.line, error.what()), error.code());
  }
}

MadeExample ExampleMaker::make(const Dataset& dataset, const Record& record, const MixtureItem& item) const {
  CroppedImages images = crop_images(record, item);
  if (images.sizes.size() == 1) expect_places(record, images.sizes[0]);
  if (stage_ == config::TrainStage::kTower) return make_tower_example(record, std::move(images));
  RandomState random(item_seed(seed_, item.index, static_cast<int64_t>(dataset.records.size()), item.epoch));
  const DataExample example = make_example(record, stage_, dataset.config.annotations, random);
  FormattedExample formatted = format_(example, images.sizes[0], /*for_inference=*/false, random);
  if (shuffle_) random.shuffle(formatted.conversations);
  return {.example = processor_.assemble(std::move(images.inputs), formatted.conversations, example.weight),
          .cell_labels = {}};
}

// The picture alone: a sequence of one token, of which nothing is asked.
MadeExample ExampleMaker::make_tower_example(const Record& record, CroppedImages images) const {
  MadeExample made;
  const auto places = preprocess::cell_places(images.sizes[0].width, images.sizes[0].height, processor_.preprocess());
  made.cell_labels = label_cells(record.objects, places, kinds_);
  made.example.input_tokens = {processor_.tokenizer().special.bos};
  made.example.target_tokens = {-1};
  made.example.loss_masks = {-1.0f};
  made.example.position_ids = {0};
  made.example.images = std::move(images.inputs);
  made.example.image_sizes = {{images.sizes[0].width, images.sizes[0].height}};
  return made;
}

ExampleMaker::CroppedImages ExampleMaker::crop_images(const Record& record, const MixtureItem& item) const {
  if (const auto cached = cache_->find(item)) return *cached;
  CroppedImages images;
  for (const std::filesystem::path& path : record.images) {
    const image::Picture picture = pictures_.load(path);
    images.sizes.push_back({picture.width, picture.height});
    images.inputs.push_back(
        preprocess::make_image_inputs(picture, processor_.preprocess(), processor_.tokenizer().special));
  }
  cache_->insert(item, images);
  return images;
}

}  // namespace molmo::data
