// The table of keys, told to editors and to people.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace plumbline {

/// The JSON Schema (draft 2020-12) of a scenario, ending in a newline: every key with its
/// description, default, range and words.
///
/// @param schedules, software  the names `schedule:` and `training.software:` may take; editors
///                             complete them, other spellings of a schedule stay allowed
std::string scenario_schema(std::span<const std::string_view> schedules,
                            std::span<const std::string_view> software);

/// sim/scenario/README.md: the same table for people, ending in a newline.
std::string scenario_reference();

}  // namespace plumbline
