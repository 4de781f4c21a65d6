#include "sim/yaml/yaml_node.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <tuple>

#include "sim/yaml/document.h"

namespace plumbline {
namespace {

using yaml::Document;
using yaml::Entry;
using yaml::Kind;
using yaml::Value;

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

std::string listed(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> names,
                       const std::string& otherwise) {
  const std::string_view best = nearest(word, names);
  if (!best.empty()) return "did you mean '" + std::string(best) + "'?";
  return otherwise + ": " + listed(names);
}

/// What a value is, for "must be a number, not ...".
std::string described(const Value& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a mapping";
    case Kind::kScalar:
      break;
  }
  return (value.plain ? "'" : "the text '") + value.scalar + "'";
}

/// `1_000_000` and `+5` as from_chars wants them; nullopt when an underscore is not between digits.
std::optional<std::string> bare_digits(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
      continue;
    }
    const auto digit = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '9';
    };
    if (i == 0 || !digit(i - 1) || !digit(i + 1)) return std::nullopt;
  }
  return digits;
}

template <typename Number>
std::optional<Number> whole_text(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || text.empty()) return std::nullopt;
  return number;
}

std::string plain_number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string range_problem(const std::string& low, bool bounded_below, const std::string& high,
                          bool bounded_above, const std::string& got) {
  std::string text = "must be ";
  if (bounded_below && bounded_above) {
    text += "between " + low + " and " + high;
  } else {
    text += bounded_below ? "at least " + low : "at most " + high;
  }
  return text + ", not " + got;
}

}  // namespace

void Diagnostics::throw_if_any() const {
  if (list_.empty()) return;
  std::vector<Diagnostic> sorted = list_;
  const auto place = [](const Diagnostic& d) {
    return std::tie(d.at.file, d.at.line, d.at.column);
  };
  std::ranges::stable_sort(sorted,
                           [&](const auto& a, const auto& b) { return place(a) < place(b); });
  // A value that two rules look at is reported once.
  const auto same = [&](const Diagnostic& a, const Diagnostic& b) {
    return place(a) == place(b) && a.path == b.path && a.problem == b.problem;
  };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
  throw InputError(std::move(sorted));
}

struct YamlNode::Impl {
  std::shared_ptr<Document> document;
  Value* value = nullptr;
  SourceLocation at;  ///< of an absent value: its parent's
  std::string path;

  bool is(Kind kind) const { return value != nullptr && value->kind == kind; }
  const SourceLocation& where() const { return value != nullptr ? value->at : at; }
  void record(SourceLocation place, std::string where, std::string what, std::string hint) const {
    document->out->add({std::move(place), std::move(where), std::move(what), std::move(hint)});
  }
  /// The text of an unquoted scalar, or nullptr after recording what should have been there.
  const std::string* plain_scalar(const char* wanted) const {
    if (!is(Kind::kScalar) || !value->plain) {
      record(where(), path, std::string("must be ") + wanted + ", not " + described(*value), {});
      return nullptr;
    }
    return &value->scalar;
  }
};

YamlNode YamlNode::parse(const std::string& text, const std::string& file, Diagnostics& out) {
  auto impl = std::make_shared<Impl>();
  impl->document = std::make_shared<Document>();
  impl->document->file = file;
  impl->document->out = &out;
  impl->at = {file, 0, 0};
  impl->value = yaml::parse_into(*impl->document, text, file, true, {});
  return YamlNode(std::move(impl));
}

YamlNode YamlNode::load(const std::string& file, Diagnostics& out) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::ifstream stream(file, std::ios::binary);
  if (stream && !fs::is_directory(file, error)) {
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream.bad()) return parse(text.str(), file, out);
  }
  YamlNode absent = parse("", file, out);
  absent.impl_->value = nullptr;
  Diagnostic missing;
  missing.at.file = file;
  if (fs::exists(file, error)) {
    missing.problem = fs::is_directory(file, error) ? "is a folder" : "cannot be read";
    out.add(std::move(missing));
    return absent;
  }
  const fs::path path(file);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::ranges::sort(names);
  const std::string name = path.filename().string();
  const std::string_view best = nearest(name, std::span<const std::string>(names));
  missing.problem = "no such file";
  if (!best.empty()) missing.hint = "did you mean '" + (path.parent_path() / best).string() + "'?";
  out.add(std::move(missing));
  return absent;
}

