#include "sim/scenario/key_reader.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <map>
#include <utility>

namespace plumbline {
namespace {

// Blocks of the format that this version does not simulate; they are refused, never ignored.
constexpr std::array<std::pair<std::string_view, std::string_view>, 1> kNotYet{{
    {"cluster.groups", "mixed GPUs are not simulated by this version; describe one kind"},
}};

std::string_view parent_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string_view last_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

/// A block of the table of keys, with the names that may stand in it.
struct Block {
  std::string_view path;
  std::vector<std::string_view> names;  // first those that are known, then those refused
  std::size_t known = 0;
  bool elsewhere = false;    // its own reader checks its keys
  bool another_way = false;  // it may also be written as a scalar or list
};

std::vector<Block> make_blocks() {
  std::map<std::string_view, std::vector<std::string_view>> children;
  for (const Key& key : all_keys()) {
    auto& names = children[parent_of(key.path)];
    if (std::ranges::find(names, last_of(key.path)) == names.end()) {
      names.push_back(last_of(key.path));
    }
  }
  std::vector<Block> blocks;
  for (const auto& [path, names] : children) {
    Block block{path, names, names.size()};
    for (const Key& key : all_keys()) {
      if (key.path != path) continue;
      block.elsewhere |= key.checked_elsewhere;
      block.another_way |= key.type != KeyType::kMapping;
    }
    for (const auto& [refused, why] : kNotYet) {
      if (parent_of(refused) == path) block.names.push_back(last_of(refused));
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

const std::vector<Block>& blocks() {
  static const std::vector<Block> all = make_blocks();
  return all;
}

/// Every path of the table.
const std::vector<std::string_view>& paths() {
  static const auto all = [] {
    std::vector<std::string_view> list;
    for (const Key& key : all_keys()) list.push_back(key.path);
    return list;
  }();
  return all;
}

/// The rows of the table by path and type.
const std::map<std::pair<std::string_view, KeyType>, const Key*>& rows() {
  static const auto all = [] {
    std::map<std::pair<std::string_view, KeyType>, const Key*> index;
    for (const Key& key : all_keys()) index.emplace(std::pair(key.path, key.type), &key);
    return index;
  }();
  return all;
}

}  // namespace

KeyReader::KeyReader(YamlNode root, std::vector<std::string>& assumptions)
    : root_(std::move(root)), assumptions_(assumptions) {
  check_keys();
}

void KeyReader::check_keys() const {
  for (const Block& table : blocks()) {
    const YamlNode block = node(table.path);
    if (block.present() && !block.is_map() && table.another_way) continue;
    // What is refused is known, but not what a misspelt word is compared with.
    const std::span<const std::string_view> all(table.names);
    if (block.is_map()) {
      for (const std::string_view name : all.subspan(table.known)) {
        const YamlNode value = block.child(name);
        if (!value.present()) continue;
        for (const auto& [refused, why] : kNotYet) {
          if (refused == value.path()) value.problem(std::string(why));
        }
      }
    }
    if (!table.elsewhere) block.allow_keys(all, paths());
  }
}

YamlNode KeyReader::node(std::string_view path) const {
  YamlNode here = root_;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    here = here.child(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return here;
}

void KeyReader::require(std::string_view path) const {
  const YamlNode value = node(path);
  if (value.present()) return;
  const YamlNode block = node(parent_of(path));
  if (block.is_map()) {
    value.problem("is missing");
  } else if (!block.present()) {
    block.problem("is missing");
  }
}

void KeyReader::assume(std::string_view path, const std::string& value,
                       const std::string& why) const {
  assumptions_.push_back(std::string(path) + ": " + value + " (" + why + ")");
}

const Key& KeyReader::row(std::string_view path, KeyType type) const {
  const auto it = rows().find({path, type});
  assert(it != rows().end());
  return *it->second;
}

bool KeyReader::present_or_assumed(const Key& key, const YamlNode& value) const {
  if (value.present()) return true;
  if (key.required) require(key.path);
  if (!key.fallback.empty() && !key.quiet) assume(key.path, std::string(key.fallback), "default");
  return false;
}

std::optional<std::string> KeyReader::text(std::string_view path) const {
  const Key& key = row(path, KeyType::kText);
  const YamlNode value = node(path);
  if (present_or_assumed(key, value)) return value.text();
  return key.fallback.empty() ? std::nullopt : std::optional(std::string(key.fallback));
}

std::optional<std::int64_t> KeyReader::integer(std::string_view path) const {
  const Key& key = row(path, KeyType::kInteger);
  const YamlNode value = node(path);
  if (present_or_assumed(key, value)) {
    return value.integer_in(static_cast<std::int64_t>(key.low),
                            static_cast<std::int64_t>(key.high));
  }
  if (key.fallback.empty()) return std::nullopt;
  return std::stoll(std::string(key.fallback));
}

std::optional<int> KeyReader::small_integer(std::string_view path) const {
  const auto value = integer(path);
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<double> KeyReader::number(std::string_view path) const {
  const Key& key = row(path, KeyType::kNumber);
  const YamlNode value = node(path);
  if (present_or_assumed(key, value)) return value.number_in(key.low, key.high);
  if (key.fallback.empty()) return std::nullopt;
  return std::stod(std::string(key.fallback));
}

std::optional<bool> KeyReader::boolean(std::string_view path) const {
  const Key& key = row(path, KeyType::kBoolean);
  const YamlNode value = node(path);
  if (present_or_assumed(key, value)) return value.boolean();
  return key.fallback.empty() ? std::nullopt : std::optional(key.fallback == "true");
}

std::optional<std::size_t> KeyReader::word(std::string_view path) const {
  const Key& key = row(path, KeyType::kWord);
  const YamlNode value = node(path);
  if (present_or_assumed(key, value)) return value.choice(key.words, last_of(path));
  if (key.fallback.empty()) return std::nullopt;
  return static_cast<std::size_t>(std::ranges::find(key.words, key.fallback) - key.words.begin());
}

std::vector<std::size_t> KeyReader::word_list(std::string_view path) const {
  const Key& key = row(path, KeyType::kWordList);
  std::vector<std::size_t> chosen;
  for (const YamlNode& item : node(path).items()) {
    if (const auto index = item.choice(key.words, last_of(path))) chosen.push_back(*index);
  }
  return chosen;
}

std::vector<int> KeyReader::integer_list(std::string_view path) const {
  const Key& key = row(path, KeyType::kIntegerList);
  std::vector<int> values;
  for (const YamlNode& item : node(path).items()) {
    const auto value =
        item.integer_in(static_cast<std::int64_t>(key.low), static_cast<std::int64_t>(key.high));
    if (value) values.push_back(static_cast<int>(*value));
  }
  return values;
}

std::vector<double> KeyReader::number_list(std::string_view path) const {
  const Key& key = row(path, KeyType::kNumberList);
  std::vector<double> values;
  for (const YamlNode& item : node(path).items()) {
    if (const auto value = item.number_in(key.low, key.high)) values.push_back(*value);
  }
  return values;
}

void KeyReader::read(std::string_view path, int& to) const {
  if (const auto value = small_integer(path)) to = *value;
}

void KeyReader::read(std::string_view path, bool& to) const {
  if (const auto value = boolean(path)) to = *value;
}

void KeyReader::read(std::string_view path, double& to) const {
  if (const auto value = number(path)) to = *value;
}

}  // namespace plumbline
