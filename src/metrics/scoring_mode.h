// The two ways of scoring. `reference` reproduces the public evaluation code, defects included, and is what published
// numbers can be compared with; `fixed` mends the defects that spec lists name. A report says which one it used.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::metrics {

enum class ScoringMode { kReference, kFixed };

}  // namespace molmo::metrics