bool YamlNode::present() const { return impl_->value != nullptr && !impl_->is(Kind::kNull); }
bool YamlNode::is_map() const { return impl_->is(Kind::kMap); }
bool YamlNode::is_list() const { return impl_->is(Kind::kList); }
bool YamlNode::is_scalar() const { return impl_->is(Kind::kScalar); }
SourceLocation YamlNode::location() const { return impl_->where(); }
const std::string& YamlNode::path() const { return impl_->path; }

YamlNode YamlNode::child(std::string_view key) const {
  auto impl = std::make_shared<Impl>();
  impl->document = impl_->document;
  impl->path = joined(impl_->path, key);
  impl->at = impl_->where();
  if (is_map()) impl->value = impl_->value->find(key);
  return YamlNode(std::move(impl));
}

YamlNode YamlNode::required(std::string_view key) const {
  YamlNode node = child(key);
  if (!node.present()) node.problem("is missing");
  return node;
}

std::vector<YamlNode> YamlNode::items() const {
  std::vector<YamlNode> nodes;
  if (!present()) return nodes;
  if (!is_list()) {
    problem("must be a list, not " + described(*impl_->value));
    return nodes;
  }
  for (const Entry& entry : impl_->value->entries) {
    auto impl = std::make_shared<Impl>();
    impl->document = impl_->document;
    impl->path = joined(impl_->path, std::to_string(nodes.size()));
    impl->value = entry.value;
    nodes.push_back(YamlNode(std::move(impl)));
  }
  return nodes;
}

std::vector<std::pair<std::string, YamlNode>> YamlNode::entries() const {
  std::vector<std::pair<std::string, YamlNode>> nodes;
  if (!present()) return nodes;
  if (!is_map()) {
    problem("must be a mapping, not " + described(*impl_->value));
    return nodes;
  }
  for (const Entry& entry : impl_->value->entries) {
    nodes.emplace_back(entry.key, child(entry.key));
  }
  return nodes;
}

std::optional<std::string> YamlNode::text() const {
  if (!present()) return std::nullopt;
  if (is_scalar()) return impl_->value->scalar;
  problem("must be a word or text, not " + described(*impl_->value));
  return std::nullopt;
}

std::optional<double> YamlNode::number() const {
  if (!present()) return std::nullopt;
  const std::string* scalar = impl_->plain_scalar("a number");
  if (scalar == nullptr) return std::nullopt;
  const std::optional<std::string> digits = bare_digits(*scalar);
  const std::optional<double> value = digits ? whole_text<double>(*digits) : std::nullopt;
  if (value && std::isfinite(*value)) return value;
  problem("must be a number, not '" + *scalar + "'");
  return std::nullopt;
}

std::optional<std::int64_t> YamlNode::integer() const {
  if (!present()) return std::nullopt;
  const std::string* scalar = impl_->plain_scalar("an integer");
  if (scalar == nullptr) return std::nullopt;
  const std::optional<std::string> digits = bare_digits(*scalar);
  if (digits) {
    if (const auto value = whole_text<std::int64_t>(*digits)) return value;
    const auto value = whole_text<double>(*digits);
    if (value && std::trunc(*value) == *value && std::abs(*value) < 0x1p63) {
      return static_cast<std::int64_t>(*value);
    }
  }
  problem("must be an integer, not '" + *scalar + "'");
  return std::nullopt;
}

