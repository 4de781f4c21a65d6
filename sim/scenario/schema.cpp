#include "sim/scenario/schema.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "sim/scenario/keys.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kUnbounded = std::numeric_limits<double>::max();

std::string_view name_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

bool is_child(std::string_view path, std::string_view parent) {
  if (parent.empty()) return path.find('.') == std::string_view::npos;
  return path.size() > parent.size() && path.starts_with(parent) && path[parent.size()] == '.' &&
         path.find('.', parent.size() + 1) == std::string_view::npos;
}

Json number_of(double value) {
  if (std::trunc(value) == value && std::abs(value) < 1e15) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

Json range(const char* type, const Key& key) {
  Json schema{{"type", type}, {"minimum", number_of(key.low)}};
  if (key.high < kUnbounded) schema["maximum"] = number_of(key.high);
  return schema;
}

Json words_of(const Key& key) {
  Json words = Json::array();
  for (const std::string_view word : key.words) words.push_back(word);
  return words;
}

std::string description(const Key& key) {
  std::string text(key.doc);
  if (!key.otherwise.empty()) text += " Default: " + std::string(key.otherwise) + ".";
  return text;
}

Json object_of(std::string_view path);

/// One way to write a key.
Json alternative(const Key& key) {
  Json schema;
  switch (key.type) {
    case KeyType::kText:
      schema = {{"type", "string"}};
      break;
    case KeyType::kInteger:
      schema = range("integer", key);
      break;
    case KeyType::kNumber:
      schema = range("number", key);
      break;
    case KeyType::kBoolean:
      schema = {{"type", "boolean"}};
      break;
    case KeyType::kWord:
      schema = {{"type", "string"}, {"enum", words_of(key)}};
      break;
    case KeyType::kWordList:
      schema = {{"type", "array"}, {"items", {{"type", "string"}, {"enum", words_of(key)}}}};
      break;
    case KeyType::kIntegerList:
      schema = {{"type", "array"}, {"items", range("integer", key)}};
      break;
    case KeyType::kNumberList:
      schema = {{"type", "array"}, {"items", range("number", key)}};
      break;
    case KeyType::kMapping:
      schema = object_of(key.path);
      break;
  }
  schema["description"] = description(key);
  if (!key.fallback.empty()) {
    const bool bare = key.type != KeyType::kWord && key.type != KeyType::kText;
    schema["default"] = bare ? Json::parse(key.fallback) : Json(key.fallback);
  }
  return schema;
}

Json object_of(std::string_view path) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Key& key : all_keys()) {
    const std::string name(name_of(key.path));
    if (!is_child(key.path, path) || properties.contains(name)) continue;
    std::vector<Json> ways;
    for (const Key& way : all_keys()) {
      if (way.path == key.path) ways.push_back(alternative(way));
    }
    properties[name] = ways.size() == 1 ? ways.front() : Json{{"anyOf", ways}};
    if (key.required) required.push_back(name);
  }
  Json schema{{"type", "object"}};
  if (properties.empty()) return schema;  // a model's dimensions, which models/ knows
  schema["properties"] = properties;
  schema["additionalProperties"] = false;
  if (!required.empty()) schema["required"] = required;
  return schema;
}

/// A text that completes to `names` but may be anything (an alias, a path).
void suggest(Json& schema, std::span<const std::string_view> names) {
  Json words = Json::array();
  for (const std::string_view name : names) words.push_back(name);
  schema["examples"] = std::move(words);
}

std::string type_of(const Key& key) {
  const auto words = [&] {
    std::string text;
    for (const std::string_view word : key.words) {
      text += (text.empty() ? "" : " \\| ") + std::string(word);
    }
    return text;
  };
  switch (key.type) {
    case KeyType::kText:
      return "text";
    case KeyType::kInteger:
      return "integer";
    case KeyType::kNumber:
      return "number";
    case KeyType::kBoolean:
      return "true \\| false";
    case KeyType::kWord:
      return words();
    case KeyType::kWordList:
      return "list of " + words();
    case KeyType::kIntegerList:
      return "list of integers";
    case KeyType::kNumberList:
      return "list of numbers";
    case KeyType::kMapping:
      return "mapping";
  }
  return {};
}

}  // namespace

std::string scenario_schema(std::span<const std::string_view> schedules,
                            std::span<const std::string_view> software) {
  Json schema{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"$id", "plumbline.scenario/1"},
      {"title", "Plumbline scenario"},
      {"description", "A training step, or a model that serves; see sim/scenario/README.md."}};
  schema.update(object_of(""));
  schema["oneOf"] = {{{"required", {"training"}}}, {{"required", {"serving"}}}};
  Json& properties = schema["properties"];
  suggest(properties["schedule"]["anyOf"][0], schedules);
  suggest(properties["schedule"]["anyOf"][1]["properties"]["name"], schedules);
  suggest(properties["training"]["properties"]["software"], software);
  return schema.dump(2) + "\n";
}

std::string scenario_reference() {
  std::string text =
      "# What a scenario may say\n\n"
      "Printed from the table in keys.cpp by `plumbline schema --format markdown`; a test holds "
      "the two together.\nAn unknown key is an error. Paths are relative to the scenario's file, "
      "those of `--set` to the working\ndirectory. A default that a run rests on is listed among "
      "its assumptions.\n\n"
      "| key | what it takes | default | meaning |\n|---|---|---|---|\n";
  for (const Key& key : all_keys()) {
    std::string fallback(key.fallback.empty() ? key.otherwise : key.fallback);
    if (key.required) fallback = "**required**";
    text += "| `" + std::string(key.path) + "` | " + type_of(key) + " | " + fallback + " | " +
            std::string(key.doc) + " |\n";
  }
  return text;
}

}  // namespace plumbline
