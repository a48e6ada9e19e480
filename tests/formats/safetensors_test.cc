// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/check.h"
#include "base/files.h"
#include "formats/safetensors_header.h"
#include "molmo/error.h"
#include "support/paths.h"

namespace molmo::formats {
namespace {

using testing::TemporaryFolder;

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A file's bytes: length, header, data.
std::string file_of(const std::string& header, size_t num_data_bytes) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  return bytes + header + std::string(num_data_bytes, '\1');
}

std::string error_of(const std::string& file) {
  try {
    parse_header(bytes_of(file), "x.safetensors");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string error_of_entry(const std::string& entry, size_t num_data_bytes = 8) {
  return error_of(file_of("{\"w\":" + entry + "}", num_data_bytes));
}

void write_one(const std::filesystem::path& path, const std::string& name) {
  const std::vector<uint8_t> data(8, 7);
  SafetensorsWriter writer(path, {{name, DType::kF32, {2}}});
  writer.write(data);
  writer.finish();
}

std::string error_of_folder(const std::filesystem::path& folder) {
  try {
    SafetensorsFolder opened(folder);
  } catch (const Error& error) {
    return std::string(error.what()).substr(0, 14) + std::string(error.what()).substr(14 + folder.string().size());
  }
  return "no error";
}

TEST(Safetensors, WrittenFileReadsBack) {
  const TemporaryFolder folder;
  const std::vector<float> weights = {1.5f, -2.0f, 0.25f, 8.0f, 0.0f, -0.0f};
  const std::vector<int64_t> ids = {-1, INT64_MAX};
  SafetensorsWriter writer(folder / "a.safetensors",
                           {{"w", DType::kF32, {2, 3}},
                            {"empty", DType::kBF16, {0, 4}},
                            {"ids", DType::kI64, {2}},
                            {"step", DType::kU8, {}}},
                           {{"format", "pt"}});
  writer.write({reinterpret_cast<const uint8_t*>(weights.data()), 24});
  writer.write({});
  writer.write({reinterpret_cast<const uint8_t*>(ids.data()), 16});
  EXPECT_FALSE(std::filesystem::exists(folder / "a.safetensors"));  // appears complete or not at all
  writer.write(bytes_of("!"));
  writer.finish();

  const SafetensorsFile file(folder / "a.safetensors");
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  ASSERT_EQ(file.tensors().size(), 4u);
  const TensorView& w = *file.find("w");
  EXPECT_EQ(w.dtype, DType::kF32);
  EXPECT_EQ(w.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(w.data.data(), weights.data(), 24), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(w.data.data()) % 64, 0u);
  EXPECT_EQ(std::memcmp(file.find("ids")->data.data(), ids.data(), 16), 0);
  EXPECT_TRUE(file.find("empty")->data.empty());
  EXPECT_TRUE(file.find("step")->shape.empty());
  EXPECT_EQ(file.find("absent"), nullptr);
}

TEST(Safetensors, WriterRefusesOtherSizesThanAnnounced) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder / "a.safetensors", {{"w", DType::kF32, {2}}});
  writer.write(bytes_of("123"));
  EXPECT_THROW(writer.finish(), InternalError);
  EXPECT_THROW(writer.write(bytes_of("456789")), InternalError);
  EXPECT_THROW((SafetensorsWriter(folder / "b.safetensors", {{"w", DType::kF32, {2}}, {"w", DType::kF32, {2}}})),
               InternalError);
}

TEST(Safetensors, UnalignedDataIsReadable) {
  const std::string file = file_of(
      R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}} )",
      5);
  EXPECT_EQ(parse_header(bytes_of(file), "x").tensors[1].data.size(), 4u);
}

// A tensor in pieces, as ranks have saved it.
TEST(TensorView, ReadsAnyRangeOfItsPieces) {
  const std::string bytes = "abcdefghij";
  const auto piece = [&](size_t begin, size_t size) {
    return std::span(reinterpret_cast<const uint8_t*>(bytes.data()) + begin, size);
  };
  TensorView view{.name = "w", .dtype = DType::kU8, .shape = {10}, .data = piece(0, 3), .rest = {}};
  view.rest = {piece(3, 1), piece(4, 4), piece(8, 2)};
  view.is_mapped = false;
  for (size_t begin = 0; begin <= bytes.size(); ++begin) {
    for (size_t count = 0; begin + count <= bytes.size(); ++count) {
      std::string got(count, '?');
      view.read(begin, {reinterpret_cast<uint8_t*>(got.data()), count}, /*drops=*/false);
      EXPECT_EQ(got, bytes.substr(begin, count)) << begin;
    }
  }
  uint8_t beyond[2];
  EXPECT_THROW(view.read(9, beyond, /*drops=*/false), InternalError);
}

