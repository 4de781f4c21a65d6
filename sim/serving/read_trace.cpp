// Request traces in the layouts of those who publish them.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sim/core/diagnostic.h"
#include "sim/serving/traffic.h"

namespace plumbline {
namespace {

using Fields = std::vector<std::string_view>;

/// Commas separate; quotes and brackets keep theirs.
void split(std::string_view line, Fields& out) {
  out.clear();
  std::size_t begin = 0;
  bool quoted = false;
  int depth = 0;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size()) {
      if (line[i] == '"') quoted = !quoted;
      if (line[i] == '[') ++depth;
      if (line[i] == ']') --depth;
      if (line[i] != ',' || quoted || depth > 0) continue;
    }
    std::string_view field = line.substr(begin, i - begin);
    while (!field.empty() && (field.front() == ' ' || field.front() == '"')) field.remove_prefix(1);
    while (!field.empty() && (field.back() == ' ' || field.back() == '"' || field.back() == '\r'))
      field.remove_suffix(1);
    out.push_back(field);
    begin = i + 1;
  }
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

/// Days since 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
std::int64_t days(std::int64_t year, int month, int day) {
  year -= month <= 2;
  const std::int64_t era = year / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/// "2023-11-16 18:17:03.9799600" as seconds since 2000, the fraction exact to 100 ns.
std::optional<double> timestamp(std::string_view text) {
  if (text.size() < 19 || text[4] != '-' || text[13] != ':') return {};
  const auto part = [&](std::size_t at, std::size_t length) {
    int value = -1;
    std::from_chars(text.data() + at, text.data() + at + length, value);
    return value;
  };
  const int numbers[] = {part(0, 4), part(5, 2), part(8, 2), part(11, 2), part(14, 2), part(17, 2)};
  if (std::ranges::any_of(numbers, [](int value) { return value < 0; })) return {};
  const std::int64_t day = days(numbers[0], numbers[1], numbers[2]) - 10957;
  const auto whole =
      static_cast<double>(((day * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]);
  double fraction = 0;
  if (text.size() > 20 && text[19] == '.') {
    std::size_t end = 20;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    fraction = number("0" + std::string(text.substr(19, end - 19))).value_or(0);
  }
  return whole + fraction;
}

struct Layout {
  std::string_view arrival, prompt, output;
  double seconds = 1;  ///< of a unit of the arrival column
  bool dates = false;
  bool relative = false;  ///< the first arrival is time 0
};

constexpr std::array kLayouts{
    Layout{"arrival_s", "prompt_tokens", "output_tokens"},
    Layout{"TIMESTAMP", "ContextTokens", "GeneratedTokens", 1, true, true},
    Layout{"Timestamp", "Request tokens", "Response tokens", 1, false, true},
    Layout{"timestamp", "input_length", "output_length", 1e-3, false, true},
};

class TraceReader {
 public:
  TraceReader(const std::string& path, std::int64_t limit) : path_(path), limit_(limit) {}

  struct Row {
    double arrival_s;
    Request request;
  };

  std::vector<Row> read(Requests& requests) {
    std::ifstream file(path_);
    if (!file) {
      problem(0, "cannot be read", "");
      throw InputError(std::move(problems_));
    }
    std::vector<Row> rows;
    std::string line;
    Fields fields;
    for (int number = 1; std::getline(file, line) && problems_.size() < 20; ++number) {
      split(line, fields);
      if (number == 1) {
        header(fields);
        continue;
      }
      if (line.empty() || line == "\r") continue;
      if (limit_ > 0 && static_cast<std::int64_t>(rows.size()) == limit_) break;
      row(fields, number, rows, requests);
    }
    if (rows.empty() && problems_.empty()) problem(1, "has no request", "");
    if (!problems_.empty()) throw InputError(std::move(problems_));
    if (layout_->relative) {
      double first = rows.front().arrival_s;
      for (const Row& row : rows) first = std::min(first, row.arrival_s);
      for (Row& row : rows) row.arrival_s -= first;
    }
    return rows;
  }

 private:
  void problem(int line, std::string what, std::string hint) {
    problems_.push_back({{path_, line, line > 0 ? 1 : 0},
                         "serving.requests.trace",
                         std::move(what),
                         std::move(hint)});
  }

  std::size_t column(const Fields& names, std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  }

  void header(const Fields& names) {
    for (const Layout& layout : kLayouts) {
      const std::size_t columns[] = {column(names, layout.arrival), column(names, layout.prompt),
                                     column(names, layout.output)};
      if (std::ranges::any_of(columns, [&](std::size_t c) { return c == names.size(); })) continue;
      layout_ = &layout;
      arrival_ = columns[0];
      prompt_ = columns[1];
      output_ = columns[2];
      prefix_ = column(names, "prefix_id");
      prefix_tokens_ = column(names, "prefix_tokens");
      session_ = column(names, "session");
      hashes_ = column(names, "hash_ids");
      width_ = names.size();
      return;
    }
    problem(1, "no trace has these columns",
            "arrival_s,prompt_tokens,output_tokens; Azure's, BurstGPT's and Mooncake's are known");
    throw InputError(std::move(problems_));
  }

  std::uint32_t id(std::string_view text) {
    if (text.empty()) return 0;
    return ids_.try_emplace(std::string(text), static_cast<std::uint32_t>(ids_.size() + 1))
        .first->second;
  }

  void row(const Fields& fields, int line, std::vector<Row>& rows, Requests& requests) {
    if (fields.size() != width_) {
      problem(
          line,
          "has " + std::to_string(fields.size()) + " fields, the header " + std::to_string(width_),
          "");
      return;
    }
    const auto when = layout_->dates ? timestamp(fields[arrival_]) : number(fields[arrival_]);
    const auto prompt = number(fields[prompt_]), output = number(fields[output_]);
    const auto whole = [](const std::optional<double>& value, double low) {
      return value && *value >= low && *value <= 1e9 && *value == std::floor(*value);
    };
    if (!when || (*when < 0 && !layout_->dates) || !whole(prompt, 0) || !whole(output, 0)) {
      problem(line,
              "is no request: arrival '" + std::string(fields[arrival_]) + "', prompt '" +
                  std::string(fields[prompt_]) + "', output '" + std::string(fields[output_]) + "'",
              "");
      return;
    }
    if (*output == 0 || *prompt == 0) return;
    Row& made = rows.emplace_back(Row{*when * layout_->seconds, Request{}});
    made.request.prompt_tokens = static_cast<std::int32_t>(*prompt);
    made.request.output_tokens = static_cast<std::int32_t>(*output);
    if (prefix_ < width_ && prefix_tokens_ < width_) {
      const auto shared = number(fields[prefix_tokens_]);
      if (!fields[prefix_tokens_].empty() && !whole(shared, 0)) {
        problem(line, "prefix_tokens is no number of tokens", "");
      }
      made.request.prefix = id(fields[prefix_]);
      made.request.prefix_tokens = static_cast<std::int32_t>(std::min(shared.value_or(0), *prompt));
    }
    if (session_ < width_) made.request.session = id(fields[session_]);
    if (hashes_ < width_) read_hashes(fields[hashes_], made.request, requests);
  }

  void read_hashes(std::string_view text, Request& request, Requests& requests) {
    request.first_hash = static_cast<std::uint32_t>(requests.hashes.size());
    for (std::size_t i = 0; i < text.size() && request.hashes < 65535;) {
      std::uint32_t value = 0;
      const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), value);
      if (error == std::errc()) {
        requests.hashes.push_back(value + 1);
        ++request.hashes;
        i = static_cast<std::size_t>(end - text.data());
      } else {
        ++i;
      }
    }
  }

  std::string path_;
  std::int64_t limit_;
  const Layout* layout_ = nullptr;
  std::size_t arrival_ = 0, prompt_ = 0, output_ = 0, prefix_ = 0, prefix_tokens_ = 0, session_ = 0,
              hashes_ = 0, width_ = 0;
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::vector<Diagnostic> problems_;
};

}  // namespace

Requests read_trace(const std::string& path, double time_scale, std::int64_t limit) {
  Requests requests;
  std::vector<TraceReader::Row> rows = TraceReader(path, limit).read(requests);
  std::ranges::stable_sort(rows, {}, &TraceReader::Row::arrival_s);
  requests.list.reserve(rows.size());
  for (TraceReader::Row& row : rows) {
    row.request.arrival = to_sim_time(Seconds(row.arrival_s * time_scale));
    requests.list.push_back(row.request);
  }
  return requests;
}

}  // namespace plumbline
