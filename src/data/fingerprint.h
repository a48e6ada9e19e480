// What a dataset consists of, short enough to keep in a state and to compare between ranks: data that grew between two
// starts, or that differ from rank to rank, must not go unnoticed.
//
//   read_own_data(folder).fingerprint, or Loader::sources()[i].fingerprint, which cost nothing beyond the reading
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/json.h"

namespace molmo::data {

/// The identity of a data.jsonl and of the pictures that it names. What pictures hold is not looked at, their sizes
/// are.
struct Fingerprint {
  int64_t num_bytes = 0;      ///< of data.jsonl
  std::string records;        ///< SHA-256 of these bytes, in hex
  int64_t num_pictures = 0;   ///< named in the file; one that is named twice counts twice
  int64_t picture_bytes = 0;  ///< of their files
  std::string pictures;       ///< SHA-256 of their files' sizes, in the order of the file

  bool operator==(const Fingerprint&) const = default;
};

/// Reads the data of a folder for their fingerprint alone. Errors: those of read_own_data.
Fingerprint fingerprint(const std::filesystem::path& folder);

/// What differs, as "data.jsonl has 1310 bytes, before 1204; the pictures have other sizes"; empty where nothing does.
/// `before` is the word for the other side ("before", "on rank 0").
std::string describe_difference(const Fingerprint& now, const Fingerprint& other, std::string_view before);

Json to_json(const Fingerprint& fingerprint);

/// Error, naming `where` and the key, for anything that to_json does not write.
Fingerprint fingerprint_from_json(const Json& json, const std::string& where);

/// Takes the fingerprint while a file is read.
class FingerprintMaker {
 public:
  void add_text(std::string_view bytes);
  void add_picture(int64_t num_bytes);
  Fingerprint finish();

 private:
  Fingerprint fingerprint_;
  Digest records_, pictures_;
};

}  // namespace molmo::data