TEST(SafetensorsHeader, LengthMustFitTheFile) {
  EXPECT_EQ(error_of("1234567"), "[safetensors] x.safetensors: 7 bytes, expected at least 8");
  EXPECT_EQ(error_of(file_of("{}", 0).substr(0, 9)),
            "[safetensors] x.safetensors: header of 2 bytes, expected at most 1 (file of 9 bytes)");
  EXPECT_EQ(error_of(std::string(8, '\xff') + "{}"),
            "[safetensors] x.safetensors: header of 18446744073709551615 bytes, expected at most 2 (file of 10 bytes)");
}

TEST(SafetensorsHeader, MustBeAnObjectWithoutRepeatedNames) {
  EXPECT_EQ(error_of(file_of("[]", 0)), "[safetensors] x.safetensors: header is a JSON array, expected an object");
  EXPECT_EQ(error_of(file_of("{\"w\":", 0)).rfind("[safetensors] x.safetensors: header is not valid JSON: ", 0), 0u);
  EXPECT_EQ(error_of(file_of("{\"\xff\":1}", 0)).rfind("[safetensors] x.safetensors: header is not valid JSON: ", 0),
            0u);
  const std::string entry = R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(error_of(file_of("{" + entry + "," + entry + "}", 1)),
            "[safetensors] x.safetensors: header names \"w\" twice");
  EXPECT_EQ(error_of(file_of("{\"w\":" + std::string(5'000'000, '['), 0)),
            "[safetensors] x.safetensors: header nests too deeply");
  EXPECT_EQ(error_of(file_of(R"({"__metadata__":{"step":3}})", 0)),
            "[safetensors] x.safetensors: __metadata__ \"step\" is a JSON number, expected a string");
}

TEST(SafetensorsHeader, EveryEntryFieldIsChecked) {
  const std::string where = "[safetensors] x.safetensors: tensor \"w\": ";
  EXPECT_EQ(error_of_entry("3"), where + "entry is a JSON number, expected an object");
  EXPECT_EQ(error_of_entry(R"({"shape":[2],"data_offsets":[0,8]})"), where + "no 'dtype'");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F8","shape":[2],"data_offsets":[0,8]})"),
            where +
                "dtype \"F8\", expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, F8_E4M3, "
                "F8_E5M2, BOOL");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F32","data_offsets":[0,8]})"), where + "no list 'shape'");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
            where + "shape [-2], expected sizes >= 0");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"),
            where + "shape [2.0], expected sizes >= 0");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
            where + "shape overflows 64 bits");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"),
            where + "data_offsets [0], expected [begin, end]");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
            where + "data_offsets [8, 0], expected inside the 8 bytes of data");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,9]})"),
            where + "data_offsets [0, 9], expected inside the 8 bytes of data");
  EXPECT_EQ(error_of_entry(R"({"dtype":"F16","shape":[2],"data_offsets":[0,8]})"),
            where + "8 bytes of data, expected 4 for F16 [2]");
}

