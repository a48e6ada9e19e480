// What a parameter is. Its module says so once, where it registers it (ParamScope::add); optimizer groups, sharding,
// rounding and plans read it, and none of them looks at names.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo {

/// Parts of a model that train with settings of their own (learning rate, warm-up, decay, clip limit). The order is
/// that of optimizer groups and of per-component metrics.
enum class Component { kConnector, kVit, kLlm };

/// How a parameter enters the computation.
enum class ParamKind {
  kMatrix,  ///< of a linear map: products take it in the compute dtype, so that it may be stored in that
  kBias,    ///< of a linear map
  kTable,   ///< rows that are looked up or added: embeddings, learned positions, class token, padding embeddings
  kNorm     ///< scales and shifts of norms, layer scales
};

/// Places of the decoder that a recipe can freeze by themselves (optimizer.embedding).
enum class ParamPlace { kElsewhere, kEmbedding, kFinalNorm, kHead };

struct ParamRole {
  ParamKind kind = ParamKind::kMatrix;
  Component component = Component::kLlm;
  ParamPlace place = ParamPlace::kElsewhere;
  bool decays = true;  ///< under weight decay

  bool operator==(const ParamRole&) const = default;
};

/// Whether parameters of a kind decay where nothing else is said. PARITY: biases of linear maps do.
constexpr bool decays_by_default(ParamKind kind) { return kind == ParamKind::kMatrix || kind == ParamKind::kBias; }

}  // namespace molmo
