// Layout helpers; see text.h.
#include "sim/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

namespace plumbline {
namespace {

/// A wrapped column narrower than this reads worse than a clipped one.
constexpr int kNarrowestWrap = 24;

/// Length of the ANSI escape that starts at `at`, 0 where none does.
std::size_t escape_length(std::string_view text, std::size_t at) {
  if (text[at] != '\x1b') return 0;
  const std::size_t end = text.find('m', at);
  return end == std::string_view::npos ? 0 : end + 1 - at;
}

bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// Calls `visit(byte position)` at each code point that takes a column.
template <typename Visit>
void for_each_column(std::string_view text, Visit visit) {
  for (std::size_t i = 0; i < text.size();) {
    if (const std::size_t escape = escape_length(text, i); escape > 0) {
      i += escape;
      continue;
    }
    if (starts_code_point(text[i])) visit(i);
    ++i;
  }
}

}  // namespace

int display_width(std::string_view text) {
  int columns = 0;
  for_each_column(text, [&](std::size_t) { ++columns; });
  return columns;
}

std::string clip(std::string_view text, int width) {
  if (display_width(text) <= width) return std::string(text);
  if (width < 1) return "";
  int columns = 0;
  std::size_t end = text.size();
  for_each_column(text, [&](std::size_t at) {
    if (columns++ == width - 1) end = at;
  });
  const bool coloured = text.find('\x1b') != std::string_view::npos;
  return std::string(text.substr(0, end)).append("…").append(coloured ? "\x1b[0m" : "");
}

std::string pad_left(std::string_view text, int width) {
  return std::string(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ')
      .append(text);
}

std::string pad_right(std::string_view text, int width) {
  return std::string(text).append(
      static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
}

std::vector<std::string> wrap(std::string_view text, int width) {
  std::vector<std::string> lines(1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (display_width(line) + 1 + display_width(word) <= width) {
      line.append(" ").append(word);
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

TimeUnit unit_for(double largest_s) {
  const double size = std::abs(largest_s);
  if (size >= 100) return {1, "s", 1};
  if (size >= 10) return {1, "s", 2};
  if (size >= 1 || size == 0) return {1, "s", 3};
  if (size >= 0.1) return {1e-3, "ms", 1};
  if (size >= 1e-3) return {1e-3, "ms", 2};
  return {1e-6, "µs", 2};
}

std::string in_unit(double seconds, const TimeUnit& unit) {
  return fmt::format("{:.{}f}", seconds / unit.seconds, unit.decimals);
}

Ticks ticks_for(double span, int count) {
  const double rough = span / count;
  const int exponent = static_cast<int>(std::floor(std::log10(rough) + 1e-9));
  const double power = std::pow(10.0, exponent);
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) return {factor * power, std::max(0, -exponent)};
  }
  return {10 * power, std::max(0, -exponent - 1)};
}

std::string duration(double seconds) {
  if (std::isnan(seconds)) return "-";  // the mean of nothing
  const TimeUnit unit = unit_for(seconds);
  return fmt::format("{} {}", in_unit(seconds, unit), unit.suffix);
}

std::string gib(double bytes, int decimals) {
  return fmt::format("{:.{}f}", bytes / 1073741824.0, decimals);
}

std::string percent(double fraction, int decimals) {
  return fmt::format("{:.{}f} %", 100 * fraction, decimals);
}

std::string grouped(double number) {
  if (std::abs(number) < 100) return fmt::format("{:.1f}", number);
  return grouped_count(std::llround(number));
}

std::string grouped_count(std::int64_t number) {
  const std::string plain = std::to_string(number);
  std::string digits;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::size_t to_come = plain.size() - i;
    if (i > 0 && plain[i - 1] != '-' && to_come % 3 == 0) digits += ',';
    digits += plain[i];
  }
  return digits;
}

std::string paint(std::string_view text, Ink ink, const TextStyle& style) {
  if (!style.colour) return std::string(text);
  constexpr std::array<std::string_view, 5> kCodes = {"1", "32", "1;31", "2", "36"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(ink)], text);
}

std::string bar(double fraction, int width, const TextStyle& style) {
  fraction = std::clamp(fraction, 0.0, 1.0);
  if (style.ascii) {
    return std::string(static_cast<std::size_t>(std::lround(fraction * width)), '#');
  }
  constexpr std::array<std::string_view, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  // A part that is there shows at least a sliver.
  const long eighths = std::max(std::lround(fraction * width * 8), fraction > 0 ? 1L : 0L);
  std::string blocks;
  for (long i = 0; i < eighths / 8; ++i) blocks += "█";
  blocks += kEighths[static_cast<std::size_t>(eighths % 8)];
  return paint(blocks, Ink::kBar, style);
}

std::string plain_ascii(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kSigns[] = {
      {"µ", "u"}, {"…", "~"}, {"·", "."}, {"•", "-"}, {"─", "-"}, {"█", "#"}};
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto sign = std::ranges::find_if(
        kSigns, [&](const auto& entry) { return text.substr(i).starts_with(entry.first); });
    if (sign == std::end(kSigns)) {
      out += text[i++];
    } else {
      out += sign->second;
      i += sign->first.size();
    }
  }
  return out;
}

std::string heading(std::string_view title, const TextStyle& style) {
  const int rule = std::max(2, style.width - display_width(title) - 1);
  std::string line;
  for (int i = 0; i < rule; ++i) line += style.ascii ? "-" : "─";
  return fmt::format("\n{} {}\n", paint(title, Ink::kTitle, style), paint(line, Ink::kDim, style));
}

std::string fact(std::string_view name, std::string_view text, const TextStyle& style) {
  std::string out;
  std::string label = paint(pad_right(name, 11), Ink::kDim, style);
  for (const std::string& line : wrap(text, style.width - 13)) {
    out += fmt::format("  {}{}\n", label, line);
    label = std::string(11, ' ');
  }
  return out;
}

std::string Columns::text(const TextStyle& style) const {
  std::vector<int> widths(right_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], display_width(row[c]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    int at = 0;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += "  ";
      at += 2;
      const int room = style.width - at;
      const bool wraps = c + 1 == right_.size() && !right_[c] && room >= kNarrowestWrap;
      if (wraps && display_width(row[c]) > room) {
        std::string margin = "\n";
        margin.append(static_cast<std::size_t>(at), ' ');
        const std::vector<std::string> lines = wrap(row[c], room);
        for (std::size_t i = 0; i < lines.size(); ++i) {
          if (i > 0) out += line + margin;
          line = i > 0 ? lines[i] : line + lines[i];
        }
        at = 0;
        continue;
      }
      line += right_[c] ? pad_left(row[c], widths[c]) : pad_right(row[c], widths[c]);
      at += widths[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += (at > 0 ? clip(line, style.width) : line) + "\n";
  }
  return out;
}

}  // namespace plumbline
