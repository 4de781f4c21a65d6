#include "sim/yaml/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <utility>

namespace plumbline::yaml {
namespace {

// Aliases let a few lines stand for billions of values ("billion laughs"); nothing that we read
// is anywhere near this.
constexpr std::size_t kMostValues = 1'000'000;

/// Builds the tree while yaml-cpp reads; throws InputError only through `fail`.
class Builder : public YAML::EventHandler {
 public:
  Builder(Document& document, const std::string& file, bool lines, const std::string& path)
      : document_(document), file_(file), lines_(lines), path_(path) {}

  Value* root() const { return root_; }
  bool failed() const { return failed_; }
  void record(SourceLocation at, std::string problem, std::string hint = {}) {
    failed_ = true;
    document_.out->add({std::move(at), path_, std::move(problem), std::move(hint)});
  }
  /// yaml-cpp counts lines and columns from 0, and its null mark is -1.
  SourceLocation where(const YAML::Mark& mark) const {
    if (!lines_ || mark.is_null()) return {file_, 0, 0};
    return {file_, mark.line + 1, mark.column + 1};
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    place(make(Kind::kNull, mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = complete_.find(anchor);
    if (found == complete_.end()) {
      record(where(mark), "an alias inside the value that it names");
      place(make(Kind::kNull, mark), 0);
      return;
    }
    found->second->shared = true;
    place(found->second, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check_tag(mark, tag);
    Value* value = make(Kind::kScalar, mark);
    value->scalar = text;
    value->plain = tag != "!" && tag != "tag:yaml.org,2002:str";
    place(value, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back({make(Kind::kList, mark), anchor, {}, {}, false});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open_.push_back({make(Kind::kMap, mark), anchor, {}, {}, false});
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Value* value;
    YAML::anchor_t anchor;
    std::string key;
    SourceLocation key_at;
    bool has_key;
  };

  Value* make(Kind kind, const YAML::Mark& mark) {
    Value* value = document_.add({});
    value->kind = kind;
    value->at = where(mark);
    return value;
  }
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:")) return;
    record(where(mark), "the tag '" + tag + "' means nothing here");
  }
  void close() {
    const Open done = std::move(open_.back());
    open_.pop_back();
    place(done.value, done.anchor);
  }
  void place(Value* value, YAML::anchor_t anchor) {
    if (anchor != 0) complete_[anchor] = value;
    if (open_.empty()) {
      root_ = value;
      return;
    }
    Open& parent = open_.back();
    if (parent.value->kind == Kind::kMap && !parent.has_key) {
      take_key(parent, *value);
      return;
    }
    parent.has_key = false;
    parent.value->expanded += value->expanded;
    if (parent.value->expanded > kMostValues) {
      if (!too_many_) record(value->at, "aliases stand for more than a million values");
      too_many_ = true;
      parent.value->expanded = kMostValues;
      return;
    }
    parent.value->entries.push_back({std::move(parent.key), std::move(parent.key_at), value});
    parent.key.clear();
  }
  void take_key(Open& parent, const Value& key) {
    if (key.kind != Kind::kScalar) record(key.at, "a key must be a word");
    if (parent.value->find(key.scalar) != nullptr) {
      const std::string path = path_.empty() ? key.scalar : path_ + "." + key.scalar;
      failed_ = true;
      document_.out->add({key.at, path, "is given twice in one mapping", "remove one of the two"});
    }
    parent.key = key.scalar;
    parent.key_at = key.at;
    parent.has_key = true;
  }

  Document& document_;
  const std::string& file_;
  const bool lines_;
  const std::string& path_;
  Value* root_ = nullptr;
  bool failed_ = false;
  bool too_many_ = false;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Value*> complete_;
};

/// Whether `text` is one unquoted scalar, beyond doubt: letters, digits and the like, and no word
/// that YAML reads as nothing.  Most values that `--set` states are.
bool is_bare_scalar(const std::string& text) {
  const auto alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (text.empty() || !alphanumeric(text.front())) return false;
  for (const char c : text) {
    if (!alphanumeric(c) && c != '_' && c != '.' && c != '+' && c != '/') return false;
  }
  return text != "null" && text != "Null" && text != "NULL";
}

}  // namespace

Value* Value::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return entry.value;
  }
  return nullptr;
}

Value* parse_into(Document& document, const std::string& text, const std::string& file, bool lines,
                  const std::string& path) {
  if (!lines && is_bare_scalar(text)) {
    Value* value = document.add({});
    value->kind = Kind::kScalar;
    value->scalar = text;
    value->at = {file, 0, 0};
    return value;
  }
  Builder builder(document, file, lines, path);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    Builder second(document, file, lines, path);
    if (!builder.failed() && parser && parser.HandleNextDocument(second)) {
      builder.record({file, 0, 0}, "holds more than one YAML document");
    }
  } catch (const YAML::Exception& error) {
    builder.record(builder.where(error.mark), "is not YAML: " + error.msg);
  }
  if (builder.failed()) return nullptr;
  if (builder.root() != nullptr) return builder.root();
  Value* nothing = document.add({});
  nothing->at = {file, 0, 0};
  return nothing;
}

}  // namespace plumbline::yaml
