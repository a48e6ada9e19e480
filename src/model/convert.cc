// SPDX-License-Identifier: Apache-2.0
#include "model/convert.h"

#include <map>

#include "base/check.h"
#include "base/log.h"
#include "formats/safetensors.h"
#include "model/molmo.h"
#include "model/weight_reader.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

constexpr int64_t kChunkBytes = int64_t{64} << 20;

// A parameter, how it is read and how it is written.
struct Job {
  Recipe from, to;
  std::vector<formats::TensorEntry> entries;  // parallel to to.sources
};

std::vector<Job> plan_jobs(WeightReader& reader, const config::ModelConfig& config, const ConvertOptions& options) {
  const Molmo molmo(config);  // meta parameters: names and shapes
  const std::vector<Recipe> from = reader.recipes(molmo.params());
  reader.expect_nothing_left();
  reader.throw_problems();
  const std::vector<Recipe> to = make_recipes(options.layout, config, molmo.params());
  MOLMO_CHECK(from.size() == to.size(), "a layout that lacks parameters");
  std::vector<Job> jobs;
  for (size_t i = 0; i < from.size(); ++i) {
    Job job{from[i], to[i], {}};
    const formats::DType dtype = options.dtype.value_or(reader.sources(job.from).front()->dtype);
    const std::vector<Tensor> parts =
        take_apart(job.to, at::empty(job.to.shape, at::TensorOptions().device(at::kMeta)));
    for (size_t k = 0; k < parts.size(); ++k) job.entries.push_back({job.to.sources[k], dtype, parts[k].sizes().vec()});
    jobs.push_back(std::move(job));
  }
  return jobs;
}

// Which tensors share a file: as many as fit, in order; a tensor is never cut.
std::vector<std::vector<formats::TensorEntry>> cut_into_shards(const std::vector<Job>& jobs, uint64_t max_bytes) {
  std::vector<std::vector<formats::TensorEntry>> shards(1);
  uint64_t num_bytes = 0;
  for (const Job& job : jobs) {
    for (const formats::TensorEntry& entry : job.entries) {
      if (!shards.back().empty() && num_bytes + entry.num_bytes() > max_bytes) {
        shards.emplace_back();
        num_bytes = 0;
      }
      shards.back().push_back(entry);
      num_bytes += entry.num_bytes();
    }
  }
  return shards;
}

// The files, written one after the other.
class ShardWriter {
 public:
  ShardWriter(const std::filesystem::path& folder, std::vector<std::vector<formats::TensorEntry>> shards)
      : folder_(folder), shards_(std::move(shards)) {
    open();
  }

  void write(std::span<const uint8_t> data) { writer_->write(data); }

  void end_tensor() {
    report_.num_bytes += shards_[shard_][tensor_].num_bytes();
    shard_of_[shards_[shard_][tensor_].name] = file_name();
    ++report_.num_tensors;
    if (++tensor_ < shards_[shard_].size()) return;
    writer_->finish();
    writer_.reset();
    tensor_ = 0;
    if (++shard_ < shards_.size()) open();
  }

  ConvertReport finish() {
    report_.num_files = static_cast<int>(shards_.size());
    if (shards_.size() > 1) formats::write_index(folder_, shard_of_, report_.num_bytes);
    return report_;
  }

 private:
  std::string file_name() const {
    return shards_.size() == 1
               ? "model.safetensors"
               : formats::shard_file_name(static_cast<int>(shard_) + 1, static_cast<int>(shards_.size()));
  }

  void open() {
    writer_ = std::make_unique<formats::SafetensorsWriter>(folder_ / file_name(), shards_[shard_],
                                                           std::map<std::string, std::string>{{"format", "pt"}});
    log_info(fmt::format("[convert] {} of {}: {}", shard_ + 1, shards_.size(), file_name()));
  }

  std::filesystem::path folder_;
  std::vector<std::vector<formats::TensorEntry>> shards_;
  size_t shard_ = 0, tensor_ = 0;
  std::unique_ptr<formats::SafetensorsWriter> writer_;
  std::map<std::string, std::string> shard_of_;
  ConvertReport report_;
};

// Float16 ends at 65504: what lies beyond would become an infinity, and the converted model would answer nonsense.
void expect_no_overflow(const Tensor& value, const Tensor& narrow, const formats::TensorEntry& entry) {
  if (value.scalar_type() == narrow.scalar_type() || at::isfinite(narrow).all().item<bool>()) return;
  const Tensor lost = at::isfinite(value).logical_and(at::isinf(narrow));
  if (const auto num_lost = lost.sum().item<int64_t>(); num_lost > 0) {
    throw Error(fmt::format("[convert] {}: {} values overflow {}, got magnitudes up to {:g}, expected bf16 or fp32",
                            entry.name, num_lost, formats::dtype_name(entry.dtype),
                            value.masked_select(lost).abs().max().item<double>()));
  }
}

void write_values(ShardWriter& writer, const Tensor& value, const formats::TensorEntry& entry) {
  const Tensor plain = value.to(scalar_type(entry.dtype)).contiguous();
  expect_no_overflow(value, plain, entry);
  writer.write({static_cast<const uint8_t*>(plain.const_data_ptr()), plain.nbytes()});
}

// A tensor that stays whole goes through in chunks: no copy of an embedding table is ever in memory.
void stream(ShardWriter& writer, const formats::TensorView& view, const formats::TensorEntry& entry) {
  const auto item = static_cast<int64_t>(formats::dtype_size(view.dtype)),
             num_values = static_cast<int64_t>(view.num_bytes()) / item;
  for (int64_t begin = 0; begin < num_values; begin += kChunkBytes / item)
    write_values(writer, read_values(view, begin, std::min(kChunkBytes / item, num_values - begin)), entry);
}

void run_job(const WeightReader& reader, const Job& job, ShardWriter& writer) {
  const bool is_whole = job.from.sources.size() == 1 && job.to.sources.size() == 1 &&
                        job.from.change == Change::kNone && job.to.change == Change::kNone;
  if (is_whole) {
    stream(writer, *reader.sources(job.from).front(), job.entries.front());
    return writer.end_tensor();
  }
  const std::vector<Tensor> parts = take_apart(job.to, reader.value(job.from));
  for (size_t i = 0; i < parts.size(); ++i) {
    write_values(writer, parts[i], job.entries[i]);
    writer.end_tensor();
  }
}

}  // namespace

ConvertReport convert_weights(const config::ModelConfig& config, const ConvertOptions& options) {
  WeightReader reader(config, options.from);
  if (reader.is_part())
    throw Error(fmt::format("[convert] {}: got a part of a model, expected a whole Molmo", options.from.string()));
  const std::vector<Job> jobs = plan_jobs(reader, config, options);
  std::filesystem::create_directories(options.to);
  ShardWriter writer(options.to, cut_into_shards(jobs, options.max_shard_bytes));
  int64_t num_values = 0;
  for (const Job& job : jobs) {
    run_job(reader, job, writer);
    num_values += c10::multiply_integers(job.to.shape);
  }
  ConvertReport report = writer.finish();
  report.num_values = num_values;
  return report;
}

}  // namespace molmo::model
