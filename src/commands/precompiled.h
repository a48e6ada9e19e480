// Precompiled for the subcommands: all of them include CLI11, which costs ten seconds a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <iostream>

#include "tensor/precompiled.h"
