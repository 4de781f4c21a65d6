#include "models/hf_fields.h"

namespace plumbline {

const nlohmann::json* HfFields::find(std::initializer_list<const char*> keys) const {
  for (const char* key : keys) {
    const auto at = object_.find(key);
    if (at != object_.end() && !at->is_null()) return &*at;
  }
  return nullptr;
}

std::optional<std::int64_t> HfFields::integer(std::initializer_list<const char*> keys) {
  const nlohmann::json* value = find(keys);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer() || value->get<std::int64_t>() < 0) {
    problem(*keys.begin(), "must be a whole number, not " + value->dump());
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

std::int64_t HfFields::integer_or(std::initializer_list<const char*> keys, std::int64_t otherwise) {
  return integer(keys).value_or(otherwise);
}

std::int64_t HfFields::required(std::initializer_list<const char*> keys) {
  if (find(keys) == nullptr) problem(*keys.begin(), "is missing");
  return integer(keys).value_or(1);
}

bool HfFields::flag_or(std::initializer_list<const char*> keys, bool otherwise) {
  const nlohmann::json* value = find(keys);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) {
    problem(*keys.begin(), "must be true or false, not " + value->dump());
    return otherwise;
  }
  return value->get<bool>();
}

std::string HfFields::text_or(std::initializer_list<const char*> keys,
                              const std::string& otherwise) {
  const nlohmann::json* value = find(keys);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) {
    problem(*keys.begin(), "must be a text, not " + value->dump());
    return otherwise;
  }
  return value->get<std::string>();
}

void HfFields::problem(std::string_view key, std::string what, std::string hint) {
  Diagnostic found;
  found.at.file = file_;
  found.path = std::string(key);
  found.problem = std::move(what);
  found.hint = std::move(hint);
  problems_.push_back(std::move(found));
}

}  // namespace plumbline
