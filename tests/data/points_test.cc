// SPDX-License-Identifier: Apache-2.0
#include "data/points.h"

#include <gtest/gtest.h>

#include "data/point_reader.h"
#include "data/point_scanner.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

using geometry::Box;
using geometry::Point;

constexpr ImageSize kSize{640, 480};

TEST(Points, TextGoesOutAndComesBackInTheSameOrder) {
  const PointArray pixels{{{500, 40}, {12.34, 300}, {12.34, 5}}};
  const std::string text = points_to_text(to_percent(pixels, {}, kSize), "point_count", "dogs");
  EXPECT_EQ(text,
            "Counting the <points x1=\"1.9\" y1=\"1.0\" x2=\"1.9\" y2=\"62.5\" x3=\"78.1\" y3=\"8.3\" "
            "alt=\"dogs\">dogs</points>"
            " shows a total of 3.");
  const std::vector<Point> back = extract_points(text, kSize);
  ASSERT_EQ(back.size(), 3u);
  EXPECT_NEAR(back[1].x, 12.34, 0.05 * 6.4);
  EXPECT_NEAR(back[1].y, 300, 1e-9);
}

TEST(Points, OrderOfInputDoesNotMatter) {
  const std::vector<Point> points{{3, 4}, {1, 2}, {99.9, 0}};
  const std::vector<Point> reversed(points.rbegin(), points.rend());
  EXPECT_EQ(points_to_text({points}, "pointing", "x"), points_to_text({reversed}, "pointing", "x"));
}

TEST(Points, RoundingIsHalfToEvenOnTheScaledValue) {
  EXPECT_EQ(point_tag({{{0.35, 0.45}}}, "a", "b"), "<point x=\"0.4\" y=\"0.4\" alt=\"a\">b</point>");
}

TEST(Points, Float32KeepsItsOwnRounding) {
  const PointArray percent = to_percent({{{9.667649269104004, 476.031494140625}}, /*is_float32=*/true}, {}, kSize);
  EXPECT_EQ(percent.points[0], (Point{1.5105701684951782, 99.17322540283203}));
}

TEST(Points, NegativesAndUnknownStyles) {
  EXPECT_EQ(points_to_text({}, "pointing", "dogs"), "There are none.");
  EXPECT_THROW(points_to_text({}, "vqa2", "dogs"), Error);
}

TEST(Points, PlaceholdersAreFilledFromTheLeft) {
  const std::vector<PointAnnotation> one{{{{{1, 2}}}, "here", "a dog"}};
  EXPECT_EQ(fill_point_placeholders("A <|POINT|> and <|POINT|>", one),
            "A <point x=\"1.0\" y=\"2.0\" alt=\"a dog\">here</point> and <|POINT|>");
  EXPECT_THROW(fill_point_placeholders("nothing", one), Error);
}

TEST(ExtractPoints, ClickIsFoundTwiceAndValuesAbove100Dropped) {
  EXPECT_EQ(extract_points("Click(50.0, 25.0)", {100, 200}).size(), 2u);
  EXPECT_TRUE(extract_points("(100.1, 5.0)", kSize).empty());
  EXPECT_EQ(extract_boxes("p=100,200 p=300,400 p=500,600", {1000, 1000}), (std::vector<Box>{{100, 200, 300, 400}}));
}

TEST(ExtractPoints, HostileTextsStayHarmless) {
  EXPECT_TRUE(extract_points(std::string(200000, '1'), kSize).empty());
  EXPECT_TRUE(extract_points("x=\"" + std::string(100000, ' ') + "\xff\xfe(", kSize).empty());
  EXPECT_TRUE(extract_count_points(std::string(200000, '9') + ".", kSize).empty());
  EXPECT_TRUE(extract_points(std::string("(1.0,\0 2.0)", 11), kSize).empty());
}

std::vector<Point> read(std::string_view reply) { return read_points(reply, {100, 200}); }

