// Files of torch.save, made by tests/data/torch/README.md.
// SPDX-License-Identifier: Apache-2.0
#include "formats/torch_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/files.h"
#include "formats/pickle.h"
#include "formats/zip_file.h"
#include "molmo/error.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::formats {
namespace {

std::filesystem::path file(const char* name) { return testing::data_directory() / "torch" / name; }

template <class T>
std::vector<T> values(const TorchFile& torch, const std::string& name) {
  const TensorView* view = torch.find(name);
  if (view == nullptr) return {};
  std::vector<T> result(view->data.size() / sizeof(T));
  std::memcpy(result.data(), view->data.data(), view->data.size());
  return result;
}

TEST(TorchFile, ReadsTensorsOfEveryKind) {
  const TorchFile torch(file("state.pt"));
  std::vector<float> counting(24);
  for (size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<float>(i);
  EXPECT_EQ(values<float>(torch, "whole"), counting);
  EXPECT_EQ(torch.find("whole")->shape, (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(values<float>(torch, "slice"), (std::vector<float>{16, 17, 18, 19, 20, 21, 22, 23}));
  EXPECT_EQ(values<float>(torch, "turned"), (std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(torch.find("turned")->shape, (std::vector<int64_t>{4, 3}));
  EXPECT_EQ(values<double>(torch, "scalar"), std::vector<double>{2.5});
  EXPECT_TRUE(torch.find("scalar")->shape.empty());
  EXPECT_EQ(torch.find("empty")->shape, (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(values<int64_t>(torch, "view"), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(torch.find("bf16")->dtype, DType::kBF16);
  EXPECT_EQ(torch.find("half")->dtype, DType::kF16);
  EXPECT_EQ(torch.find("flags")->dtype, DType::kBool);
  EXPECT_EQ(values<float>(torch, "param"), (std::vector<float>{1, 1}));
}

TEST(TorchFile, NestedDictionariesBecomePaths) {
  const TorchFile torch(file("state.pt"));
  EXPECT_EQ(values<float>(torch, "model.lin.weight"), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values<float>(torch, "model.lin.bias"), (std::vector<float>{0.5, -0.5}));
  EXPECT_EQ(values<int64_t>(torch, "model.steps"), std::vector<int64_t>{7});
  EXPECT_EQ(torch.find("step"), nullptr);  // a number
  EXPECT_EQ(torch.tensors().size(), 13u);
}

TEST(TorchFile, CallsAreNotMade) {
  std::filesystem::remove("/tmp/molmo_was_here");
  const TorchFile torch(file("call.pt"));  // its pickle asks for os.system
  EXPECT_EQ(torch.tensors().size(), 1u);
  EXPECT_FALSE(std::filesystem::exists("/tmp/molmo_was_here"));
}

TEST(TorchFile, DamageIsNamed) {
  const testing::TemporaryFolder folder;
  const std::vector<uint8_t> whole = read_binary_file(file("state.pt"));
  const auto error_with = [&](const std::vector<uint8_t>& bytes) {
    write_file_atomically(folder / "x.pt", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const std::string text = testing::error_of([&] { TorchFile torch(folder / "x.pt"); });
    return text.substr(0, text.find("x.pt:") + 5) == "[zip] " + (folder / "x.pt").string() + ":"
               ? "zip" + text.substr(text.find("x.pt:") + 5)
               : text;
  };
  EXPECT_EQ(error_with({whole.begin(), whole.begin() + 500}),
            "zip no zip directory, expected a file of torch.save (is it complete?)");
  // Every truncation and many changed bytes: an error or a file, never a crash.
  for (size_t size = 0; size < whole.size(); size += 97)
    error_with({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)});
  for (size_t at = 0; at < whole.size(); at += 3) {
    std::vector<uint8_t> changed = whole;
    changed[at] ^= static_cast<uint8_t>(1 + at % 255);
    error_with(changed);
  }
}

// Other programs leave a comment beside a member: the next entry of the directory begins behind it.
TEST(TorchFile, CommentsOfMembersAreSkipped) {
  const testing::TemporaryFolder folder;
  std::string bytes = read_text_file(file("state.pt"));
  const size_t entry = bytes.find("PK\x01\x02");  // the directory's first
  ASSERT_NE(entry, std::string::npos);
  const auto number = [&](size_t at) { return static_cast<size_t>(static_cast<uint8_t>(bytes[entry + at])); };
  ASSERT_EQ(number(29) + number(31), 0u);  // the high bytes of both sizes
  bytes[entry + 32] = 5;
  bytes.insert(entry + 46 + number(28) + number(30), "hello");
  if (const size_t locator = bytes.find("PK\x06\x07", entry); locator != std::string::npos)
    bytes[locator + 8] = static_cast<char>(bytes[locator + 8] + 5);  // where the 64-bit end of the directory is now
  write_file_atomically(folder / "x.pt", bytes);
  const TorchFile torch(folder / "x.pt");
  EXPECT_EQ(torch.tensors().size(), 13u);
  EXPECT_EQ(values<float>(torch, "param"), (std::vector<float>{1, 1}));
}

TEST(TorchFile, HostileFilesCostLittle) {  // tests/data/torch/make_hostile.py
  const auto error_with = [](const char* name) {
    return testing::error_of([&] { TorchFile torch(file(name)); }, file("").parent_path().string());
  };
  EXPECT_TRUE(error_with("places.pt").ends_with("more values than the pickle has bytes")) << error_with("places.pt");
  EXPECT_EQ(error_with("long_name.pt"), "[torch] long_name.pt: tensor '': a name beyond 1000 bytes");
  EXPECT_TRUE(error_with("views.pt").ends_with("more strided values than the file holds")) << error_with("views.pt");
}

// A file with one tensor "w" of two floats, `offset` floats into a storage of four.
std::string file_with_offset(uint8_t offset) {
  const auto text = [](const std::string& value) {
    return "X" + testing::little(static_cast<uint32_t>(value.size())) + value;
  };
  const auto byte = [](uint8_t value) { return "K" + std::string(1, static_cast<char>(value)); };
  const std::string storage =
      "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + byte(4) + "tQ";
  const std::string pickle = "\x80\x02}" + text("w") + "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + byte(offset) +
                             "(" + byte(2) + "t(" + byte(1) + "t\x89" + "}tRs.";
  const float values[] = {1, 2, 3, 4};
  return testing::make_zip({{"a/data.pkl", pickle}, {"a/data/0", {reinterpret_cast<const char*>(values), 16}}});
}

TEST(TorchFile, OffsetsStayInTheirStorage) {
  const testing::TemporaryFolder folder;
  const auto open = [&](uint8_t offset) {
    write_file_atomically(folder / "x.pt", file_with_offset(offset));
    return TorchFile(folder / "x.pt");
  };
  EXPECT_EQ(values<float>(open(0), "w"), (std::vector<float>{1, 2}));
  EXPECT_EQ(values<float>(open(2), "w"), (std::vector<float>{3, 4}));
  for (const uint8_t offset : {uint8_t{3}, uint8_t{4}, uint8_t{200}})
    EXPECT_EQ(testing::error_of([&] { open(offset); }, folder.path().string()),
              "[torch] x.pt: tensor 'w': reaches beyond its storage of 16 bytes")
        << int{offset};
}

TEST(Pickle, MemoryIsBounded) {
  // Opcodes of one or two bytes that each make a value, a mark, or a place in the memo.
  for (const std::string& opcode : {std::string("N"), std::string("]"), std::string("("), std::string("\x94"),
                                    std::string("h\0", 2), std::string("K\x01")}) {
    std::string data = "Nq" + std::string(1, '\0');
    for (int i = 0; i < 100000; ++i) data += opcode;
    const std::string error = testing::error_of([&] {
      Pickle({reinterpret_cast<const uint8_t*>(data.data()), data.size()}, "p", /*most_bytes=*/100000);
    });
    EXPECT_NE(error.find("more values than a file of this size may hold"), std::string::npos) << error;
  }
}

TEST(Pickle, RefusesWhatItDoesNotKnow) {
  const auto error_with = [](std::string_view text) {
    return testing::error_of([&] { Pickle({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "p"); });
  };
  EXPECT_EQ(error_with("\x80\x02."), "[pickle] p: byte 3: the stack is empty");
  EXPECT_EQ(error_with("\x80\x02Z."), "[pickle] p: byte 3: opcode 0x5a, expected one of a plain checkpoint");
  EXPECT_EQ(error_with("X\xff\xff\xff\x7f"), "[pickle] p: byte 5: the data ends, 2147483647 bytes more expected");
  EXPECT_EQ(error_with("K\x01K\x02s."), "[pickle] p: byte 5: the stack is empty");
  EXPECT_EQ(error_with("h\x05."), "[pickle] p: byte 2: no value 5 was kept");
  std::string call = "ctorch\nfunction\n(";
  for (int i = 0; i < 65; ++i) call += "K\x01";
  EXPECT_EQ(error_with(call + "tR."), "[pickle] p: byte 149: a call with too many arguments");
}

}  // namespace
}  // namespace molmo::formats
