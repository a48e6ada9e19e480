// The subcommands that need no LibTorch, and the names of the others.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

namespace molmo::cli {

/// A subcommand in libmolmo_torch.so: the program lists it by name, the library registers its options.
struct TorchCommand {
  const char* name;
  const char* description;
  bool saves_on_signals = false;  ///< those that arrive while the library is loading are held
};

inline constexpr TorchCommand kGenerate{"generate", "ask a model about images: answers, captions, counts and points"};
inline constexpr TorchCommand kTrain{"train", "train by a recipe; prints the path of the last checkpoint",
                                     /*saves_on_signals=*/true};
inline constexpr TorchCommand kEval{"eval", "evaluate a model; also reports blank-image and chance baselines"};
inline constexpr TorchCommand kInspect{"inspect",
                                       "summary, tensors and memory of a model, a .safetensors or a .pt file"};
inline constexpr TorchCommand kConvert{"convert", "convert weights to another layout, dtype or shard size"};
inline constexpr TorchCommand kData{"data", "create, check and show data sets, train tokenizers"};
inline constexpr TorchCommand kBench{"bench", "measure speeds"};

void add_config(Command& app);
void add_launch(Command& app);

/// Lists `command` below `parent`; its arguments, --help among them, go to the library unread.
void add_torch_command(Command& parent, const TorchCommand& command);

}  // namespace molmo::cli
