// SPDX-License-Identifier: Apache-2.0
#include "base/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "support/error_of.h"

namespace molmo {
namespace {

class Pipe : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe(ends_.data()), 0); }
  void TearDown() override {
    ::close(ends_[0]);
    end();
  }
  void write(std::string_view text) { ASSERT_EQ(::write(ends_[1], text.data(), text.size()), std::ssize(text)); }
  void end() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

TEST_F(Pipe, LinesComeWithoutTheirEndsAndTheLastNeedsNone) {
  write("one\r\n\ntwo\nthree");
  end();
  LineReader reader(ends_[0], "stdin");
  for (const char* line : {"one", "", "two", "three"}) EXPECT_EQ(reader.next(), line);
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_TRUE(reader.is_ready());
}

TEST_F(Pipe, OnlyWholeLinesAreReady) {
  LineReader reader(ends_[0], "stdin");
  EXPECT_FALSE(reader.is_ready());
  write("a lin");
  EXPECT_FALSE(reader.is_ready());
  write("e\nmore");
  EXPECT_TRUE(reader.is_ready());
  EXPECT_EQ(reader.next(), "a line");
  EXPECT_FALSE(reader.is_ready());
}

TEST_F(Pipe, LongLinesAreWhole) {
  write(std::string(60'000, 'x') + "\n");  // a pipe holds 64 KiB
  LineReader reader(ends_[0], "stdin");
  EXPECT_EQ(reader.next()->size(), 60'000u);
}

TEST(LineReader, WhatCannotBeReadIsNamed) {
  LineReader reader(-1, "stdin");
  EXPECT_EQ(testing::error_of([&] { reader.next(); }), "[file] cannot read stdin: Bad file descriptor");
}

}  // namespace
}  // namespace molmo
