// Every key a scenario may have, in one table: the reader takes names, defaults, ranges and words
// from it, `plumbline schema` and sim/scenario/README.md are printed from it.
//
// A key that may be written in several ways ("full" or {granularity: full}) has a row per way.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace plumbline {

enum class KeyType : std::uint8_t {
  kText,
  kInteger,
  kNumber,
  kBoolean,
  kWord,      ///< one of `words`
  kWordList,  ///< a list of them
  kIntegerList,
  kNumberList,
  kMapping,
};

struct Key {
  std::string_view path{};  ///< "training.precision"
  KeyType type = KeyType::kText;
  std::string_view doc{};        ///< one line
  std::string_view fallback{};   ///< the default as YAML, or "" where it is computed or absent
  std::string_view otherwise{};  ///< what a computed default is, for people
  bool required = false;
  bool quiet = false;              ///< the default asks for nothing, so no assumption is listed
  bool checked_elsewhere = false;  ///< a mapping whose own reader refuses unknown keys
  double low = 0, high = 0;        ///< inclusive, of integers and numbers
  std::span<const std::string_view> words{};
};

/// In the order in which a scenario is written.
std::span<const Key> all_keys();

/// The first row of `path`, or nullptr.
const Key* find_key(std::string_view path);

}  // namespace plumbline
