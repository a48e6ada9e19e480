// SPDX-License-Identifier: Apache-2.0
#include "formats/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>

namespace molmo::formats {
namespace {

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

// TFRecord stores CRCs rotated and shifted, so that a CRC over data that holds CRCs stays meaningful.
uint32_t masked_crc(std::string_view data) {
  const uint32_t crc = crc32c(data);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class T>
std::string raw_bytes(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

// Protobuf fields of the four wire types in use.
std::string tagged(int field, int wire_type, const std::string& content) {
  return varint(static_cast<uint64_t>(field << 3 | wire_type)) + content;
}
std::string message(int field, std::string_view content) {
  return tagged(field, 2, varint(content.size()) + std::string(content));
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string file_name() {
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  // The process number keeps two runs that start within a second apart.
  return fmt::format("events.out.tfevents.{:.0f}.{}.{}", wall_time(), host, ::getpid());
}

}  // namespace

uint32_t crc32c(std::string_view data) {
  uint32_t crc = ~0u;
  for (const unsigned char byte : data) crc = kCrcTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::string format_tf_record(std::string_view data) {
  const std::string length = raw_bytes(static_cast<uint64_t>(data.size()));
  return length + raw_bytes(masked_crc(length)) + std::string(data) + raw_bytes(masked_crc(data));
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder, int64_t first_step)
    : file_(folder / file_name()) {
  write_event(message(3, "brain.Event:2"));  // Event.file_version
  // Event.step, .session_log with SessionLog.status = START
  write_event(tagged(2, 0, varint(static_cast<uint64_t>(first_step))) + message(7, tagged(1, 0, varint(1))));
}

void TensorBoardWriter::add_scalar(std::string_view tag, double value, int64_t step) {
  const std::string scalar = message(1, tag) + tagged(2, 5, raw_bytes(static_cast<float>(value)));  // Summary.Value
  write_event(tagged(2, 0, varint(static_cast<uint64_t>(step))) +
              message(5, message(1, scalar)));  // Event.step, .summary
}

void TensorBoardWriter::write_event(std::string event) {
  file_.append(format_tf_record(tagged(1, 1, raw_bytes(wall_time())) + event));  // Event.wall_time first
}

}  // namespace molmo::formats
