// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>

#include "data/example_maker.h"
#include "data/mixture.h"
#include "molmo/error.h"
#include "preprocess/collate.h"

namespace molmo::data {
namespace {

constexpr size_t kWindow =
    4;  // micro-batches among which rows are sorted: more would pad little less and hold more in memory

/// Some micro-batches of one step on their way: workers take the rows one by one, and the last to finish sorts them by
/// length and collates them, so that rows of about one length share a micro-batch.
struct Slot {
  std::vector<MixtureItem> items;
  std::vector<MadeExample> examples;       // by row
  std::vector<std::exception_ptr> errors;  // by row
  size_t num_taken = 0, num_done = 0;
  bool is_ready = false;
  std::deque<LoadedBatch> batches;
  std::exception_ptr error;  // of the first row that failed, or of the collation

  explicit Slot(std::vector<MixtureItem> rows) : items(std::move(rows)), examples(items.size()), errors(items.size()) {}
};

MixtureOrder make_order(const std::vector<Loader::Source>& sources, const config::DataConfig& data,
                        const LoaderOptions& options) {
  std::vector<int64_t> sizes;
  std::vector<float> rates;
  for (const Loader::Source& source : sources) {
    sizes.push_back(source.num_records);
    rates.push_back(static_cast<float>(source.rate));
  }
  MixtureOrder order(sizes, rates, data.seed, options.global_batch_size, data.shuffle);
  order.skip(options.start_example);
  return order;
}

std::vector<Loader::Source> make_sources(const std::vector<Dataset>& datasets, const config::DataConfig& data) {
  std::vector<MixtureEntry> entries;
  for (const Dataset& dataset : datasets) {
    const auto length = static_cast<int64_t>(dataset.records.size());
    entries.push_back({dataset.name, dataset.config.group, length, dataset.config.fixed_size});
  }
  const std::vector<float> rates = root_size_rates(entries, data.group_rates);
  std::vector<Loader::Source> sources;
  for (size_t i = 0; i < entries.size(); ++i) sources.push_back({entries[i].name, entries[i].length, rates[i]});
  return sources;
}

void check_options(const LoaderOptions& options) {
  const bool is_good = options.global_batch_size > 0 && options.micro_batch_size > 0 && options.world_size > 0 &&
                       options.global_batch_size % options.world_size == 0;
  if (is_good) return;
  throw Error(
      fmt::format("[data] global batch of {} in micro-batches of {} on {} ranks, expected a multiple of the ranks",
                  options.global_batch_size, options.micro_batch_size, options.world_size));
}

}  // namespace

/// The queue between the workers and the consumer. `slots_` holds what is not delivered yet, in order.
class Loader::Queue {
 public:
  Queue(const config::DataConfig& data, const config::MolmoConfig& molmo, text::MolmoTokenizer tokenizer,
        const LoaderOptions& options)
      : options_(options),
        collate_{.sequence_length = data.sequence_length, .pad_to_max = false},
        rows_per_slot_(kWindow * static_cast<size_t>(options.micro_batch_size)),
        max_slots_((static_cast<size_t>(data.prefetch_batches) + kWindow - 1) / kWindow + 1),  // one is being delivered
        maker_(load_datasets(data, options.stage), data, molmo, std::move(tokenizer), options.stage,
               options.cache_bytes),
        sources_(make_sources(maker_.datasets(), data)),
        order_(make_order(sources_, data, options)) {
    for (int i = 0; i < data.num_workers; ++i) workers_.emplace_back([this](std::stop_token stop) { work(stop); });
  }

  ~Queue() {
    for (std::jthread& worker : workers_) worker.request_stop();  // all at once; then each is joined
  }

  LoadedBatch next() {
    std::unique_lock lock(mutex_);
    has_batch_.wait(lock, [&] { return !slots_.empty() && slots_.front()->is_ready; });
    Slot& slot = *slots_.front();
    if (slot.error) std::rethrow_exception(slot.error);  // stays in front: the end of the stream
    LoadedBatch batch = std::move(slot.batches.front());
    slot.batches.pop_front();
    if (slot.batches.empty()) slots_.pop_front();
    lock.unlock();
    has_work_.notify_all();
    return batch;
  }

  const std::vector<Source>& sources() const { return sources_; }
  const ExampleMaker& maker() const { return maker_; }

 private:
  void work(std::stop_token stop);
  void plan();
  Slot* open_slot();
  void make_row(Slot& slot, size_t row) const;
  void finish(Slot& slot) const;
  LoadedBatch collate(std::span<MadeExample> rows) const;

