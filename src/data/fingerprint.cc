// SPDX-License-Identifier: Apache-2.0
#include "data/fingerprint.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json_reader.h"
#include "data/own_data.h"
#include "molmo/error.h"

namespace molmo::data {

Fingerprint fingerprint(const std::filesystem::path& folder) { return read_own_data(folder).fingerprint; }

std::string describe_difference(const Fingerprint& now, const Fingerprint& other, std::string_view before) {
  std::string text;
  const auto add = [&](const std::string& difference) { text += (text.empty() ? "" : "; ") + difference; };
  if (now.num_bytes != other.num_bytes)
    add(fmt::format("data.jsonl has {} bytes, {} {}", now.num_bytes, before, other.num_bytes));
  else if (now.records != other.records)
    add(fmt::format("data.jsonl has other text of the same length ({} {}...)", before, other.records.substr(0, 8)));
  if (now.num_pictures != other.num_pictures)
    add(fmt::format("it names {} pictures, {} {}", now.num_pictures, before, other.num_pictures));
  else if (now.picture_bytes != other.picture_bytes)
    add(fmt::format("the pictures have {} bytes, {} {}", now.picture_bytes, before, other.picture_bytes));
  else if (now.pictures != other.pictures)
    add("the pictures have other sizes");
  return text;
}

Json to_json(const Fingerprint& fingerprint) {
  return {{"num_bytes", fingerprint.num_bytes},
          {"records", fingerprint.records},
          {"num_pictures", fingerprint.num_pictures},
          {"picture_bytes", fingerprint.picture_bytes},
          {"pictures", fingerprint.pictures}};
}

Fingerprint fingerprint_from_json(const Json& json, const std::string& where) {
  const JsonRules rules{.on_problem = [&](const std::string& key, const std::string& problem) {
    throw Error(fmt::format("[data] {}: fingerprint: {}: {}", where, key, problem));
  }};
  const ObjectReader object(json, rules);
  object.expect_keys({"num_bytes", "records", "num_pictures", "picture_bytes", "pictures"});
  for (const char* key : {"num_bytes", "records", "num_pictures", "picture_bytes", "pictures"})
    object.require(key, "a value");
  return {.num_bytes = *object.integer("num_bytes", 0),
          .records = *object.text("records"),
          .num_pictures = *object.integer("num_pictures", 0),
          .picture_bytes = *object.integer("picture_bytes", 0),
          .pictures = *object.text("pictures")};
}

void FingerprintMaker::add_text(std::string_view bytes) {
  fingerprint_.num_bytes += static_cast<int64_t>(bytes.size());
  records_.update(bytes);
}

void FingerprintMaker::add_picture(int64_t num_bytes) {
  ++fingerprint_.num_pictures;
  fingerprint_.picture_bytes += num_bytes;
  pictures_.update(fmt::format("{}\n", num_bytes));
}

Fingerprint FingerprintMaker::finish() {
  fingerprint_.records = records_.finish();
  fingerprint_.pictures = pictures_.finish();
  return fingerprint_;
}

}  // namespace molmo::data
