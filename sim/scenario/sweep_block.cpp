#include "sim/scenario/sweep_block.h"

namespace plumbline {
namespace {

bool is_plain(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  return text.find_first_of(",[]{}\"'#&*!|>%@`\n") == std::string::npos &&
         text.find(": ") == std::string::npos && text.back() != ':';
}

/// A value as YAML on one line.
std::string flow(const YamlNode& node) {
  std::string text;
  if (node.is_map()) {
    for (const auto& [key, value] : node.entries()) {
      text += (text.empty() ? "" : ", ") + key + ": " + flow(value);
    }
    return "{" + text + "}";
  }
  if (node.is_list()) {
    for (const YamlNode& item : node.items()) text += (text.empty() ? "" : ", ") + flow(item);
    return "[" + text + "]";
  }
  const std::string scalar = node.text().value_or("null");
  if (is_plain(scalar)) return scalar;
  for (const char c : scalar) text += c == '\'' ? std::string("''") : std::string(1, c);
  return "'" + text + "'";
}

}  // namespace

SweepBlock read_sweep_block(const YamlNode& node) {
  SweepBlock block;
  if (!node.present()) return block;
  node.allow_keys({"over", "where"});
  if (!node.is_map()) return block;
  for (const auto& [path, values] : node.required("over").entries()) {
    std::string text;
    if (values.is_list()) {
      for (const YamlNode& value : values.items()) {
        if (!text.empty()) text += ',';
        text += flow(value);
      }
      if (text.empty()) values.problem("is an empty list");
    } else {
      text = values.is_map() ? flow(values) : values.text().value_or("");  // one value, or a range
      if (text.empty()) values.problem("has no values", "a list, or a range as 1:32:x2");
    }
    block.over.emplace_back(path, text);
  }
  const YamlNode where = node.child("where");
  const auto add = [&](const YamlNode& condition) {
    if (const auto text = condition.text()) block.where.emplace_back(*text, condition.location());
  };
  if (where.is_list()) {
    for (const YamlNode& condition : where.items()) add(condition);
  } else if (where.present()) {
    add(where);
  }
  return block;
}

std::optional<SweepBlock> read_sweep_block(const std::string& path) {
  Diagnostics problems;
  const YamlNode root = YamlNode::load(path, problems);
  problems.throw_if_any();
  if (!root.is_map() || !root.child("sweep").present()) return std::nullopt;
  SweepBlock block = read_sweep_block(root.child("sweep"));
  problems.throw_if_any();
  return block;
}

bool states_serving(const std::string& path) {
  Diagnostics problems;
  const YamlNode root = YamlNode::load(path, problems);
  return problems.empty() && root.is_map() && root.child("serving").present();
}

}  // namespace plumbline
