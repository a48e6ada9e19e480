// Compressed TIFF files: byte orders, and byte counts that cannot be.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "image/decode.h"
#include "image/file_parts.h"
#include "support/error_of.h"

namespace molmo::image {
namespace {

using testing::deflated;
using testing::tiff_of;

Picture decoded_tiff(const std::string& bytes) {
  return decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "tiff");
}

// Of the high bytes 1 to 6, and low bytes that must not show.
TEST(Tiff, DeflatedSamplesOf16BitsGiveTheirHighBytesInBothByteOrders) {
  for (const bool is_big_endian : {false, true}) {
    std::string samples;
    for (int value = 1; value <= 6; ++value) {
      const std::string high(1, static_cast<char>(value)), low(1, static_cast<char>(200 + value));
      samples += is_big_endian ? high + low : low + high;
    }
    const std::string data = deflated(samples);
    const Picture picture = decoded_tiff(tiff_of(data,
                                                 {{256, {2}},
                                                  {257, {1}},
                                                  {258, {16, 16, 16}},
                                                  {259, {8}},
                                                  {262, {2}},
                                                  {273, {8}},
                                                  {277, {3}},
                                                  {279, {static_cast<uint32_t>(data.size())}}},
                                                 is_big_endian));
    EXPECT_EQ(picture.pixels, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6})) << is_big_endian;
  }
}

// Two strips of one row; the second's byte count is `count`.
std::string two_strips(uint32_t count, size_t num_missing = 0) {
  const std::string first = deflated("\x01\x02\x03"), second = deflated("\x04\x05\x06");
  const auto size = static_cast<uint32_t>(first.size());
  std::string data = first + second;
  data.resize(data.size() - num_missing);
  return tiff_of(data, {{256, {3}},
                        {257, {2}},
                        {258, {8}},
                        {259, {8}},
                        {262, {1}},
                        {273, {8, 8 + size}},
                        {277, {1}},
                        {278, {1}},
                        {279, {size, count}}});
}

TEST(Tiff, ByteCountOf0OrBeyondTheFileStandsForWhatIsThere) {
  const Picture whole = decoded_tiff(two_strips(static_cast<uint32_t>(deflated("\x04\x05\x06").size())));
  EXPECT_EQ(whole.pixels, (std::vector<uint8_t>{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6}));
  for (const uint32_t count : {0u, 1u << 20, 0x7fffffffu, 0xffffffffu})
    EXPECT_EQ(decoded_tiff(two_strips(count)), whole) << count;
  for (const uint32_t count : {1u, 5u})
    EXPECT_EQ(molmo::testing::error_of([&] { decoded_tiff(two_strips(count)); }),
              "[image] tiff: TIFF: the compressed picture is damaged or cut off");
}

TEST(Tiff, OddTagsAreNamedInFewWords) {
  const std::string text = molmo::testing::error_of([] {
    decoded_tiff(
        tiff_of("", {{256, {2}}, {257, {1}}, {258, std::vector<uint32_t>(5000, 8)}, {262, {2}}, {277, {5000}}}));
  });
  EXPECT_NE(text.find("5000 samples of [8, 8, 8, 8, 8, 8, 8, 8, ...] bits"), text.npos) << text;
}

}  // namespace
}  // namespace molmo::image
