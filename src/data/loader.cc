// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>

#include "base/log.h"
#include "data/example_maker.h"
#include "data/mixture.h"
#include "data/places.h"
#include "data/special_text.h"
#include "molmo/error.h"
#include "preprocess/collate.h"
#include "preprocess/pack.h"

namespace molmo::data {
namespace {

// Micro-batches among which rows are sorted: more would pad little less and hold more in memory.
constexpr size_t kWindow = 4;

/// An example that will be made, and its place in the stream of all ranks.
struct PlannedRow {
  MixtureItem item;
  int64_t number;
};

/// Some micro-batches of one step on their way: workers take the rows one by one, and the last to finish sorts them by
/// length and collates them, so that rows of about one length share a micro-batch.
struct Slot {
  std::vector<PlannedRow> rows;
  bool ends_step;
  std::vector<MadeExample> examples;       // by row
  std::vector<std::exception_ptr> errors;  // by row
  size_t num_taken = 0, num_done = 0;
  bool is_ready = false;
  std::deque<LoadedBatch> batches;
  std::vector<std::exception_ptr> bad;  // of the rows that could not be made, until the slot is the first
  std::exception_ptr error;             // of the collation, or of a bad row beyond the limit

  explicit Slot(std::vector<PlannedRow> planned, bool ends)
      : rows(std::move(planned)), ends_step(ends), examples(rows.size()), errors(rows.size()) {}
};

double squared(int64_t length) { return static_cast<double>(length) * static_cast<double>(length); }

// What a user can mend; nothing for lack of memory and the like, which no other example helps against.
std::optional<std::string> message_of(const std::exception_ptr& bad) {
  try {
    std::rethrow_exception(bad);
  } catch (const Error& error) {
    return error.what();
  } catch (...) {
    return std::nullopt;
  }
}

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
  for (size_t i = 0; i < entries.size(); ++i)
    sources.push_back({entries[i].name, entries[i].length, rates[i], datasets[i].fingerprint});
  return sources;
}

void check_options(const LoaderOptions& options) {
  const bool is_good = options.global_batch_size > 0 && options.micro_batch_size > 0 && options.rank >= 0 &&
                       options.rank < options.world_size;
  if (is_good) return;
  throw Error(fmt::format("[data] global batch of {} in micro-batches of {} on rank {} of {}, expected sizes above 0",
                          options.global_batch_size, options.micro_batch_size, options.rank, options.world_size));
}

}  // namespace

/// The queue between the workers and the consumer. `slots_` holds what is not delivered yet, in order.
class Loader::Queue {
 public:
  Queue(const config::DataConfig& data, const config::MolmoConfig& molmo, text::MolmoTokenizer tokenizer,
        const LoaderOptions& options)
      : options_(options),
        collate_{.sequence_length = data.sequence_length, .pad_to_max = data.pad_to_max},
        packing_(data.packing),
        rows_per_slot_(packing_.is_on() ? static_cast<size_t>(options.global_batch_size)
                                        : kWindow * static_cast<size_t>(options.micro_batch_size)),
        max_slots_(packing_.is_on() ? 2  // one is being delivered
                                    : (static_cast<size_t>(data.prefetch_batches) + kWindow - 1) / kWindow + 1),
        maker_(load_datasets(data, options.stage), data, molmo, tokenizer, options.stage),
        sources_(make_sources(maker_.datasets(), data)),
        max_bad_(data.max_bad_examples),
        start_(make_order(sources_, data, options)),
        order_(start_),
        next_number_(options.start_example),
        num_bad_(options.num_bad_before) {
    if (options.num_examined > 0) {
      log_remarks(*tokenizer.tokenizer);
      expect_good_places(maker_.datasets(), options.num_examined, max_bad_, data.decode_limits);
    }
    for (int i = 0; i < data.num_workers; ++i) workers_.emplace_back([this](std::stop_token stop) { work(stop); });
  }

  ~Queue() {
    for (std::jthread& worker : workers_) worker.request_stop();  // all at once; then each is joined
  }

