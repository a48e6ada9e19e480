// SPDX-License-Identifier: Apache-2.0
#include "base/shared_library.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/error_of.h"

namespace molmo {
namespace {

TEST(SharedLibrary, FunctionsAreFoundByName) {
  void* library = open_shared_library("libm.so.6", "part of libc");
  const auto cosine = find_symbol<double(double)>(library, "cos");
  ASSERT_NE(cosine, nullptr);
  EXPECT_EQ(cosine(0.0), 1.0);
  EXPECT_EQ(find_symbol<void()>(library, "molmo_no_such_function"), nullptr);
}

TEST(SharedLibrary, OneThatIsMissingIsNamedWithTheHint) {
  const std::string text =
      molmo::testing::error_of([] { open_shared_library("libmolmo_absent.so", "install the driver"); });
  EXPECT_TRUE(text.starts_with("[library] cannot open libmolmo_absent.so: ")) << text;
  EXPECT_TRUE(text.ends_with("; install the driver")) << text;
}

TEST(SharedLibrary, HalfIsWhereTheVariableSaysElseLeftToTheLoader) {
  ::setenv("MOLMO_TEST_HALF", "/some/where.so", 1);
  EXPECT_EQ(path_of_half("libmolmo_absent.so", "MOLMO_TEST_HALF"), "/some/where.so");
  ::setenv("MOLMO_TEST_HALF", "", 1);
  EXPECT_EQ(path_of_half("libmolmo_absent.so", "MOLMO_TEST_HALF"), "libmolmo_absent.so");
  const std::string own = std::filesystem::read_symlink("/proc/self/exe");
  EXPECT_EQ(path_of_half(std::filesystem::path(own).filename().c_str(), "MOLMO_TEST_HALF"), own);
  ::unsetenv("MOLMO_TEST_HALF");
}

}  // namespace
}  // namespace molmo
