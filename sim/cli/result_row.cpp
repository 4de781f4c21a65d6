#include "sim/cli/result_row.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "sim/report/report.h"
#include "sim/report/serving.h"

namespace plumbline {
namespace {

using Row = std::vector<std::pair<std::string, std::string>>;

/// Reads the numbers and nulls of a JSON document with their paths.  Only for what to_json wrote: a
/// sweep does this for every point, and a general reader takes longer than the simulation.
class Flattener {
 public:
  explicit Flattener(const std::string& json) : json_(json) {}
  Row row() {
    value();
    return std::move(row_);
  }

 private:
  char peek() {
    while (json_[here_] == ' ' || json_[here_] == '\n' || json_[here_] == ',') ++here_;
    return json_[here_];
  }
  std::string_view text() {
    const std::size_t begin = ++here_;
    for (; json_[here_] != '"'; ++here_) here_ += json_[here_] == '\\' ? 1 : 0;
    return std::string_view(json_).substr(begin, here_++ - begin);
  }
  void value() {
    switch (peek()) {
      case '{':
        object();
        break;
      case '[':
        skip_array();
        break;
      case '"':
        text();
        break;
      default:
        scalar();
    }
  }
  void object() {
    for (++here_; peek() != '}';) {
      const std::size_t length = path_.size();
      if (!path_.empty()) path_ += '.';
      path_ += text();
      ++here_;  // the colon
      value();
      path_.resize(length);
    }
    ++here_;
  }
  void skip_array() {
    int depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        text();
        continue;
      }
      depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
      ++here_;
    } while (depth > 0);
  }
  void scalar() {
    const std::size_t begin = here_;
    here_ = json_.find_first_of(",}] \n", begin);
    const std::string_view word = std::string_view(json_).substr(begin, here_ - begin);
    if (word == "true" || word == "false" || path_ == "engine.wall_s") return;
    row_.emplace_back(path_, word == "null" ? std::string_view() : word);
  }

  const std::string& json_;
  std::size_t here_ = 0;
  std::string path_;
  Row row_;
};

/// Lists are no columns, so they need not be written.
Row flat(Result result) {
  result.assumptions.clear();
  result.outside_calibration.operations.clear();
  result.training.ranks.clear();
  result.training.critical_path.clear();
  result.training.sensitivities.clear();
  return Flattener(to_json(result)).row();
}

Row flat(Result result, ServingResult serving) {
  result.assumptions.clear();
  result.outside_calibration.operations.clear();
  serving.cache_over_time.clear();
  serving.stages.clear();
  serving.stage_memory.clear();
  return Flattener(serving_json(result, serving)).row();
}

/// The values of `keys`. Both are in the order of the document; a key may be missing where its
/// value is a list or does not apply.
std::vector<std::string> values_of(const std::vector<std::string>& keys, Row row) {
  std::vector<std::string> values(keys.size());
  std::size_t at = 0;
  for (std::size_t key = 0; key < keys.size(); ++key) {
    const auto found = std::find_if(row.begin() + static_cast<std::ptrdiff_t>(at), row.end(),
                                    [&](const auto& cell) { return cell.first == keys[key]; });
    if (found == row.end()) continue;
    values[key] = std::move(found->second);
    at = static_cast<std::size_t>(found - row.begin()) + 1;
  }
  return values;
}

}  // namespace

std::vector<std::string> result_keys() {
  std::vector<std::string> keys;
  for (auto& cell : flat(Result{})) keys.push_back(std::move(cell.first));
  return keys;
}

std::vector<std::string> result_values(Result result) {
  static const std::vector<std::string> keys = result_keys();
  return values_of(keys, flat(std::move(result)));
}

std::vector<std::string> serving_keys(bool max_rate) {
  ServingResult all;  // with every key that a result may lack
  all.usd_per_million_output_tokens = 0;
  all.kwh_per_million_output_tokens_at_power_limit = 0;
  all.transfers = 1;
  all.swap.emplace();
  if (max_rate) all.max_rate.emplace();
  std::vector<std::string> keys;
  for (auto& cell : flat(Result{}, all)) keys.push_back(std::move(cell.first));
  return keys;
}

std::vector<std::string> serving_values(Result result, ServingResult serving, bool max_rate) {
  static const std::vector<std::string> plain = serving_keys(false), searched = serving_keys(true);
  return values_of(max_rate ? searched : plain, flat(std::move(result), std::move(serving)));
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace plumbline
