// JSON text by appending; std::to_chars gives the shortest number that reads back the same.
#include "sim/report/json_writer.h"

#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <utility>

namespace plumbline {

void append_json_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == '<') {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
}

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  if (value == 0) value = 0;  // -0 says nothing to a reader
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end.ptr);
}

JsonWriter::JsonWriter(Layout layout) : all_on_one_line_(layout == Layout::kOneLine) {}

void JsonWriter::new_line() {
  text_ += '\n';
  text_.append(2 * open_.size(), ' ');
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (open_.empty()) return;
  Open& inner = open_.back();
  if (!inner.empty) text_ += inner.one_line ? ", " : ",";
  if (!inner.one_line) new_line();
  inner.empty = false;
}

JsonWriter& JsonWriter::begin(char opening, char closing, Layout layout) {
  before_value();
  const bool inside_line = !open_.empty() && open_.back().one_line;
  text_ += opening;
  open_.push_back({closing, all_on_one_line_ || inside_line || layout == Layout::kOneLine, true});
  return *this;
}

JsonWriter& JsonWriter::end([[maybe_unused]] char closing) {
  assert(!open_.empty() && open_.back().closing == closing && !after_key_);
  const Open inner = open_.back();
  open_.pop_back();
  if (!inner.empty && !inner.one_line) new_line();
  text_ += inner.closing;
  return *this;
}

JsonWriter& JsonWriter::begin_object(Layout layout) { return begin('{', '}', layout); }
JsonWriter& JsonWriter::end_object() { return end('}'); }
JsonWriter& JsonWriter::begin_array(Layout layout) { return begin('[', ']', layout); }
JsonWriter& JsonWriter::end_array() { return end(']'); }

JsonWriter& JsonWriter::key(std::string_view name) {
  assert(!open_.empty() && open_.back().closing == '}' && !after_key_);
  before_value();
  text_ += '"';
  append_json_escaped(text_, name);
  text_ += "\": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  before_value();
  append_json_number(text_, number);
  return *this;
}

JsonWriter& JsonWriter::value(std::int64_t number) {
  before_value();
  text_ += std::to_string(number);
  return *this;
}

JsonWriter& JsonWriter::value(bool truth) {
  before_value();
  text_ += truth ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  before_value();
  text_ += '"';
  append_json_escaped(text_, text);
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::null() {
  before_value();
  text_ += "null";
  return *this;
}

std::string JsonWriter::take() && {
  assert(open_.empty());
  text_ += '\n';
  return std::move(text_);
}

}  // namespace plumbline