  bool wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return has_batch_.wait_for(lock, limit, [&] { return is_front_ready(); });
  }

  LoadedBatch next() {
    std::unique_lock lock(mutex_);
    has_batch_.wait(lock, [&] { return is_front_ready(); });
    Slot& slot = *slots_.front();
    count_bad(slot);
    if (slot.error) std::rethrow_exception(slot.error);  // stays in front: the end of the stream
    LoadedBatch batch = std::move(slot.batches.front());
    slot.batches.pop_front();
    if (slot.batches.empty()) slots_.pop_front();
    lock.unlock();
    has_work_.notify_all();
    return batch;
  }

  const std::vector<Source>& sources() const { return sources_; }
  std::vector<MixtureItem> first_items(size_t count) const;
  const ExampleMaker& maker() const { return maker_; }
  int64_t num_bad() {
    const std::lock_guard lock(mutex_);
    return num_bad_;
  }

 private:
  void log_remarks(const text::Tokenizer& tokenizer) const;
  bool is_front_ready() const { return !slots_.empty() && slots_.front()->is_ready; }
  void work(std::stop_token stop);
  void plan();
  Slot* open_slot();
  void make_row(Slot& slot, size_t row) const;
  void finish(Slot& slot);
  static void drop_bad_rows(Slot& slot);
  void count_bad(Slot& slot);
  void collate_sorted(Slot& slot) const;
  void collate_packed(Slot& slot) const;
  LoadedBatch collate(std::span<MadeExample> rows) const;

  const LoaderOptions options_;
  const preprocess::CollateOptions collate_;
  const config::PackingConfig packing_;
  const size_t rows_per_slot_, max_slots_;
  const ExampleMaker maker_;
  const std::vector<Source> sources_;
  const int64_t max_bad_;
  const MixtureOrder start_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any has_work_;
  std::condition_variable has_batch_;
  MixtureOrder order_;
  int64_t next_number_;                          // of the first example of the next global batch
  std::deque<std::vector<PlannedRow>> planned_;  // slots of the current global batch
  std::deque<std::unique_ptr<Slot>> slots_;
  bool has_failed_ = false;  // no further slots are opened
  int64_t num_bad_;          // of the slots that have come to the front

  std::vector<std::jthread> workers_;  // last: they stop before the rest goes
};

void Loader::Queue::log_remarks(const text::Tokenizer& tokenizer) const {
  for (const Dataset& dataset : maker_.datasets()) {
    std::vector<std::string> remarks = dataset.remarks;
    remarks.push_back(remark_special_text(dataset, tokenizer));
    for (const std::string& remark : remarks) {
      if (!remark.empty()) log_warning(fmt::format("[data] {}: {}", dataset.file.string(), remark));
    }
  }
}

std::vector<MixtureItem> Loader::Queue::first_items(size_t count) const {
  constexpr int64_t kMostEpochs = 4;  // a dataset with a small rate may not come for long
  int64_t num_records = 0, num_drawn = 0;
  for (const Source& source : sources_) num_records += source.num_records;
  count = std::min(count, static_cast<size_t>(num_records));
  MixtureOrder order = start_;
  std::vector<MixtureItem> items;
  std::set<std::pair<int64_t, int64_t>> seen;
  for (; items.size() < count && num_drawn < kMostEpochs * num_records; num_drawn += options_.global_batch_size) {
    for (const MixtureItem& item : order.next()) {
      if (items.size() < count && seen.emplace(item.dataset, item.index).second) items.push_back(item);
    }
  }
  return items;
}

// Cuts this rank's share of the next global batch into slots.
void Loader::Queue::plan() {
  const std::vector<MixtureItem> share = rank_share(order_.next(), options_.rank, options_.world_size);
  std::vector<PlannedRow> rows;
  int64_t number = next_number_ + first_share_row(options_.rank, options_.world_size);
  for (const MixtureItem& item : share) {
    rows.push_back({item, number});
    number += options_.world_size;
    if (rows.size() < rows_per_slot_ && rows.size() + planned_.size() * rows_per_slot_ < share.size()) continue;
    planned_.push_back(std::exchange(rows, {}));
  }
  next_number_ += options_.global_batch_size;
}

// The first slot with a row to take, opening a new one if there is room; null if there is nothing to do.
Slot* Loader::Queue::open_slot() {
  for (const auto& slot : slots_) {
    if (slot->num_taken < slot->rows.size()) return slot.get();
  }
  if (slots_.size() >= max_slots_ || has_failed_) return nullptr;
  try {
    if (num_share_rows(options_.global_batch_size, options_.rank, options_.world_size) == 0) return nullptr;
    if (planned_.empty()) plan();
  } catch (...) {  // a seed that ran out of range
    has_failed_ = true;
    slots_.push_back(std::make_unique<Slot>(std::vector<PlannedRow>{}, false));
    slots_.back()->error = std::current_exception();
    slots_.back()->is_ready = true;
    has_batch_.notify_all();
    return nullptr;
  }
  slots_.push_back(std::make_unique<Slot>(std::move(planned_.front()), /*ends=*/planned_.size() == 1));
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
    if (++slot->num_done < slot->rows.size()) continue;
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
    slot.examples[row] = maker_(slot.rows[row].item);
    slot.examples[row].example.number = slot.rows[row].number;
  } catch (...) {
    slot.errors[row] = std::current_exception();
  }
}

