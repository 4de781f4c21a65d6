// YAML with places: every value knows its file, line, column and dotted path, and reading collects
// problems instead of stopping at the first.
//
// A reader walks the document once.  An accessor that finds the wrong type records a Diagnostic
// and answers nullopt (or the fallback), so the walk goes on; `Diagnostics::throw_if_any` ends it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/core/diagnostic.h"

namespace plumbline {

/// Collects problems in the order they are found.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic) { list_.push_back(std::move(diagnostic)); }
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }
  /// @throws InputError with all of them, sorted by file, line and column
  void throw_if_any() const;

 private:
  std::vector<Diagnostic> list_;
};

/// A value of a YAML document, or the absence of one.  Cheap to copy; the document and the
/// Diagnostics must outlive the problems it reports (the document is shared).
class YamlNode {
 public:
  /// A syntax error is recorded in `out` and an absent node returned.
  static YamlNode parse(const std::string& text, const std::string& file, Diagnostics& out);
  /// Also records a file that cannot be read, with the nearest name in its folder as the hint.
  static YamlNode load(const std::string& file, Diagnostics& out);

  bool present() const;  ///< false for a missing key and for null
  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;
  SourceLocation location() const;
  const std::string& path() const;  ///< "training.precision", "" for the root

  /// The value under `key`, or an absent node that remembers where it should have been.
  YamlNode child(std::string_view key) const;
  /// The same, recording "is missing" when it is absent.
  YamlNode required(std::string_view key) const;
  std::vector<YamlNode> items() const;                            ///< of a list
  std::vector<std::pair<std::string, YamlNode>> entries() const;  ///< of a map, in file order

  /// nullopt when absent; a wrong type is recorded.
  std::optional<std::string> text() const;
  std::optional<double> number() const;         ///< accepts 1e12, refuses nan and inf
  std::optional<std::int64_t> integer() const;  ///< accepts 1e6 and 1_000_000, refuses 1.5
  std::optional<bool> boolean() const;

  /// An integer or number with its range checked; outside is recorded and answers nullopt.
  std::optional<std::int64_t> integer_in(std::int64_t low, std::int64_t high) const;
  std::optional<double> number_in(double low, double high) const;
  /// The index in `names` of a text; another word is recorded with the nearest name.
  std::optional<std::size_t> choice(std::span<const std::string_view> names,
                                    std::string_view what) const;
  /// Records every key of a map that is not among `known`, with the nearest known one.
  /// @param elsewhere  paths of keys that stand in other blocks: a key of that name is told its
  /// place
  void allow_keys(std::span<const std::string_view> known,
                  std::span<const std::string_view> elsewhere = {}) const;
  void allow_keys(std::initializer_list<std::string_view> known) const;

  /// Records a problem at this value.
  void problem(std::string what, std::string hint = {}) const;

  /// Replaces or inserts the value at a dotted path (`--set`); the value is YAML.  A path whose
  /// parent is a scalar is recorded.  The inserted value's location is `origin` ("--set a.b=c").
  void set(std::string_view dotted_path, const std::string& yaml_value, const std::string& origin);

  /// The value as YAML text: mappings of the outermost two levels as blocks, what is below them on
  /// one line; keys whose value is null are left out.  Reads back as the same values.
  std::string to_yaml() const;

 private:
  struct Impl;
  explicit YamlNode(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace plumbline