TEST(SafetensorsHeader, TensorsTileTheData) {
  const auto two = [](const char* first, const char* second) {
    return std::string(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)") + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  EXPECT_EQ(error_of(file_of(two("[4,8]", "[0,4]"), 8)), "no error");
  EXPECT_EQ(error_of(file_of(two("[0,4]", "[2,6]"), 8)),
            "[safetensors] x.safetensors: tensor \"b\" starts at byte 2, expected 4: it overlaps the tensor before it");
  EXPECT_EQ(
      error_of(file_of(two("[0,4]", "[5,9]"), 9)),
      "[safetensors] x.safetensors: tensor \"b\" starts at byte 5, expected 4: bytes between tensors belong to none");
  EXPECT_EQ(error_of(file_of(two("[0,4]", "[4,8]"), 10)),
            "[safetensors] x.safetensors: 10 bytes of data, expected 8 by the header");
}

TEST(SafetensorsHeader, ErrorsStayShort) {
  EXPECT_LT(error_of(file_of("{\"" + std::string(1'000'000, 'n') + "\":1}", 0)).size(), 300u);
}

TEST(SafetensorsFolder, ReadsIndexAndShards) {
  const TemporaryFolder folder;
  write_one(folder / "model-00001-of-00002.safetensors", "a");
  write_one(folder / "model-00002-of-00002.safetensors", "b");
  EXPECT_EQ(SafetensorsFolder(folder.path()).tensors().size(), 2u);  // shards without an index
  write_file_atomically(
      folder / "model.safetensors.index.json",
      R"({"metadata":{"total_size":16},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})");
  const SafetensorsFolder opened(folder.path());
  EXPECT_EQ(opened.files().size(), 2u);
  EXPECT_EQ(opened.find("b")->shape, std::vector<int64_t>{2});
}

TEST(SafetensorsFolder, ShardsWithoutAnIndexAreAllThere) {
  const TemporaryFolder folder;
  const auto put = [&](const std::string& name, const std::string& tensor) { write_one(folder / name, tensor); };
  put("model-00001-of-00009.safetensors", "a");
  put("model-00003-of-00009.safetensors", "c");
  EXPECT_EQ(
      error_of_folder(folder.path()),
      "[safetensors] : 7 of 9 shards missing: model-00002-of-00009.safetensors, model-00004-of-00009.safetensors, "
      "model-00005-of-00009.safetensors, model-00006-of-00009.safetensors, model-00007-of-00009.safetensors, and 2 "
      "more");
  const TemporaryFolder other;
  write_one(other / "model-00001-of-00001.safetensors", "a");
  EXPECT_EQ(error_of_folder(other.path()), "no error");
  for (const char* name : {"model-00001-of-00001 (1).safetensors", "model-00002-of-00002.safetensors",
                           "model-1-of-1.safetensors", "model-00000-of-00001.safetensors", "model-x.safetensors"}) {
    write_one(other / name, "b");
    const std::string error = error_of_folder(other.path());
    EXPECT_NE(error.find("does not go with the shards beside it, expected model-NNNNN-of-"), std::string::npos)
        << error;
    write_file_atomically(other / "model.safetensors.index.json",
                          R"({"weight_map": {"a": "model-00001-of-00001.safetensors"}})");
    EXPECT_EQ(error_of_folder(other.path()), "no error") << name;  // the index says which files count
    std::filesystem::remove(other / "model.safetensors.index.json");
    std::filesystem::remove(other / name);
  }
}

TEST(SafetensorsFolder, OneSetOfWeights) {
  const TemporaryFolder folder;
  write_one(folder / "model.safetensors", "a");
  write_one(folder / "model-00001-of-00001.safetensors", "b");
  const auto index = [&](const char* map) {
    write_file_atomically(folder / "model.safetensors.index.json", std::string(R"({"weight_map": )") + map + "}");
  };
  EXPECT_EQ(error_of_folder(folder.path()), "no error");
  index(R"({"a": "model.safetensors"})");
  EXPECT_EQ(error_of_folder(folder.path()), "no error");
  index(R"({"b": "model-00001-of-00001.safetensors"})");
  EXPECT_EQ(error_of_folder(folder.path()),
            "[safetensors] : holds two sets of weights, model.safetensors and those of model.safetensors.index.json, "
            "expected one");
}

TEST(SafetensorsFolder, IndexMustKeepItsPromises) {
  const TemporaryFolder folder;
  const auto with_map = [&](const std::string& map) {
    write_file_atomically(folder / "model.safetensors.index.json", "{\"weight_map\":" + map + "}");
    return error_of_folder(folder.path());
  };
  EXPECT_EQ(
      error_of_folder(folder.path()),
      "[safetensors] : no weights, expected model.safetensors, model.safetensors.index.json or model-*.safetensors");
  const std::string index = "[safetensors] /model.safetensors.index.json: ";
  EXPECT_EQ(with_map("3"), index + "no object 'weight_map'");
  EXPECT_EQ(with_map(R"({"a":"s.safetensors"})"), index + "shard \"s.safetensors\" of tensor \"a\" is missing");
  for (const char* path : {"../s.safetensors", "/etc/passwd", "..", "", "d/s"}) {
    EXPECT_EQ(with_map("{\"a\":\"" + std::string(path) + "\"}"),
              index + "tensor \"a\" lies in \"" + path + "\", expected the name of a file beside the index");
  }
  write_one(folder / "s.safetensors", "a");
  EXPECT_EQ(with_map(R"({"a":"s.safetensors"})"), "no error");
  EXPECT_EQ(with_map(R"({"a":"s.safetensors","c":"s.safetensors"})"),
            "[safetensors] /s.safetensors: no tensor 'c', which model.safetensors.index.json promises");
  write_one(folder / "t.safetensors", "a");
  EXPECT_EQ(with_map(R"({"a":"s.safetensors","b":"t.safetensors"})"),
            "[safetensors] /t.safetensors: tensor 'a' lies in another shard too");
}

TEST(SafetensorsHeader, SizesOfZeroDoNotExcuseOverflow) {
  for (const char* shape : {"[9223372036854775807,2,0]", "[0,9223372036854775807,2]", "[4294967296,0,4294967296]"}) {
    EXPECT_EQ(
        error_of(file_of(std::string("{\"w\":{\"dtype\":\"U8\",\"shape\":") + shape + ",\"data_offsets\":[0,0]}}", 0)),
        "[safetensors] x.safetensors: tensor \"w\": shape overflows 64 bits");
  }
  EXPECT_EQ(error_of(file_of("{\"w\":{\"dtype\":\"U8\",\"shape\":[7,0],\"data_offsets\":[0,0]}}", 0)), "no error");
}

}  // namespace
}  // namespace molmo::formats
