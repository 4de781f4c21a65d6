#include "sim/cli/sweep_axes.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "sim/cli/scenario_option.h"

namespace plumbline {
namespace {

constexpr std::size_t kMostValues = 1'000'000;
constexpr std::size_t kMostPoints = 10'000'000;

[[noreturn]] void refuse(std::string problem, std::string hint) {
  throw InputError({option_problem("--over", std::move(problem), std::move(hint))});
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  char quote = '\0';
  for (const char c : text) {
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth == 0) {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
  }
  return parts;
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string shortest(double value) {
  char text[32];
  const auto format = std::trunc(value) == value && std::abs(value) < 1e15
                          ? std::chars_format::fixed
                          : std::chars_format::general;
  return {text, std::to_chars(text, text + sizeof text, value, format).ptr};
}

/// The values of A:B[:xK|:+K], or nullopt where the text is no range.
std::optional<std::vector<std::string>> range(const std::string& text) {
  const std::size_t first = text.find(':');
  if (first == std::string::npos) return std::nullopt;
  const std::size_t second = text.find(':', first + 1);
  const auto low = number(text.substr(0, first));
  const auto high = number(text.substr(first + 1, second - first - 1));
  if (!low || !high) return std::nullopt;
  const std::string step = second == std::string::npos ? "+1" : text.substr(second + 1);
  const auto by = step.empty() ? std::nullopt : number(step.substr(1));
  const bool factor = step.starts_with('x');
  if (!by || (!factor && !step.starts_with('+')) || (factor ? *by <= 1 || *low <= 0 : *by <= 0)) {
    refuse("'" + step + "' is no step of a range", "x2 doubles, +2 adds two");
  }
  std::vector<std::string> values;
  // Multiples of the step, not a running sum: 0:1:+0.1 ends at 1.
  for (std::size_t i = 0; values.size() <= kMostValues; ++i) {
    const double k = static_cast<double>(i);
    const double value = factor ? *low * std::pow(*by, k) : *low + *by * k;
    if (value > *high * (*high > 0 ? 1 + 1e-12 : 1 - 1e-12)) break;
    values.push_back(shortest(value));
  }
  if (values.size() > kMostValues) refuse("'" + text + "' has more than a million values", "");
  return values;
}

}  // namespace

SweepAxis parse_axis(const std::string& word) {
  auto [path, text] = split_assignment("--over", word);
  SweepAxis axis{path, {}};
  if (auto values = range(text)) {
    axis.values = *std::move(values);
    if (axis.values.empty()) refuse("'" + text + "' is an empty range", "the lower end goes first");
    return axis;
  }
  axis.values = split(text);
  for (const std::string& value : axis.values) {
    if (value.empty()) refuse("'" + word + "' has an empty value", "PATH=V1,V2,... or PATH=A:B:x2");
  }
  return axis;
}

std::vector<std::string> short_values(const std::vector<std::string>& values) {
  constexpr std::size_t kLong = 28;
  std::vector<std::string> shorter;
  for (const std::string& value : values) {
    if (!value.starts_with("{") || !value.ends_with("}")) {
      shorter.push_back(value);
      continue;
    }
    const std::string inside = value.substr(1, value.size() - 2);
    shorter.push_back(inside.size() > kLong ? inside.substr(0, inside.find(',')) : inside);
  }
  const std::set<std::string> different(shorter.begin(), shorter.end());
  return different.size() == values.size() ? shorter : values;
}

SweepProduct::SweepProduct(std::vector<SweepAxis> axes) : axes_(std::move(axes)) {
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (axes_[i].path == axes_[j].path) refuse("sweeps " + axes_[i].path + " twice", "");
    }
    if (size_ > kMostPoints / axes_[i].values.size()) {
      refuse("the product has more than ten million points", "");
    }
    size_ *= axes_[i].values.size();
  }
}

std::vector<Override> SweepProduct::point(std::size_t index) const {
  std::vector<Override> point(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0;) {
    const std::vector<std::string>& values = axes_[i].values;
    point[i] = {axes_[i].path, values[index % values.size()]};
    index /= values.size();
  }
  return point;
}

}  // namespace plumbline
