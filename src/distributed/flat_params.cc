// SPDX-License-Identifier: Apache-2.0
#include "distributed/flat_params.h"

#include <algorithm>

#include "base/check.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

// Autograd saves gathered parameters for the backward pass. Their memory is taken away and given back under the same
// storage, so that what was saved in forward sees the values that are gathered again for backward.
void allocate(const Tensor& tensor) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  const size_t num_bytes = static_cast<size_t>(tensor.numel()) * tensor.element_size();
  storage->set_data_ptr_noswap(storage->allocator()->allocate(num_bytes));
  storage->set_nbytes(num_bytes);
}

void release(const Tensor& tensor) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(storage->allocator()->allocate(0));
  storage->set_nbytes(0);
}

std::vector<int64_t> sizes_of(const std::vector<Parameter*>& params) {
  std::vector<int64_t> sizes;
  for (const Parameter* param : params) sizes.push_back(param->value.numel());
  return sizes;
}

// The same memory under a version counter of its own. Gathering again writes the very values that autograd saved;
// through the tensor itself that would count as an in-place change, and backward would refuse it.
Tensor unversioned(const Tensor& tensor) {
  return at::from_blob(tensor.mutable_data_ptr(), tensor.sizes(), tensor.options().requires_grad(false));
}

}  // namespace

FlatParams::FlatParams(std::string name, std::vector<Parameter*> params, bool are_trained, at::ScalarType gathered,
                       at::TensorOptions master, const Mesh& mesh)
    : name_(std::move(name)),
      params_(std::move(params)),
      are_trained_(are_trained),
      mesh_(mesh),
      layout_(sizes_of(params_), mesh.shard->size()),
      has_gradient_(params_.size(), false) {
  shard_ = at::zeros({layout_.shard_size()}, master);
  whole_ = at::empty({layout_.whole_size()}, master.dtype(gathered));
  for (size_t i = 0; i < params_.size(); ++i) {
    leaves_.push_back(whole_.narrow(0, layout_.offset(i), layout_.size(i)).view(params_[i]->value.sizes()).detach());
    leaves_[i].set_requires_grad(are_trained);
    params_[i]->value = leaves_[i];
    const ShardLayout::Range part = range(i);
    slices_.push_back(shard_.narrow(0, part.begin, part.size()).detach().set_requires_grad(are_trained));
  }
  release(whole_);
}

ShardLayout::Range FlatParams::range(size_t index) const { return layout_.in_shard(index, mesh_.shard->rank()); }

int64_t FlatParams::slice_begin(size_t index) const { return layout_.in_parameter(index, mesh_.shard->rank()).begin; }

void FlatParams::start_gather() {
  if (state_ != State::kFree) return;
  allocate(whole_);
  const Tensor sent = shard_.detach().to(whole_.scalar_type());
  gathering_ = mesh_.shard->all_gather(sent, unversioned(whole_), name_);
  state_ = State::kComing;
}

void FlatParams::finish_gather() {
  start_gather();
  if (state_ == State::kGathered) return;
  gathering_->wait();
  gathering_.reset();
  state_ = State::kGathered;
}

void FlatParams::free() {
  if (state_ == State::kFree) return;
  if (state_ == State::kComing) finish_gather();
  release(whole_);
  state_ = State::kFree;
}

void FlatParams::reduce(const std::vector<Tensor>& gradients, bool defers) {
  MOLMO_CHECK(are_trained_ && gradients.size() == params_.size(), name_);
  const at::NoGradGuard no_grad;
  finish_reduce();  // of an earlier micro-batch: its buffer is still being read
  whole_gradient_.defined() ? accumulate(gradients) : take(gradients);
  for (size_t i = 0; i < gradients.size(); ++i) has_gradient_[i] = has_gradient_[i] || gradients[i].defined();
  if (defers) return;
  coming_ = at::empty_like(shard_);
  reducing_ = mesh_.shard->reduce_scatter(whole_gradient_, coming_, name_);
}

// The first gradients of a step are copied, which writes each value once; clearing the buffer and adding to it would
// read it once and write it twice.
void FlatParams::take(const std::vector<Tensor>& gradients) {
  whole_gradient_ = at::empty(whole_.sizes(), shard_.options());
  int64_t end = 0;  // of what has been written
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    whole_gradient_.slice(0, end, layout_.offset(i)).zero_();
    end = layout_.offset(i) + leaves_[i].numel();
    whole_gradient_.slice(0, layout_.offset(i), end).view(leaves_[i].sizes()).copy_(gradients[i]);
  }
  whole_gradient_.slice(0, end).zero_();
}

void FlatParams::accumulate(const std::vector<Tensor>& gradients) {
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].defined())
      whole_gradient_.narrow(0, layout_.offset(i), leaves_[i].numel()).view(leaves_[i].sizes()).add_(gradients[i]);
  }
}

// Hybrid sharding sums within a group first: the part that then crosses the slower links between groups is smaller by
// the number of ranks in one.
void FlatParams::sum_over_replicas() {
  if (!reducing_) return;
  reducing_->wait();
  reducing_.reset();
  whole_gradient_ = Tensor();
  summing_ = mesh_.replicas->size() > 1 ? mesh_.replicas->all_reduce(coming_, name_) : nullptr;
}

void FlatParams::finish_reduce() {
  if (!coming_.defined()) return;
  const at::NoGradGuard no_grad;
  sum_over_replicas();
  if (summing_) summing_->wait();
  summing_.reset();
  gradient_ = gradient_.defined() ? gradient_.add_(coming_) : coming_;
  coming_ = Tensor();
}

void FlatParams::publish_gradients() {
  finish_reduce();
  for (size_t i = 0; i < slices_.size(); ++i) {
    const ShardLayout::Range part = range(i);
    slices_[i].mutable_grad() =
        has_gradient_[i] && gradient_.defined() ? gradient_.narrow(0, part.begin, part.size()) : Tensor();
  }
}

void FlatParams::clear_gradients() {
  for (Tensor& slice : slices_) slice.mutable_grad() = Tensor();
  gradient_ = whole_gradient_ = coming_ = Tensor();
  std::fill(has_gradient_.begin(), has_gradient_.end(), false);
}

void FlatParams::store(size_t index, int64_t begin, const Tensor& values) {
  MOLMO_CHECK(begin >= 0 && begin + values.numel() <= leaves_[index].numel(), "values of " + params_[index]->name);
  const at::NoGradGuard no_grad;
  const int64_t first = slice_begin(index), from = std::max(begin, first),
                to = std::min(begin + values.numel(), first + slices_[index].numel());
  if (from >= to) return;
  slices_[index].detach().narrow(0, from - first, to - from).copy_(values.flatten().narrow(0, from - begin, to - from));
}

std::vector<Tensor> FlatParams::gather_values() const {
  const Tensor whole = at::empty(whole_.sizes(), shard_.options());
  mesh_.shard->all_gather(shard_.detach(), whole, name_)->wait();
  std::vector<Tensor> values;
  for (size_t i = 0; i < leaves_.size(); ++i)
    values.push_back(whole.narrow(0, layout_.offset(i), leaves_[i].numel()).view(leaves_[i].sizes()));
  return values;
}

}  // namespace molmo::distributed
