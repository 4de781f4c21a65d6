// Reads a scenario's keys by the table: names, types, ranges, words and defaults come from there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/keys.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline {

class KeyReader {
 public:
  /// Reports every key that the table does not have.
  KeyReader(YamlNode root, std::vector<std::string>& assumptions);

  YamlNode node(std::string_view path) const;
  bool stated(std::string_view path) const { return node(path).present(); }
  /// Reports a required key that is missing (its block, where the whole block is).
  void require(std::string_view path) const;
  /// "training.recompute: none (default)"
  void assume(std::string_view path, const std::string& value, const std::string& why) const;

  // The value, or the table's default where the scenario is silent, which becomes an assumption;
  // nullopt where there is no default or the value is wrong, which is recorded.
  // REQUIRES: the table has a row of that path and type.
  std::optional<std::string> text(std::string_view path) const;
  std::optional<std::int64_t> integer(std::string_view path) const;
  std::optional<int> small_integer(std::string_view path) const;
  std::optional<double> number(std::string_view path) const;
  std::optional<bool> boolean(std::string_view path) const;
  std::optional<std::size_t> word(std::string_view path) const;
  std::vector<std::size_t> word_list(std::string_view path) const;
  std::vector<int> integer_list(std::string_view path) const;
  std::vector<double> number_list(std::string_view path) const;

  // Writes the value where there is one, and leaves `to` alone otherwise.
  void read(std::string_view path, int& to) const;
  void read(std::string_view path, bool& to) const;
  void read(std::string_view path, double& to) const;
  template <typename Enum>
  void read_enum(std::string_view path, Enum& to) const {
    if (const auto index = word(path)) to = static_cast<Enum>(*index);
  }

 private:
  void check_keys() const;
  const Key& row(std::string_view path, KeyType type) const;
  /// False when the scenario is silent; then the default has been noted.
  bool present_or_assumed(const Key& key, const YamlNode& node) const;

  YamlNode root_;
  std::vector<std::string>& assumptions_;
};

}  // namespace plumbline