TEST(ReadPoints, TakesWhatOtherProgramsTake) {
  const std::vector<Point> middle = {{50, 100}};
  for (const char* reply :
       {R"(<point x="50.0" y="50.0" alt="cats">cats</point>)", R"(<point x="50" y="50" alt="cats">cats</point>)",
        R"(<point x='50.0' y='50.0' alt='cats'>cats</point>)",
        R"(<point x = "50.0" y = "50.0" alt="cats">cats</point>)",
        R"(<point y="50.0" x="50.0" alt="cats">cats</point>)", R"(<point x=50.0 y=50.0>cats</point>)",
        R"(<point x="50.00001e0" y="1"> <point x="50.0" y="50.0">)",
        R"(<points x1=" 50.0 " y1="50." x2="50.0" y2="50.0">)",
        R"(<point x="50.0" y="50.0" alt="Tom & Jerry's "best" <b>">x</point>)", "x = 50.0, y = 50.0\n",
        R"t(<point x="50.0" y="50.0" alt="the sign (10.0, 20.0)">x</point>)t", R"(<points x1="50.0" y1="50.0" x2="30.)",
        R"(<points x1="50.0" y1="50.0" x2="140.0" y2="50.0" alt="cats">cats</points>)", "At (50.0, 50.0).",
        "( 50.00, 50.0 )", "Click(50.0, 50.0)", "<point p=500,500 alt=\"a\">a</point>",
        "<point x=\"\uff15\uff10.0\" y=\"50.0\">", "<point x=\u201c50.0\u201d y=\u201c50.0\u201d>"})
    EXPECT_EQ(read(reply), middle) << reply;
  EXPECT_EQ(read(R"(<points x1="50.0" y1="50.0" x3="20.0" y3="20.0" x3="20.0" y3="20.0">)"),
            (std::vector<Point>{{50, 100}, {20, 40}, {20, 40}}));
  EXPECT_EQ(read("(50.0, 50.0) (20.0, 20.0)").size(), 2u);
}

TEST(ReadPoints, DropsPairsWithoutAPlace) {
  for (const char* reply :
       {R"(<point x="50,0" y="50,0">)", R"(<point x="-50.0" y="50.0">)", R"(<point x="1e999" y="50.0">)",
        R"(<point x="nan" y="50.0">)", R"(<point x="50.0" y="100.1">)", R"(<point x="50.0" y="5)", R"(x=50.0 y=5)",
        R"(<point x="50.0">)", R"(max="50.0" y="50.0")", "There are none. (1.5, 2.5 m away)", "(1, 2)", "",
        "x=y=x=y=", R"(<point x="" y="">)", "\xff\xfe"})
    EXPECT_TRUE(read(reply).empty()) << reply;
  // A dropped pair does not lend its second half to the next.
  EXPECT_EQ(read(R"(<points x1="-5.0" y1="5.0" x2="50.0" y2="50.0">)"), (std::vector<Point>{{50, 100}}));
  EXPECT_EQ(read(R"(<points x="a" y="5" x="50" y="50">)"), (std::vector<Point>{{50, 100}}));
}

TEST(ReadPoints, HaveTheNameThatTheReplyGivesThem) {
  const auto names = [](std::string_view reply) {
    std::string joined;
    for (const NamedPoint& named : read_named_points(reply, {100, 200})) joined += named.label + "|";
    return joined;
  };
  EXPECT_EQ(names(R"(<point x="50.0" y="50.0" alt="cats">two cats</point>)"), "cats|");
  EXPECT_EQ(names(R"(See <points x1="5" y1="5" x2="6" y2="6" alt="red cups">x</points>, <point x="1" y="1" alt='a'>)"),
            "red cups|red cups|a|");
  EXPECT_EQ(names(R"(<point x="50.0" y="50.0" alt="the "big" one">x</point>)"), R"(the "big" one|)");
  EXPECT_EQ(names(R"(<point x="50.0" y="50.0"> dogs </point>)"), "dogs|");
  EXPECT_EQ(names(R"(x="1" y="1" <b alt="no"> x="2" y="2" <point alt="yes" x="3" y="3">)"), "||yes|");
  EXPECT_EQ(names(R"(<points x1="50.0" y1="50.0" x2="30.0" y2="30.0" alt="cut)"), "||");
  EXPECT_EQ(names("(50.0, 50.0)"), "|");
  EXPECT_EQ(names(R"(<point x="1" y="1" alt="">)"), "|");
}

TEST(ReadPoints, LongTextsTakeTimeInProportion) {
  for (const char* piece : {"x=", "x='", "x=\"1\" ", "x", "x=\"", "x1=1 ", "(", "(1.0", "p=", "1 = ", "x   = "}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    EXPECT_TRUE(read(text).empty()) << piece;
  }
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "x1=\"50.0\" y1=\"50.0\" ";
  EXPECT_EQ(read(many).size(), 20'000u);
  EXPECT_EQ(read("<points " + many + "alt=\"x\">").size(), 20'000u);
}

}  // namespace
}  // namespace molmo::data
