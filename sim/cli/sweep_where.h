// `where: tensor*pipeline*data == gpus`: conditions that points of a sweep have to meet.
//
//   condition   ||  &&  !   (also: or, and, not)
//   comparison  ==  !=  <  <=  >  >=
//   arithmetic  +  -  *  /  %   on numbers, with parentheses
//   operands    numbers, 'texts' in quotes, names
//
// A name is one of condition_names(), or that key's path ("parallelism.tensor").  Nothing else can
// be called, read or changed from a condition.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "sim/scenario/scenario.h"

namespace plumbline {

using ConditionValue = std::variant<double, std::string>;

struct ConditionName {
  std::string_view name;  ///< "tensor"
  std::string_view path;  ///< "parallelism.tensor", or "" where it is not a key
  enum class Of { kAny, kTraining, kServing } of = Of::kAny;  ///< scenarios that have it
  bool is_text = false;
  ConditionValue (*value)(const Scenario&) = nullptr;
};

/// Every name, in the order of the help.
std::span<const ConditionName> condition_names();

/// A condition, parsed and checked once.
class Condition {
 public:
  /// @param at, path  where the text stands: "sweep.where", "--where"
  /// @throws InputError that names the character where the text stops making sense
  Condition(std::string text, const SourceLocation& at, const std::string& path);
  ~Condition();
  Condition(Condition&&) noexcept;
  Condition& operator=(Condition&&) noexcept;

  /// Numbers are compared as doubles; a division by zero makes every comparison but != false.
  bool holds(const Scenario& scenario) const;
  /// @throws InputError where it names what scenarios of the kind do not have
  void check_kind(bool serves) const;
  const std::string& text() const { return text_; }

 private:
  struct Tree;
  std::string text_;
  SourceLocation at_;
  std::string path_;
  std::unique_ptr<const Tree> tree_;
};

}  // namespace plumbline
