// SPDX-License-Identifier: Apache-2.0
#include "image/png_chunks.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

namespace molmo::image {
namespace {

constexpr size_t kSignature = 8, kMostChunk = size_t{1} << 20, kMostText = size_t{1} << 20;

uint32_t read_u32(Bytes bytes, size_t offset) {
  return uint32_t{bytes[offset]} << 24 | uint32_t{bytes[offset + 1]} << 16 | uint32_t{bytes[offset + 2]} << 8 |
         bytes[offset + 3];
}

void append_u32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; });
}

// Cuts off and returns what lies before the next zero byte; all of it where there is none.
std::string_view take_word(Bytes& bytes) {
  const std::string_view word = as_text(bytes).substr(0, as_text(bytes).find('\0'));
  bytes = bytes.subspan(std::min(word.size() + 1, bytes.size()));
  return word;
}

std::vector<uint8_t> inflated(Bytes bytes) {
  constexpr size_t kMostRatio = 1032;  // that deflate reaches
  std::vector<uint8_t> out(std::min(kMostText, kMostRatio * bytes.size() + 64));
  uLongf size = out.size();
  if (uncompress(out.data(), &size, bytes.data(), bytes.size()) != Z_OK) size = 0;
  out.resize(size);
  return out;
}

// "\nexif\n    LENGTH\n" and hexadecimal digits, as ImageMagick stores EXIF.
std::vector<uint8_t> raw_profile(std::string_view text) {
  for (int line = 0; line < 3; ++line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  std::vector<uint8_t> bytes;
  int half = -1;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    if (!std::isxdigit(static_cast<unsigned char>(c))) return {};
    const int digit = std::isdigit(static_cast<unsigned char>(c)) ? c - '0' : std::tolower(c) - 'a' + 10;
    if (half >= 0) bytes.push_back(static_cast<uint8_t>(half << 4 | digit));
    half = half >= 0 ? -1 : digit;
  }
  return bytes;
}

class ChunkReader {
 public:
  explicit ChunkReader(Decoding& decoding) : decoding_(decoding), bytes_(decoding.bytes()) {}

  PngFile read() {
    decoding_.take_memory(2 * std::ssize(bytes_) + static_cast<int64_t>(kMostText));  // pixels and texts, copied out
    size_t position = read_before_pixels();
    expect_known_kind();
    decoding_.expect_size(file_.width, file_.height);
    file_.stream.assign(bytes_.begin(), bytes_.begin() + kSignature);
    append_header();
    const size_t header_end = file_.stream.size();
    position = read_pixels(position);
    if (file_.stream.size() == header_end) decoding_.expect_rows(0);
    append_chunk("IEND", {});
    read_after_pixels(position);
    if (!exif_) exif_ = std::move(raw_exif_);
    if (exif_) file_.exif = std::move(*exif_);
    return std::move(file_);
  }

 private:
  struct Chunk {
    std::string_view type;
    Bytes data;
    size_t length = 0;  // as written; more than data in a cut file
    size_t end = 0;     // of data and checksum
  };

  std::optional<Chunk> chunk_at(size_t position) const;
  size_t read_before_pixels();
  size_t read_pixels(size_t position);
  void read_after_pixels(size_t position);
  void expect_checksum(const Chunk& chunk) const;
  void expect_known_kind() const;
  void read_chunk(const Chunk& chunk);
  void read_header(Bytes data);
  void read_text(std::string_view type, Bytes data);
  void append_header();
  void append_chunk(std::string_view type, Bytes data);

  Decoding& decoding_;
  Bytes bytes_;
  PngFile file_;
  std::optional<std::vector<uint8_t>> exif_, raw_exif_;
};

std::optional<ChunkReader::Chunk> ChunkReader::chunk_at(size_t position) const {
  if (position > bytes_.size() || bytes_.size() - position < 8) return std::nullopt;
  Chunk chunk;
  chunk.length = read_u32(bytes_, position);
  chunk.type = as_text(bytes_.subspan(position + 4, 4));
  chunk.data = bytes_.subspan(position + 8, std::min(chunk.length, bytes_.size() - position - 8));
  chunk.end = position + 8 + chunk.length + 4;
  decoding_.spend_time(chunk.data.size());
  return chunk;
}

size_t ChunkReader::read_before_pixels() {
  for (size_t position = kSignature;;) {
    const auto chunk = chunk_at(position);
    if (!chunk || chunk->type == "IEND") decoding_.fail("the file ends before its pixels");
    if (chunk->type == "IDAT") return position;
    if (!is_ascii(chunk->type)) decoding_.fail("the file is damaged before its pixels");
    expect_checksum(*chunk);
    read_chunk(*chunk);
    position = chunk->end;
  }
}

