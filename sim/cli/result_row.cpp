#include "sim/cli/result_row.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sim/report/report.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::pair<std::string, std::string>>;

void flatten(const Json& json, const std::string& path, Row& row) {
  for (const auto& [key, value] : json.items()) {
    const std::string here = path.empty() ? key : path + "." + key;
    if (value.is_object()) flatten(value, here, row);
    if (value.is_number() || value.is_null()) {
      if (here != "engine.wall_s") row.emplace_back(here, value.is_null() ? "" : value.dump());
    }
  }
}

Row flat(const Result& result) {
  Row row;
  flatten(Json::parse(to_json(result)), {}, row);
  return row;
}

}  // namespace

std::vector<std::string> result_keys() {
  std::vector<std::string> keys;
  for (auto& cell : flat(Result{})) keys.push_back(std::move(cell.first));
  return keys;
}

std::vector<std::string> result_values(const Result& result) {
  const Row row = flat(result);
  std::vector<std::string> values;
  for (const std::string& key : result_keys()) {
    const auto found = std::ranges::find(row, key, &Row::value_type::first);
    values.push_back(found == row.end() ? std::string() : found->second);
  }
  return values;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace plumbline
