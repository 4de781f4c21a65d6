// Values back to text.
#include <cctype>

#include "sim/yaml/document.h"

namespace plumbline::yaml {
namespace {

/// Whether a scalar reads back as itself without quotes, in flow mappings too.
bool needs_quotes(const Value& value) {
  const std::string& text = value.scalar;
  if (!value.plain || text.empty()) return true;
  if (std::isspace(static_cast<unsigned char>(text.front())) ||
      std::isspace(static_cast<unsigned char>(text.back()))) {
    return true;
  }
  if (std::string_view("-?!&*|>%@`").find(text.front()) != std::string_view::npos) {
    return text.size() < 2 || text.front() != '-' || text[1] == ' ';
  }
  return text.find_first_of("[]{},:#\"'\\\n\t") != std::string::npos;
}

std::string scalar_text(const Value& value) {
  if (!needs_quotes(value)) return value.scalar;
  std::string quoted = "\"";
  for (const char c : value.scalar) {
    if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string flow_text(const Value& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kScalar:
      return scalar_text(value);
    case Kind::kList:
    case Kind::kMap:
      break;
  }
  const bool map = value.kind == Kind::kMap;
  std::string text = map ? "{" : "[";
  for (const Entry& entry : value.entries) {
    if (map && entry.value->kind == Kind::kNull) continue;
    if (text.size() > 1) text += ", ";
    if (map) text += entry.key + ": ";
    text += flow_text(*entry.value);
  }
  return text + (map ? "}" : "]");
}

}  // namespace

std::string to_yaml(const Value& value, int blocks, int indent) {
  if (value.kind != Kind::kMap || value.entries.empty() || blocks == 0) return flow_text(value);
  std::string text;
  for (const Entry& entry : value.entries) {
    if (entry.value->kind == Kind::kNull) continue;
    text.append(static_cast<std::size_t>(indent), ' ').append(entry.key).append(":");
    const bool block =
        blocks > 1 && entry.value->kind == Kind::kMap && !entry.value->entries.empty();
    text.append(block ? "\n" : " ");
    text.append(block ? to_yaml(*entry.value, blocks - 1, indent + 2) : flow_text(*entry.value));
    if (!block) text.append("\n");
  }
  return text;
}

}  // namespace plumbline::yaml
