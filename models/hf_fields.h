// Typed access to a config.json that collects problems; used by hf_config.cpp alone.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/core/diagnostic.h"

namespace plumbline {

class HfFields {
 public:
  HfFields(nlohmann::json object, std::string file)
      : object_(std::move(object)), file_(std::move(file)) {}

  /// The value under the first of `keys` that is there and not null.
  const nlohmann::json* find(std::initializer_list<const char*> keys) const;
  /// nullopt when absent; a value that is not a whole number >= 0 is recorded.
  std::optional<std::int64_t> integer(std::initializer_list<const char*> keys);
  std::int64_t integer_or(std::initializer_list<const char*> keys, std::int64_t otherwise);
  /// Records "is missing" under the first key.
  std::int64_t required(std::initializer_list<const char*> keys);
  bool flag_or(std::initializer_list<const char*> keys, bool otherwise);
  std::string text_or(std::initializer_list<const char*> keys, const std::string& otherwise);

  void problem(std::string_view key, std::string what, std::string hint = {});
  const std::string& file() const { return file_; }
  const nlohmann::json& object() const { return object_; }
  std::vector<Diagnostic>& problems() { return problems_; }

 private:
  nlohmann::json object_;
  std::string file_;
  std::vector<Diagnostic> problems_;
};

}  // namespace plumbline
