// A golden case's model and batch: configuration, weights, inputs in our flat layout.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/json.h"
#include "model/molmo.h"
#include "oracles/tensors.h"

namespace molmo::testing {

/// The model of `native` with the weights of `weights_file`.
std::unique_ptr<model::Molmo> load_golden_model(const Json& native, const std::filesystem::path& weights_file);

/// A case's tensors under the parameters' names: MolmoE's lie expert by expert. Absent parts of a stack are zeros.
TensorMap by_parameter(const TensorMap& tensors, const model::Molmo& molmo);

/// The batch of a case ([B,T,...] with padded crops): every crop becomes one of the flat list, padded ones included.
model::ModelInputs golden_inputs(const TensorMap& inputs);

/// labels [B,S] and loss_masks [B,S] of a case.
model::ModelTargets golden_targets(const TensorMap& inputs);

}  // namespace molmo::testing
