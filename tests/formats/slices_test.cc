// Tensors in slices, as the ranks of a sharded run write them.
// SPDX-License-Identifier: Apache-2.0
#include "formats/slices.h"

#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::formats {
namespace {

using Metadata = std::map<std::string, std::string>;

class Slices : public ::testing::Test {
 protected:
  // File `number` of `total`, with values of tensor "w" (none: the rank has no part of it).
  void write(int number, int total, const Metadata& metadata, const std::vector<float>& values,
             DType dtype = DType::kF32) const {
    std::vector<TensorEntry> entries{{"other", DType::kU8, {1}}};
    if (!values.empty()) entries.push_back({"w", dtype, {static_cast<int64_t>(values.size() * 4 / dtype_size(dtype))}});
    SafetensorsWriter writer(folder_ / shard_file_name(number, total), entries, metadata);
    const uint8_t byte = 1;
    writer.write({&byte, 1});
    writer.write({reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4});
    writer.finish();
  }
  std::string error() const {
    return testing::error_of([&] { SafetensorsFolder folder(folder_.path()); }, folder_.path().string());
  }
  std::string error_with(Metadata second) {
    write(1, 2, slice_metadata(0, 2, kShapes), {1, 2});
    write(2, 2, second, {3, 4, 5, 6});
    return error();
  }

  const Shapes kShapes{{"w", {2, 3}}};
  testing::TemporaryFolder folder_;
};

TEST_F(Slices, AreJoinedInTheirOrder) {
  write(1, 3, slice_metadata(2, 3, kShapes), {5, 6});  // the names of files do not count
  write(2, 3, slice_metadata(0, 3, kShapes), {1, 2, 3, 4});
  write(3, 3, slice_metadata(1, 3, kShapes), {});
  const SafetensorsFolder opened(folder_.path());
  const TensorView* w = opened.find("w");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> values(6);
  w->read(0, {reinterpret_cast<uint8_t*>(values.data()), 24});
  EXPECT_EQ(values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  values.resize(3);
  w->read(12, {reinterpret_cast<uint8_t*>(values.data()), 12});  // over the seam
  EXPECT_EQ(values, (std::vector<float>{4, 5, 6}));
}

TEST_F(Slices, EachIsThereOnce) {
  EXPECT_EQ(error_with(slice_metadata(1, 2, kShapes)), "no error");
  const std::string second = "[safetensors] model-00002-of-00002.safetensors: slice ";
  EXPECT_EQ(error_with(slice_metadata(2, 2, kShapes)), second + "2 of 2, which does not go with the files beside it");
  EXPECT_EQ(error_with(slice_metadata(0, 2, kShapes)), second + "0 of 2, which does not go with the files beside it");
  EXPECT_EQ(error_with(slice_metadata(1, 3, kShapes)), second + "1 of 2, which does not go with the files beside it");
  EXPECT_EQ(error_with({{"slice", "-1"}, {"num_slices", "2"}}),
            "[safetensors] model-00002-of-00002.safetensors: metadata 'slice', got '-1', expected a number");
  write(1, 2, slice_metadata(0, 3, kShapes), {1, 2});
  write(2, 2, slice_metadata(1, 3, kShapes), {3, 4});
  EXPECT_EQ(error(), "[safetensors] " + folder_.path().string() + ": slice 2 of 3 is missing");
}

TEST_F(Slices, AddUpToTheirShapes) {
  write(1, 2, slice_metadata(0, 2, kShapes), {1, 2});
  write(2, 2, slice_metadata(1, 2, kShapes), {3, 4, 5});
  EXPECT_EQ(error(), "[safetensors] " + folder_.path().string() + ": slices of tensor 'w', got 20 bytes, expected 24");
  write(2, 2, slice_metadata(1, 2, kShapes), {3, 4, 5, 6}, DType::kI32);
  EXPECT_EQ(error(), "[safetensors] model-00002-of-00002.safetensors: tensor 'w' of two dtypes");
}

TEST_F(Slices, ShapesAreListsOfSizes) {
  const auto error_with_shapes = [&](const std::string& shapes) {
    write(1, 1, {{"slice", "0"}, {"num_slices", "1"}, {"shapes", shapes}}, {1});
    const std::string text = error();
    return text.substr(text.find(": ") + 2);
  };
  for (const char* size : {"1e300", "1.5", "-1", "18446744073709551615", "true", "[1]"})
    EXPECT_EQ(error_with_shapes(std::string("{\"w\": [") + size + "]}"),
              "metadata 'shapes' of tensor 'w', expected a list of sizes >= 0")
        << size;
  EXPECT_EQ(error_with_shapes("{\"w\": 1}"), "metadata 'shapes' of tensor 'w', expected a list of sizes >= 0");
  EXPECT_EQ(error_with_shapes("[1]"), "metadata 'shapes', got no table, expected tensor names with sizes");
  EXPECT_EQ(error_with_shapes("{\"w\": [4294967296, 4294967296]}"), "tensor 'w' of an impossible shape");
}

}  // namespace
}  // namespace molmo::formats
