// The tree behind a YamlNode: built once from yaml-cpp's parser events, so that every value keeps
// its place and a duplicate key is seen (yaml-cpp's own nodes drop one of the two silently).
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/diagnostic.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline::yaml {

enum class Kind { kNull, kScalar, kList, kMap };

struct Value;

struct Entry {
  std::string key;  ///< "" for an item of a list
  SourceLocation key_at;
  Value* value = nullptr;
};

struct Value {
  Kind kind = Kind::kNull;
  bool plain = true;         ///< not quoted: may be read as a number or a truth value
  bool shared = false;       ///< reached through an anchor as well; `set` copies it first
  std::size_t expanded = 1;  ///< values below and including this one, aliases written out
  std::string scalar;
  SourceLocation at;
  std::vector<Entry> entries;  ///< of a map or list, in file order

  Value* find(std::string_view key) const;
};

/// Owns the values of one file and of what `set` put into it.
struct Document {
  std::string file;
  Diagnostics* out = nullptr;
  std::deque<Value> values;  ///< a deque: addresses stay

  Value* add(Value value) {
    values.push_back(std::move(value));
    return &values.back();
  }
};

/// Parses `text` into `document` and returns its root, or nullptr after recording why not.
///
/// @param file   what locations say
/// @param lines  false: locations carry no line (values that `--set` states)
Value* parse_into(Document& document, const std::string& text, const std::string& file, bool lines,
                  const std::string& path);

/// The value as YAML; `blocks` levels of mappings are written as blocks, indented by `indent`.
std::string to_yaml(const Value& value, int blocks, int indent = 0);

}  // namespace plumbline::yaml
