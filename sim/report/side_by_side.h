// Results in columns: the first one's values, then each other's with its difference.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/report/report.h"
#include "sim/report/text.h"

namespace plumbline {

/// "+3.2 %"; "" where there is nothing to compare with.
std::string relative_difference(double value, double base);

/// "+0.46"; "0" where nothing of it shows.
std::string signed_difference(double difference, int decimals);

/// Long names would squeeze the columns: such runs are called A, B, C, ... instead.
std::vector<std::string> short_names(const std::vector<std::string>& names);

/// "  A  the long name" for every run that was renamed, a line each.
std::string legend_of(const std::vector<std::string>& names,
                      const std::vector<std::string>& short_names, int width);

/// Columns: a name, the first run's value, then value and difference of each other run.
class SideBySide {
 public:
  /// @param names  of the runs, short
  SideBySide(const std::vector<std::string>& names, const TextStyle& style);

  /// @param values  of each run; `text` tells one, `difference` a value's from the first one's
  template <typename Text, typename Difference>
  void row(std::string_view name, const std::vector<double>& values, Text text,
           Difference difference) {
    std::vector<std::string> cells = {std::string(name), text(values[0])};
    for (std::size_t i = 1; i < values.size(); ++i) {
      cells.push_back(text(values[i]));
      cells.push_back(difference(values[i], values[0]));
    }
    columns_.add(std::move(cells));
  }
  /// A row of plain numbers; left out where all are zero.
  void numbers(std::string_view name, const std::vector<double>& values, int decimals);

  std::string text() const { return columns_.text(style_); }

 private:
  Columns columns_;
  TextStyle style_;
};

}  // namespace plumbline
