// Precompiled header of the torch half: the torch-free one and the ATen operators that the tree uses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/precompiled.h"
#include "tensor/ops.h"
