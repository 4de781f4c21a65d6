#include "sim/report/side_by_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace plumbline {
namespace {

std::vector<bool> alignment(std::size_t runs) {
  std::vector<bool> right(2 * runs, true);
  right[0] = false;
  return right;
}

}  // namespace

std::string relative_difference(double value, double base) {
  if (base == 0) return "";
  return fmt::format("{:+.1f} %", 100 * (value / base - 1));
}

std::string signed_difference(double difference, int decimals) {
  std::string text = fmt::format("{:+.{}f}", difference, decimals);
  return text.find_first_not_of("+-0.") == std::string::npos ? "0" : text;
}

std::vector<std::string> short_names(const std::vector<std::string>& names) {
  constexpr int kLongest = 16;
  const bool fit = std::ranges::all_of(
      names, [](const std::string& name) { return display_width(name) <= kLongest; });
  if (fit) return names;
  std::vector<std::string> letters;
  for (std::size_t i = 0; i < names.size(); ++i) {
    letters.push_back(i < 26 ? std::string(1, static_cast<char>('A' + i))
                             : fmt::format("#{}", i + 1));
  }
  return letters;
}

std::string legend_of(const std::vector<std::string>& names,
                      const std::vector<std::string>& short_names, int width) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && short_names[i] != names[i]; ++i) {
    out += clip(fmt::format("  {}  {}", short_names[i], names[i]), width) + "\n";
  }
  return out.empty() ? out : out + "\n";
}

SideBySide::SideBySide(const std::vector<std::string>& names, const TextStyle& style)
    : columns_(alignment(names.size())), style_(style) {
  const int room = (style.width - 18) / static_cast<int>(2 * names.size() - 1) - 2;
  std::vector<std::string> cells = {""};
  for (std::size_t i = 0; i < names.size(); ++i) {
    cells.push_back(clip(names[i], std::max(8, std::min(room, 24))));
    if (i > 0) cells.push_back("");
  }
  columns_.add(std::move(cells));
}

void SideBySide::numbers(std::string_view name, const std::vector<double>& values, int decimals) {
  if (std::ranges::all_of(values, [](double v) { return v == 0; })) return;
  row(
      name, values, [=](double v) { return fmt::format("{:.{}f}", v, decimals); },
      [=](double a, double b) { return signed_difference(a - b, decimals); });
}

}  // namespace plumbline
