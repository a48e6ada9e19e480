// Runs a fuzz target without libFuzzer, so that every compiler can: seeds with some of their bytes changed, cut or
// repeated, for a number of seconds. What libFuzzer finds by coverage it does not; it is the smoke test of the targets.
//   fuzz_image SECONDS SEED_FILE_OR_FOLDER...
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <vector>

#include "base/files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kLargestSeed = 200'000;

std::vector<Bytes> read_seeds(int argc, char** argv) {
  std::vector<Bytes> seeds = {{}, {0}};
  const auto add = [&](const std::filesystem::path& path) {
    if (std::filesystem::is_regular_file(path) && std::filesystem::file_size(path) <= kLargestSeed)
      seeds.push_back(molmo::read_binary_file(path));
  };
  for (int i = 2; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) add(argv[i]);
    for (const auto& entry : std::filesystem::is_directory(argv[i])
                                 ? std::filesystem::recursive_directory_iterator(argv[i])
                                 : std::filesystem::recursive_directory_iterator()) {
      add(entry.path());
    }
  }
  return seeds;
}

void mutate(Bytes& bytes, std::mt19937& random) {
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (size_t i = 0, count = 1 + below(8); i < count && !bytes.empty(); ++i) {
    const size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:
        bytes[at] = static_cast<uint8_t>(random());
        break;
      case 2:
        bytes[at] = below(2) == 0 ? 0xff : 0;
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(at),
                    bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), at + below(16))));
        break;
      default: {
        const Bytes piece(bytes.begin() + static_cast<ptrdiff_t>(at),
                          bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), at + below(64))));
        bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(below(bytes.size())), piece.begin(), piece.end());
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: %s SECONDS SEED...\n", argv[0]), 2;
  const std::vector<Bytes> seeds = read_seeds(argc, argv);
  if (seeds.size() < 3) return std::fprintf(stderr, "no seeds\n"), 1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(argv[1]));
  std::mt19937 random(1);
  size_t count = 0;
  for (const Bytes& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());
  for (; std::chrono::steady_clock::now() < end; ++count) {
    Bytes bytes = seeds[random() % seeds.size()];
    mutate(bytes, random);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%zu runs on %zu seeds\n", count, seeds.size());
  return 0;
}
