#include "sim/report/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

namespace plumbline {
namespace {

std::string number(double value) {
  std::string out;
  append_json_number(out, value);
  return out;
}

TEST(JsonNumber, IsTheShortestTextThatReadsBackToTheSameDouble) {
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(15.5), "15.5");
  EXPECT_EQ(number(3.0), "3");
  EXPECT_EQ(number(85899345920.0), "85899345920");
  for (const double value : {1.0 / 3, 2.0 / 3 * 1e-9, 6.02214076e23, std::nextafter(1.0, 2.0)}) {
    EXPECT_EQ(std::strtod(number(value).c_str(), nullptr), value);
  }
}

TEST(JsonNumber, WritesNullForWhatJsonCannotSay) {
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(number(std::nan("")), "null");
}

TEST(JsonNumber, HasNoNegativeZero) { EXPECT_EQ(number(-0.0), "0"); }

TEST(JsonText, EscapesQuotesControlCharactersAndTheOpeningOfATag) {
  std::string out;
  append_json_escaped(out, "a\"b\\c\n\x01</script>\u00b5");
  EXPECT_EQ(out, "a\\\"b\\\\c\\n\\u0001\\u003c/script>\u00b5");
}

TEST(JsonWriter, IndentsAndKeepsSmallContainersOnOneLine) {
  JsonWriter json;
  json.begin_object().member("n", 1).key("layers");
  json.begin_array(JsonWriter::Layout::kOneLine).value(0).value(12).end_array();
  json.key("none").begin_array().end_array().member("fits", true).end_object();
  EXPECT_EQ(std::move(json).take(),
            "{\n  \"n\": 1,\n  \"layers\": [0, 12],\n  \"none\": [],\n  \"fits\": true\n}\n");
}

TEST(JsonWriter, CanKeepTheWholeDocumentOnOneLine) {
  JsonWriter json(JsonWriter::Layout::kOneLine);
  json.begin_object().key("a").begin_array().value(1).null().end_array().end_object();
  EXPECT_EQ(std::move(json).take(), "{\"a\": [1, null]}\n");
}

}  // namespace
}  // namespace plumbline
