// Files to RGB arrays, damaged ones included (golden/preprocess/images).
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/files.h"
#include "base/json.h"
#include "image/decode.h"
#include "molmo/error.h"
#include "support/golden.h"

namespace molmo::testing {
namespace {

// The format of a file that the program refuses by decision (docs/data.md), empty for others. TGA has no magic at its
// beginning, only the signature of its newer version at the end.
std::string refused_format(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\0\0\0\x0cjP  "sv) || bytes.starts_with("\xff\x4f\xff\x51"sv)) return "JPEG 2000";
  if (bytes.ends_with("TRUEVISION-XFILE.\0"sv)) return "TGA";
  if (bytes.starts_with("\x28\0\0\0"sv)) return "DIB (BMP without a file header)";
  return "";
}

// One color throughout: the reference decoded nothing, and the program may say so.
bool is_uniform(const image::Picture& picture) {
  for (size_t i = 3; i < picture.pixels.size(); ++i) {
    if (picture.pixels[i] != picture.pixels[i - 3]) return false;
  }
  return true;
}

void run_image_case(const std::filesystem::path& path, GoldenCase& golden) {
  const Json c = read_json(path);
  const auto find = [&](const std::string& name) {
    const std::filesystem::path file = path.parent_path().parent_path() / name;
    return std::filesystem::exists(file) ? file : path.parent_path() / name;
  };
  const std::filesystem::path file = find(c.at("file").get<std::string>());
  if (c.contains("error")) return golden.expect_error("decoding", [&] { image::load_picture(file); });
  const std::vector<uint8_t> bytes = read_binary_file(file);
  const std::string refused = refused_format({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!refused.empty()) {
    golden.expect_error("decoding", [&] { image::load_picture(file); });
    return golden.skip(refused + ", refused by decision");
  }
  const image::Picture wanted = image::load_picture(find(c.at("expected").get<std::string>()));
  const bool may_refuse = path.stem().string().starts_with("bad-") && is_uniform(wanted);
  image::Picture got;
  try {
    got = image::load_picture(file);
  } catch (const Error&) {
    if (!may_refuse) throw;
    return golden.expect_true("a picture of which nothing can be decoded is refused", true);
  }
  golden.expect_equal("width", got.width, c.at("width").get<int>());
  golden.expect_equal("height", got.height, c.at("height").get<int>());
  if (got.pixels.size() != wanted.pixels.size()) return;
  size_t num_different = 0;
  for (size_t i = 0; i < got.pixels.size(); ++i) num_different += got.pixels[i] != wanted.pixels[i];
  golden.record("different bytes: " + std::to_string(num_different), got.pixels.size(),
                num_different == 0 ? 0.0 : INFINITY);
}

}  // namespace

GOLDEN_PART(images) { run.run_folder("images", ".json", run_image_case); }

}  // namespace molmo::testing
