// Writes JSON text in the order it is told: small, fast and the same on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline {

/// Appends `text` to `out` with JSON's escapes.  '<' becomes \u003c, so that the text may stand
/// inside an HTML script element.
void append_json_escaped(std::string& out, std::string_view text);

/// Appends the shortest decimal that reads back to the same double; "null" where not finite.
void append_json_number(std::string& out, double value);

/// A JSON document under construction.
///
/// REQUIRES: calls follow the grammar (a key before each value of an object, ends match begins);
/// asserted in debug builds.
class JsonWriter {
 public:
  enum class Layout { kIndented, kOneLine };

  explicit JsonWriter(Layout layout = Layout::kIndented);

  /// A container with Layout::kOneLine keeps all of its content on one line.
  JsonWriter& begin_object(Layout layout = Layout::kIndented);
  JsonWriter& end_object();
  JsonWriter& begin_array(Layout layout = Layout::kIndented);
  JsonWriter& end_array();

  JsonWriter& key(std::string_view name);
  JsonWriter& value(double number);
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(int number) { return value(static_cast<std::int64_t>(number)); }
  JsonWriter& value(bool truth);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& null();

  template <typename T>
  JsonWriter& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  /// The document, with a newline at its end.
  std::string take() &&;

 private:
  struct Open {
    char closing;
    bool one_line;
    bool empty;
  };
  void before_value();
  void new_line();
  JsonWriter& begin(char opening, char closing, Layout layout);
  JsonWriter& end(char closing);

  std::string text_;
  std::vector<Open> open_;
  bool after_key_ = false;
  bool all_on_one_line_;
};

}  // namespace plumbline
