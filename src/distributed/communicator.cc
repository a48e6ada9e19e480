// SPDX-License-Identifier: Apache-2.0
#include "distributed/communicator.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "distributed/backend.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

class Done : public Pending {
 public:
  void wait() override {}
};

// A run of one process: collectives are copies.
class Alone : public Communicator {
 public:
  Alone() : Communicator(0, 1) {}

  std::unique_ptr<Pending> all_gather(const Tensor& shard, const Tensor& whole, std::string_view) override {
    whole.copy_(shard);
    return std::make_unique<Done>();
  }
  std::unique_ptr<Pending> reduce_scatter(const Tensor& whole, const Tensor& shard, std::string_view) override {
    shard.copy_(whole);
    return std::make_unique<Done>();
  }
  std::unique_ptr<Pending> all_reduce(const Tensor&, std::string_view) override { return std::make_unique<Done>(); }
  std::unique_ptr<Communicator> subgroup(const std::string&, const std::vector<int>&, at::Device,
                                         std::optional<std::chrono::seconds>) override {
    return std::make_unique<Alone>();
  }
};

}  // namespace

void Communicator::sum(std::span<double> values, std::string_view subject) {
  const Tensor packed = at::tensor(at::ArrayRef<double>(values.data(), values.size())).to(device());
  all_reduce(packed, subject)->wait();
  const Tensor sums = packed.cpu();
  std::copy_n(sums.const_data_ptr<double>(), values.size(), values.begin());
}

void Communicator::meet(std::string_view subject) {
  std::array<double, 1> nothing{};
  sum(nothing, subject);
}

std::vector<double> Communicator::gather_numbers(std::span<const double> own, std::string_view subject) {
  const Tensor sent = at::tensor(at::ArrayRef<double>(own.data(), own.size())).to(device()),
               all = at::empty({size() * sent.numel()}, sent.options());
  all_gather(sent, all, subject)->wait();
  const Tensor numbers = all.cpu();
  const double* begin = numbers.const_data_ptr<double>();
  return {begin, begin + numbers.numel()};
}

double Communicator::maximum(double value, std::string_view subject) {
  const std::vector<double> all = gather_numbers(std::span(&value, 1), subject);
  return *std::max_element(all.begin(), all.end());
}

std::vector<std::string> Communicator::gather_texts(const std::string& own, std::string_view subject) {
  const auto longest = static_cast<int64_t>(maximum(static_cast<double>(own.size()), subject));
  const auto bytes = at::TensorOptions().dtype(at::kByte);
  if (longest == 0) return std::vector<std::string>(static_cast<size_t>(size()));
  Tensor sent = at::zeros({longest}, bytes);
  std::copy(own.begin(), own.end(), sent.mutable_data_ptr<uint8_t>());
  const Tensor length = at::full({1}, static_cast<int64_t>(own.size()), at::kLong);
  const Tensor texts = at::empty({size() * longest}, bytes).to(device()),
               lengths = at::empty({size()}, at::kLong).to(device());
  all_gather(sent.to(device()), texts, subject)->wait();
  all_gather(length.to(device()), lengths, subject)->wait();
  const Tensor all = texts.cpu(), sizes = lengths.cpu();
  std::vector<std::string> said;
  for (int64_t rank = 0; rank < size(); ++rank) {
    const auto* begin = reinterpret_cast<const char*>(all.const_data_ptr<uint8_t>()) + rank * longest;
    said.emplace_back(begin, static_cast<size_t>(sizes.const_data_ptr<int64_t>()[rank]));
  }
  return said;
}

void before_meeting(const Rank& rank, const std::function<void()>& prepare) {
  if (rank.count == 1) return prepare();
  try {
    prepare();
  } catch (const Error& error) {
    decline(rank, error);
    throw;
  } catch (const std::exception& error) {
    decline(rank, Error(error.what(), ExitCode::kBug));
    throw;
  }
}

std::unique_ptr<Communicator> connect(const Rank& rank, const Timeouts& timeouts, const Facts& facts) {
  if (rank.count == 1) return std::make_unique<Alone>();
  return connect_backend(rank, timeouts, facts);
}

}  // namespace molmo::distributed