void Loader::Queue::finish(Slot& slot) {
  try {
    drop_bad_rows(slot);
    packing_.is_on() ? collate_packed(slot) : collate_sorted(slot);
    if (slot.batches.empty()) slot.batches.emplace_back();  // all its rows were bad
    slot.batches.back().ends_step = slot.ends_step;
  } catch (...) {
    slot.error = std::current_exception();
  }
  slot.examples.clear();
}

void Loader::Queue::drop_bad_rows(Slot& slot) {
  std::vector<MadeExample> good;
  for (size_t row = 0; row < slot.examples.size(); ++row) {
    slot.errors[row] ? slot.bad.push_back(slot.errors[row]) : good.push_back(std::move(slot.examples[row]));
  }
  slot.examples = std::move(good);
}

// Warns of the rows of the first slot that could not be made and goes on without them; beyond the limit a row's error
// is the stream's. Slots come here in their order, whichever was made first.
void Loader::Queue::count_bad(Slot& slot) {
  for (const std::exception_ptr& bad : std::exchange(slot.bad, {})) {
    const std::optional<std::string> message = message_of(bad);
    if (!message || ++num_bad_ > max_bad_) {
      slot.error = bad;
      has_failed_ = true;
      return;
    }
    log_warning(fmt::format("[data] left out example {} of at most {}: {}", num_bad_, max_bad_, *message));
  }
}

void Loader::Queue::collate_sorted(Slot& slot) const {
  std::stable_sort(slot.examples.begin(), slot.examples.end(), [](const MadeExample& a, const MadeExample& b) {
    return a.example.input_tokens.size() < b.example.input_tokens.size();
  });
  const auto size = static_cast<size_t>(options_.micro_batch_size);
  for (size_t begin = 0; begin < slot.examples.size(); begin += size) {
    slot.batches.push_back(
        collate(std::span(slot.examples).subspan(begin, std::min(size, slot.examples.size() - begin))));
  }
}

// Every row is a micro-batch of its own: there is nothing to pad.
void Loader::Queue::collate_packed(Slot& slot) const {
  std::vector<preprocess::RowSize> sizes;
  for (MadeExample& made : slot.examples) {
    preprocess::cut(made.example, collate_.sequence_length);
    sizes.push_back(preprocess::row_size(made.example));
  }
  for (const std::vector<size_t>& row : preprocess::plan_rows(sizes, {packing_.max_tokens, packing_.max_crops})) {
    std::vector<preprocess::Example> parts;
    LoadedBatch loaded;
    for (const size_t index : row) {
      loaded.squared_lengths += squared(sizes[index].tokens);
      parts.push_back(std::move(slot.examples[index].example));
    }
    const preprocess::Example packed = preprocess::pack(std::move(parts));
    loaded.num_examples = static_cast<int64_t>(row.size());
    loaded.batch =
        preprocess::collate(std::span(&packed, 1),
                            {.sequence_length = static_cast<int64_t>(packed.input_tokens.size()), .pad_to_max = false});
    slot.batches.push_back(std::move(loaded));
  }
}

LoadedBatch Loader::Queue::collate(std::span<MadeExample> rows) const {
  LoadedBatch loaded;
  std::vector<preprocess::Example> examples;
  for (MadeExample& made : rows) {
    loaded.cell_labels.insert(loaded.cell_labels.end(), made.cell_labels.begin(), made.cell_labels.end());
    loaded.squared_lengths +=
        squared(std::min<int64_t>(collate_.sequence_length, static_cast<int64_t>(made.example.input_tokens.size())));
    examples.push_back(std::move(made.example));
  }
  loaded.num_examples = static_cast<int64_t>(rows.size());
  loaded.batch = preprocess::collate(examples, collate_);
  return loaded;
}

Loader::Loader(const config::DataConfig& data, const config::MolmoConfig& molmo, text::MolmoTokenizer tokenizer,
               LoaderOptions options) {
  check_options(options);
  queue_ = std::make_unique<Queue>(data, molmo, std::move(tokenizer), options);
}

Loader::~Loader() = default;

bool Loader::wait(std::chrono::milliseconds limit) { return queue_->wait(limit); }

LoadedBatch Loader::next() { return queue_->next(); }

const std::vector<Loader::Source>& Loader::sources() const { return queue_->sources(); }

std::vector<MixtureItem> Loader::first_items(size_t count) const { return queue_->first_items(count); }

const ExampleMaker& Loader::maker() const { return queue_->maker(); }

int64_t Loader::num_bad() const { return queue_->num_bad(); }

const std::vector<std::string>& Loader::kinds() const { return queue_->maker().kinds(); }

}  // namespace molmo::data
