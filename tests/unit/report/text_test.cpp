#include "sim/report/text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace plumbline {
namespace {

TEST(Text, MeasuresColumnsNotBytesAndNoColour) {
  EXPECT_EQ(display_width("µs"), 2);
  EXPECT_EQ(display_width("\x1b[1mbold\x1b[0m"), 4);
  EXPECT_EQ(clip("activations", 6), "activ…");
  EXPECT_EQ(clip("logits", 6), "logits");
  EXPECT_EQ(pad_left("µ", 3), "  µ");
}

TEST(Text, WrapsAtBlanks) {
  EXPECT_EQ(wrap("the pipeline fills slowly", 12),
            (std::vector<std::string>{"the pipeline", "fills slowly"}));
}

TEST(Text, PicksAUnitThatShowsFourDigits) {
  EXPECT_EQ(duration(123.45), "123.5 s");
  EXPECT_EQ(duration(15.5), "15.50 s");
  EXPECT_EQ(duration(0.8123), "812.3 ms");
  EXPECT_EQ(duration(0.00341), "3.41 ms");
  EXPECT_EQ(duration(12e-6), "12.00 µs");
  EXPECT_EQ(duration(std::nan("")), "-");  // the mean of nothing
}

TEST(Text, GroupsThousands) {
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123456), "-123,456");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(12.34), "12.3");
  EXPECT_EQ(grouped_count(20), "20");
  EXPECT_EQ(grouped_count(1234567), "1,234,567");
}

TEST(Text, DrawsBarsInEighths) {
  EXPECT_EQ(bar(0.5, 4, {}), "██");
  EXPECT_EQ(bar(0.5, 3, {}), "█▌");
  EXPECT_EQ(bar(1e-9, 10, {}), "▏");  // there, but small
  EXPECT_EQ(bar(0, 10, {}), "");
  EXPECT_EQ(bar(0.5, 4, {.ascii = true}), "##");
}

TEST(Text, PutsAxisTicksAtRoundPlaces) {
  EXPECT_DOUBLE_EQ(ticks_for(3.0, 10).step, 0.5);
  EXPECT_EQ(ticks_for(3.0, 10).decimals, 1);
  EXPECT_DOUBLE_EQ(ticks_for(70, 10).step, 10);
  EXPECT_EQ(ticks_for(70, 10).decimals, 0);
  EXPECT_DOUBLE_EQ(ticks_for(0.17, 10).step, 0.02);
  EXPECT_EQ(ticks_for(0.17, 10).decimals, 2);
}

}  // namespace
}  // namespace plumbline