size_t ChunkReader::read_pixels(size_t position) {
  for (;;) {
    const auto chunk = chunk_at(position);
    if (!chunk || chunk->type != "IDAT") return position;
    for (size_t begin = 0; begin < chunk->data.size(); begin += kMostChunk) {
      append_chunk("IDAT", chunk->data.subspan(begin, std::min(kMostChunk, chunk->data.size() - begin)));
    }
    position = chunk->end;
  }
}

// Texts and EXIF still count; another header or palette comes too late.
void ChunkReader::read_after_pixels(size_t position) {
  while (const auto chunk = chunk_at(position)) {
    if (chunk->type == "IEND" || !is_ascii(chunk->type)) return;
    if (chunk->type != "IDAT" && chunk->type != "IHDR" && chunk->type != "PLTE") read_chunk(*chunk);
    position = chunk->end;
  }
}

// Of chunks that a decoder may not ignore (an upper-case first letter).
void ChunkReader::expect_checksum(const Chunk& chunk) const {
  if (chunk.type[0] & 0x20 || chunk.data.size() < chunk.length) return;
  const size_t begin = chunk.end - 8 - chunk.length;  // of the type
  if (chunk.end > bytes_.size() ||
      crc32(0, bytes_.data() + begin, static_cast<uInt>(chunk.length + 4)) != read_u32(bytes_, chunk.end - 4)) {
    decoding_.fail(fmt::format("wrong checksum of chunk {}", chunk.type));
  }
}

void ChunkReader::read_chunk(const Chunk& chunk) {
  if (chunk.data.size() < chunk.length) decoding_.fail(fmt::format("the file ends inside of chunk {}", chunk.type));
  if (chunk.type == "IHDR") read_header(chunk.data);
  if (chunk.type == "PLTE") file_.palette = chunk.data;
  if (chunk.type == "tRNS") file_.transparency = chunk.data;
  if (chunk.type == "eXIf") exif_.emplace(chunk.data.begin(), chunk.data.end());
  if (chunk.type == "tEXt" || chunk.type == "zTXt" || chunk.type == "iTXt") read_text(chunk.type, chunk.data);
}

void ChunkReader::read_header(Bytes data) {
  if (data.size() < 13) return;
  file_.width = read_u32(data, 0), file_.height = read_u32(data, 4);
  file_.depth = data[8], file_.color = data[9], file_.is_interlaced = data[12] != 0;
  if (data[11] != 0) decoding_.fail(fmt::format("filter method {}, expected 0", data[11]));
}

void ChunkReader::expect_known_kind() const {
  const int depth = file_.depth;
  const bool is_byte = depth == 8 || depth == 16, is_packed = depth == 1 || depth == 2 || depth == 4;
  const bool is_known =
      file_.color == kPngGrey ? is_byte || is_packed
      : file_.color == kPngPalette
          ? depth == 8 || is_packed
          : is_byte && (file_.color == kPngRgb || file_.color == kPngGreyAlpha || file_.color == kPngRgba);
  if (!is_known) decoding_.fail(fmt::format("the header is damaged, got {} bits of color type {}", depth, file_.color));
}

// Only two texts matter: XMP, and EXIF in hexadecimal digits.
void ChunkReader::read_text(std::string_view type, Bytes data) {
  const std::string_view key = take_word(data);
  if (key != "XML:com.adobe.xmp" && key != "Raw profile type exif") return;
  bool is_compressed = type == "zTXt";
  size_t head = is_compressed ? 1 : 0;
  if (type == "iTXt") is_compressed = !data.empty() && data[0] != 0, head = 2;
  if (data.size() < head) return;
  data = data.subspan(head);
  if (type == "iTXt") take_word(data), take_word(data);  // language, translated key
  std::vector<uint8_t> text = is_compressed ? inflated(data) : std::vector<uint8_t>(data.begin(), data.end());
  decoding_.spend_time(text.size());
  if (key == "XML:com.adobe.xmp")
    file_.xmp = std::move(text);
  else
    raw_exif_ = raw_profile(as_text(text));
}

void ChunkReader::append_header() {
  std::vector<uint8_t> header;
  append_u32(header, static_cast<uint32_t>(file_.width));
  append_u32(header, static_cast<uint32_t>(file_.height));
  const uint8_t color = file_.color == kPngPalette ? uint8_t{kPngGrey} : file_.color;
  header.insert(header.end(), {file_.depth, color, 0, 0, file_.is_interlaced});
  append_chunk("IHDR", header);
}

void ChunkReader::append_chunk(std::string_view type, Bytes data) {
  append_u32(file_.stream, static_cast<uint32_t>(data.size()));
  file_.stream.insert(file_.stream.end(), type.begin(), type.end());
  file_.stream.insert(file_.stream.end(), data.begin(), data.end());
  append_u32(file_.stream, 0);
}

}  // namespace

PngFile read_png_chunks(Decoding& decoding) { return ChunkReader(decoding).read(); }

}  // namespace molmo::image
