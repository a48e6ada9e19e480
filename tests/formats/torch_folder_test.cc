// Folders that hold PyTorch's files instead of safetensors.
// SPDX-License-Identifier: Apache-2.0
#include "formats/torch_folder.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "formats/safetensors.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::formats {
namespace {

class TorchFolders : public ::testing::Test {
 protected:
  void put(const char* from, const std::string& name) const {
    std::filesystem::copy_file(testing::data_directory() / "torch" / from, folder_ / name);
  }
  void index(const std::string& weight_map) const {
    write_file_atomically(folder_ / "pytorch_model.bin.index.json",
                          R"({"metadata": {"total_size": 1}, "weight_map": )" + weight_map + "}");
  }
  std::unique_ptr<TensorSource> open() const { return open_tensors(folder_.path()); }
  std::string error() const {
    return testing::error_of([&] { open(); }, folder_.path().string());
  }

  testing::TemporaryFolder folder_;
};

constexpr const char* kFirst = "pytorch_model-00001-of-00002.bin";
constexpr const char* kSecond = "pytorch_model-00002-of-00002.bin";

TEST_F(TorchFolders, OneFile) {
  put("state.pt", "pytorch_model.bin");
  EXPECT_EQ(open()->find("model.lin.weight")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(open()->tensors().size(), 13u);
}

TEST_F(TorchFolders, ShardsAndTheirIndex) {
  put("state.pt", kFirst), put("call.pt", kSecond);
  const std::string only = TorchFile(folder_ / kSecond).tensors().front()->name;
  index(R"({"whole": ")" + std::string(kFirst) + R"(", ")" + only + R"(": ")" + kSecond + R"("})");
  const std::unique_ptr<TensorSource> source = open();
  EXPECT_EQ(source->tensors().size(), 14u);
  EXPECT_EQ(source->find("whole")->shape, (std::vector<int64_t>{2, 3, 4}));
  EXPECT_NE(source->find(only), nullptr);
  EXPECT_EQ(source->find("absent"), nullptr);
}

TEST_F(TorchFolders, SafetensorsAreTakenWhereBothAreThere) {
  put("state.pt", "pytorch_model.bin");
  SafetensorsWriter writer(folder_ / "model.safetensors", {{"w", DType::kF32, {2}}});
  writer.write(std::vector<uint8_t>(8, 7));
  writer.finish();
  EXPECT_EQ(open()->tensors().size(), 1u);
}

TEST_F(TorchFolders, ErrorsNameTheShard) {
  put("state.pt", kFirst);
  index(R"({"whole": "pytorch_model-00001-of-00002.bin", "x": "pytorch_model-00002-of-00002.bin"})");
  EXPECT_NE(error().find("shard \"pytorch_model-00002-of-00002.bin\" of tensor \"x\" is missing"), std::string::npos)
      << error();
  put("call.pt", kSecond);
  EXPECT_EQ(error(),
            "[torch] pytorch_model-00002-of-00002.bin: no tensor 'x', which pytorch_model.bin.index.json promises");
  std::filesystem::remove(folder_ / kSecond);
  put("state.pt", kSecond);
  EXPECT_NE(error().find("lies in another shard too"), std::string::npos) << error();
}

TEST_F(TorchFolders, TheFormatBeforeTheZipIsNamed) {
  write_file_atomically(folder_ / "pytorch_model.bin", std::string("\x80\x02\x8a\nl\xfc\x9c", 7));
  const std::string expected =
      "[torch] pytorch_model.bin: got the format that PyTorch wrote before version 1.6, expected the later one: "
      "torch.save(torch.load(file), file) with a current PyTorch converts it";
  EXPECT_EQ(error(), expected);
  EXPECT_EQ(testing::error_of([&] { open_tensors(folder_ / "pytorch_model.bin"); }, folder_.path().string()), expected);
}

}  // namespace
}  // namespace molmo::formats
