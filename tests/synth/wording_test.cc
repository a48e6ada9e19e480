// SPDX-License-Identifier: Apache-2.0
#include "synth/wording.h"

#include <gtest/gtest.h>

#include "synth/stamp_kinds.h"

namespace molmo::synth {
namespace {

TEST(Wording, PluralsFollowEnglish) {
  EXPECT_EQ(plural("dog"), "dogs");
  EXPECT_EQ(plural("fish"), "fish");
  EXPECT_EQ(plural("bus"), "buses");
  EXPECT_EQ(plural("paintbrush"), "paintbrushes");
  EXPECT_EQ(plural("butterfly"), "butterflies");
  EXPECT_EQ(plural("key"), "keys");
  EXPECT_EQ(plural("candy cane"), "candy canes");
  EXPECT_EQ(plural("guinea fowl"), "guinea fowl");
  EXPECT_EQ(plural("big mouse"), "big mice");
}

TEST(Wording, CountsAndLists) {
  EXPECT_EQ(counted(1, "apple", true), "1 apple");
  EXPECT_EQ(counted(3, "mouse", false), "three mice");
  EXPECT_EQ(counted(13, "dog", false), "13 dogs");
  EXPECT_EQ(with_article("apple"), "an apple");
  EXPECT_EQ(listed({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(listed({}), "");
}

TEST(Wording, PlacesCoverTheWholePicture) {
  EXPECT_EQ(place_phrase(0, 0), "at the top left");
  EXPECT_EQ(place_phrase(0.5, 0.5), "in the center");
  EXPECT_EQ(place_phrase(1.0, 1.0), "at the bottom right");
  EXPECT_EQ(place_phrase(0.1, 0.5), "on the left");
}

TEST(StampKinds, PhotosOfOneKindShareItsName) {
  EXPECT_EQ(find_stamp_kind("animals/mammals/dogs/dog", "A dog.")->name, "dog");
  EXPECT_EQ(find_stamp_kind("animals/mammals/dogs/dingo", "A dingo.")->name, "dog");
  EXPECT_EQ(find_stamp_kind("animals/birds/penguin", "A penguin.")->family, "bird");
}

TEST(StampKinds, CaptionNamesWhatTheTableLeavesOpen) {
  EXPECT_EQ(find_stamp_kind("vehicles/new/airship", "An airship.")->name, "airship");
  EXPECT_EQ(find_stamp_kind("vehicles/new/boat", "A rowing boat.")->name, "rowing boat");
  EXPECT_FALSE(find_stamp_kind("vehicles/new/boat", "Down at the docks.").has_value());
  EXPECT_FALSE(find_stamp_kind("vehicles/new/boat", "A Viking ship.").has_value());
  EXPECT_FALSE(find_stamp_kind("vehicles/new/boat", "").has_value());
  EXPECT_FALSE(find_stamp_kind("vehicles/new/boat_mirror", "A boat.").has_value());
  EXPECT_FALSE(find_stamp_kind("symbols/math/0", "Zero.").has_value());
}

TEST(StampKinds, UnseenKindsAreNotAmongTheQuickstartKinds) {
  for (const std::string_view unseen : unseen_stamp_kinds()) {
    for (const std::string_view known : quickstart_kinds()) EXPECT_NE(unseen, known);
  }
  EXPECT_GE(quickstart_kinds().size(), 12u);
}

}  // namespace
}  // namespace molmo::synth
