// TensorBoard event files: scalars as TFRecords with masked CRC-32C, the protobuf messages written by hand.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.h"

namespace molmo::formats {

/// CRC-32C (Castagnoli) of `data`.
uint32_t crc32c(std::string_view data);

/// One TFRecord: length, masked CRC of the length, data, masked CRC of the data.
std::string format_tf_record(std::string_view data);

/// Appends scalars to a new file `events.out.tfevents.<seconds>.<host>` in a folder. Error where one cannot be
/// written.
class TensorBoardWriter {
 public:
  /// What earlier files say of `first_step` and later steps no longer counts: a resumed run does them again.
  TensorBoardWriter(const std::filesystem::path& folder, int64_t first_step);
  void add_scalar(std::string_view tag, double value, int64_t step);
  void close() { file_.close(); }  ///< as AppendFile's

 private:
  void write_event(std::string event);
  AppendFile file_;
};

}  // namespace molmo::formats
