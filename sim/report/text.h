// Words and columns for people: widths in columns, not bytes; quantities with a fitting unit.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/report.h"

namespace plumbline {

/// Columns a UTF-8 text takes; one per code point.
int display_width(std::string_view text);
/// Shortens to `width` columns with an ellipsis where the text is longer.
std::string clip(std::string_view text, int width);
std::string pad_left(std::string_view text, int width);
std::string pad_right(std::string_view text, int width);
/// Breaks at blanks; a word longer than the width stands alone.
std::vector<std::string> wrap(std::string_view text, int width);

/// A unit in which times of about this size read well: {1e-3, "ms", 2 decimals}.
struct TimeUnit {
  double seconds = 1;
  std::string_view suffix = "s";
  int decimals = 2;
};
TimeUnit unit_for(double largest_s);
/// "15.52" in that unit, without its name.
std::string in_unit(double seconds, const TimeUnit& unit);

/// Round places for an axis: multiples of `step`, which is 1, 2 or 5 times a power of ten.
struct Ticks {
  double step = 1;
  int decimals = 0;  ///< that show the multiples exactly
};
/// About `count` of them in `span`.  REQUIRES: span > 0
Ticks ticks_for(double span, int count);

std::string duration(double seconds);             ///< "15.52 s", "812.3 ms"; "-" of none (NaN)
std::string gib(double bytes, int decimals = 1);  ///< "61.2" (GiB, without its name)
std::string percent(double fraction, int decimals = 1);  ///< "10.9 %"
std::string grouped(double number);                      ///< "1,234,567"; one decimal below 100
std::string grouped_count(std::int64_t number);          ///< "1,234,567" and "20": of whole things

enum class Ink { kTitle, kGood, kBad, kDim, kBar };

/// Text in colour where the style has colour, plain otherwise.
std::string paint(std::string_view text, Ink ink, const TextStyle& style);

/// A bar of `fraction` of `width` columns, in eighths of a column (whole '#' in ASCII).
std::string bar(double fraction, int width, const TextStyle& style);

/// Replaces the signs that the reports use beyond ASCII (µ, …, ·, bars) by ASCII ones.
std::string plain_ascii(std::string_view text);

/// A heading line: "Where the time goes ────────".
std::string heading(std::string_view title, const TextStyle& style);

/// A name and what there is to say of it, wrapped beside it: "  engine     5,120 tasks, ...".
std::string fact(std::string_view name, std::string_view text, const TextStyle& style);

/// Lays cells out in columns two blanks apart; `right` marks right-aligned columns.
class Columns {
 public:
  explicit Columns(std::vector<bool> right) : right_(std::move(right)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// The rows, indented by two blanks.  What does not fit the style's width is wrapped inside a
  /// left-aligned last column that keeps 24 columns or more, and clipped otherwise.
  std::string text(const TextStyle& style) const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace plumbline
