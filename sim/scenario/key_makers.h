// Makers that keep a row of the table of keys on one or two lines; `required`, `computed` and
// `quiet` change a row.
#pragma once

#include <limits>

#include "sim/scenario/keys.h"

namespace plumbline::key_makers {

using Words = std::span<const std::string_view>;
inline constexpr double kAny = std::numeric_limits<double>::max();
inline constexpr double kMostRanks = 1e6;
inline constexpr std::string_view kEra = "what the software does";

constexpr Key text(std::string_view path, std::string_view doc) {
  return {.path = path, .type = KeyType::kText, .doc = doc};
}
constexpr Key text(std::string_view path, std::string_view fallback, std::string_view doc) {
  return {.path = path, .type = KeyType::kText, .doc = doc, .fallback = fallback};
}
constexpr Key mapping(std::string_view path, std::string_view doc) {
  return {.path = path, .type = KeyType::kMapping, .doc = doc};
}
constexpr Key integer(std::string_view path, std::string_view fallback, double low, double high,
                      std::string_view doc) {
  return {.path = path,
          .type = KeyType::kInteger,
          .doc = doc,
          .fallback = fallback,
          .low = low,
          .high = high};
}
constexpr Key number(std::string_view path, std::string_view fallback, double low, double high,
                     std::string_view doc) {
  return {.path = path,
          .type = KeyType::kNumber,
          .doc = doc,
          .fallback = fallback,
          .low = low,
          .high = high};
}
constexpr Key list(std::string_view path, KeyType type, double low, double high,
                   std::string_view doc) {
  return {.path = path, .type = type, .doc = doc, .low = low, .high = high};
}
constexpr Key boolean(std::string_view path, std::string_view fallback, std::string_view doc) {
  return {.path = path, .type = KeyType::kBoolean, .doc = doc, .fallback = fallback};
}
constexpr Key word(std::string_view path, Words words, std::string_view fallback,
                   std::string_view doc) {
  return {.path = path, .type = KeyType::kWord, .doc = doc, .fallback = fallback, .words = words};
}
constexpr Key word_list(std::string_view path, Words words, std::string_view doc) {
  return {.path = path, .type = KeyType::kWordList, .doc = doc, .words = words};
}
constexpr Key required(Key key) {
  key.required = true;
  return key;
}
constexpr Key computed(std::string_view otherwise, Key key) {
  key.otherwise = otherwise;
  return key;
}
constexpr Key quiet(Key key) {
  key.quiet = true;
  return key;
}
constexpr Key measured(std::string_view path, std::string_view doc) {
  return number(path, "", 0, kAny, doc);
}

}  // namespace plumbline::key_makers