  const LoaderOptions options_;
  const preprocess::CollateOptions collate_;
  const size_t rows_per_slot_, max_slots_;
  const ExampleMaker maker_;
  const std::vector<Source> sources_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any has_work_;
  std::condition_variable has_batch_;
  MixtureOrder order_;
  std::deque<std::vector<MixtureItem>> planned_;  // slots of the current global batch
  std::deque<std::unique_ptr<Slot>> slots_;
  bool has_failed_ = false;  // no further slots are opened

  std::vector<std::jthread> workers_;  // last: they stop before the rest goes
};

// Cuts this rank's share of the next global batch into slots.
void Loader::Queue::plan() {
  const std::vector<MixtureItem> share = rank_share(order_.next(), options_.rank, options_.world_size);
  for (size_t begin = 0; begin < share.size(); begin += rows_per_slot_) {
    const size_t end = std::min(begin + rows_per_slot_, share.size());
    planned_.emplace_back(share.begin() + begin, share.begin() + end);
  }
}

// The first slot with a row to take, opening a new one if there is room; null if there is nothing to do.
Slot* Loader::Queue::open_slot() {
  for (const auto& slot : slots_) {
    if (slot->num_taken < slot->items.size()) return slot.get();
  }
  if (slots_.size() >= max_slots_ || has_failed_) return nullptr;
  try {
    if (planned_.empty()) plan();
  } catch (...) {  // a seed that ran out of range
    has_failed_ = true;
    slots_.push_back(std::make_unique<Slot>(std::vector<MixtureItem>{}));
    slots_.back()->error = std::current_exception();
    slots_.back()->is_ready = true;
    has_batch_.notify_all();
    return nullptr;
  }
  slots_.push_back(std::make_unique<Slot>(std::move(planned_.front())));
  planned_.pop_front();
  return slots_.back().get();
}

void Loader::Queue::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  Slot* slot = nullptr;
  while (has_work_.wait(lock, stop, [&] { return (slot = open_slot()) != nullptr; }) && !stop.stop_requested()) {
    const size_t row = slot->num_taken++;
    lock.unlock();
    make_row(*slot, row);
    lock.lock();
    if (++slot->num_done < slot->items.size()) continue;
    lock.unlock();
    finish(*slot);  // all rows are done: nobody else touches the slot until it is ready
    lock.lock();
    slot->is_ready = true;
    has_failed_ |= slot->error != nullptr;
    has_batch_.notify_all();
  }
}

void Loader::Queue::make_row(Slot& slot, size_t row) const {
  try {
    slot.examples[row] = maker_(slot.items[row]);
  } catch (...) {
    slot.errors[row] = std::current_exception();
  }
}

void Loader::Queue::finish(Slot& slot) const {
  for (const std::exception_ptr& error : slot.errors) {
    if (error && !slot.error) slot.error = error;
  }
  if (slot.error) return;
  std::stable_sort(slot.examples.begin(), slot.examples.end(), [](const MadeExample& a, const MadeExample& b) {
    return a.example.input_tokens.size() < b.example.input_tokens.size();
  });
  const auto size = static_cast<size_t>(options_.micro_batch_size);
  try {
    for (size_t begin = 0; begin < slot.examples.size(); begin += size) {
      slot.batches.push_back(
          collate(std::span(slot.examples).subspan(begin, std::min(size, slot.examples.size() - begin))));
    }
  } catch (...) {
    slot.error = std::current_exception();
  }
  slot.examples.clear();
}

LoadedBatch Loader::Queue::collate(std::span<MadeExample> rows) const {
  LoadedBatch loaded;
  std::vector<preprocess::Example> examples;
  for (MadeExample& made : rows) {
    loaded.cell_labels.insert(loaded.cell_labels.end(), made.cell_labels.begin(), made.cell_labels.end());
    examples.push_back(std::move(made.example));
  }
  loaded.batch = preprocess::collate(examples, collate_);
  return loaded;
}

Loader::Loader(const config::DataConfig& data, const config::MolmoConfig& molmo, text::MolmoTokenizer tokenizer,
               LoaderOptions options) {
  check_options(options);
  queue_ = std::make_unique<Queue>(data, molmo, std::move(tokenizer), options);
}

Loader::~Loader() = default;

LoadedBatch Loader::next() { return queue_->next(); }

const std::vector<Loader::Source>& Loader::sources() const { return queue_->sources(); }

const std::vector<std::string>& Loader::kinds() const { return queue_->maker().kinds(); }

}  // namespace molmo::data