std::optional<bool> YamlNode::boolean() const {
  if (!present()) return std::nullopt;
  const std::string* scalar = impl_->plain_scalar("true or false");
  if (scalar == nullptr) return std::nullopt;
  std::string word = *scalar;
  std::ranges::transform(word, word.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  problem("must be true or false, not '" + *scalar + "'");
  return std::nullopt;
}

std::optional<std::int64_t> YamlNode::integer_in(std::int64_t low, std::int64_t high) const {
  const std::optional<std::int64_t> value = integer();
  if (!value || (low <= *value && *value <= high)) return value;
  problem(range_problem(std::to_string(low), low != std::numeric_limits<std::int64_t>::min(),
                        std::to_string(high), high != std::numeric_limits<std::int64_t>::max(),
                        std::to_string(*value)));
  return std::nullopt;
}

std::optional<double> YamlNode::number_in(double low, double high) const {
  const std::optional<double> value = number();
  if (!value || (low <= *value && *value <= high)) return value;
  problem(range_problem(plain_number(low), low > std::numeric_limits<double>::lowest(),
                        plain_number(high), high < std::numeric_limits<double>::max(),
                        plain_number(*value)));
  return std::nullopt;
}

std::optional<std::size_t> YamlNode::choice(std::span<const std::string_view> names,
                                            std::string_view what) const {
  const std::optional<std::string> word = text();
  if (!word) return std::nullopt;
  const auto found = std::ranges::find(names, *word);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  problem("no " + std::string(what) + " is called '" + *word + "'",
          suggestion(*word, names, "there are"));
  return std::nullopt;
}

void YamlNode::allow_keys(std::span<const std::string_view> known,
                          std::span<const std::string_view> elsewhere) const {
  if (!present()) return;
  if (!is_map()) {
    problem("must be a mapping, not " + described(*impl_->value));
    return;
  }
  for (const Entry& entry : impl_->value->entries) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    std::string hint = suggestion(entry.key, known, "known here");
    // Of several places, one within this block goes first.
    std::string_view place;
    for (const std::string_view path : elsewhere) {
      const std::size_t dot = path.rfind('.');
      if (path.substr(dot == std::string_view::npos ? 0 : dot + 1) != entry.key) continue;
      const bool within = path.starts_with(impl_->path + ".");
      if (place.empty() || (within && !place.starts_with(impl_->path + "."))) place = path;
    }
    if (!place.empty()) hint = "did you mean '" + std::string(place) + "'?";
    impl_->record(entry.key_at, joined(impl_->path, entry.key), "unknown key", std::move(hint));
  }
}

void YamlNode::allow_keys(std::initializer_list<std::string_view> known) const {
  allow_keys(std::span(known.begin(), known.size()));
}

void YamlNode::problem(std::string what, std::string hint) const {
  impl_->record(impl_->where(), impl_->path, std::move(what), std::move(hint));
}

std::string YamlNode::to_yaml() const {
  return impl_->value == nullptr ? std::string("null") : yaml::to_yaml(*impl_->value, 2);
}

void YamlNode::set(std::string_view dotted_path, const std::string& yaml_value,
                   const std::string& origin) {
  Document& document = *impl_->document;
  const SourceLocation place{origin, 0, 0};
  const std::string full_path = joined(impl_->path, dotted_path);
  Value* const value = yaml::parse_into(document, yaml_value, origin, false, full_path);
  if (value == nullptr) return;
  if (impl_->value == nullptr) impl_->value = document.add({});

  // What was reached through an anchor is copied before it changes: the other places that name
  // the anchor keep their value.
  const auto own = [&](Value*& shared) {
    if (!shared->shared) return;
    shared = document.add(*shared);
    shared->shared = false;
    for (const Entry& entry : shared->entries) entry.value->shared = true;
  };
  Value* here = impl_->value;
  std::string path = impl_->path;
  for (std::string_view rest = dotted_path;;) {
    const std::size_t dot = rest.find('.');
    const std::string key(rest.substr(0, dot));
    if (key.empty()) {
      impl_->record(place, full_path, "is not a path", "write it as training.precision");
      return;
    }
    if (here->kind == Kind::kNull)
      *here = Value{.kind = Kind::kMap, .scalar = {}, .at = place, .entries = {}};
    Entry* entry = nullptr;
    if (here->kind == Kind::kMap) {
      const auto found = std::ranges::find(here->entries, key, &Entry::key);
      if (found != here->entries.end()) entry = &*found;
      if (entry == nullptr)
        entry = &here->entries.emplace_back(Entry{key, place, document.add({})});
    } else if (here->kind == Kind::kList) {
      const auto index = whole_text<std::size_t>(key);
      if (index && *index < here->entries.size()) entry = &here->entries[*index];
    }
    if (entry == nullptr) {
      impl_->record(place, full_path,
                    path + " is " + described(*here) + " and has no '" + key + "'",
                    "replace it as a whole: --set " + path + "={...}");
      return;
    }
    if (dot == std::string_view::npos) {
      entry->value = value;
      entry->key_at = place;
      return;
    }
    own(entry->value);
    here = entry->value;
    path = joined(path, key);
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace plumbline
