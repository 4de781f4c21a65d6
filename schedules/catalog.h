// Every schedule this build knows, and the one function that makes one by name.
//
// A schedule is a rule of a paper or of a published code, or, where a limit on live activations
// is given, the best order that a search finds within its placement and operation set.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "schedules/costs.h"
#include "schedules/schedule.h"

namespace plumbline {

/// Two codes call different orders "interleaved 1F1B".
enum class InterleavedRule {
  kPyTorch,   ///< rounds = max(1, M / P), group size M / rounds; one chunk is not plain 1F1B
  kMegatron,  ///< group size P unless it is given; one chunk is plain 1F1B
};

struct ScheduleOptions {
  /// At most so many live activations per rank (chunks count one each): the order is searched.
  std::optional<int> max_live_activations;
  /// Of zb_auto: what its search may spend, in millions of units of work (20).
  std::optional<int> search_budget;
  /// Megatron-LM's microbatch_group_size_per_vp_stage; given, it selects Megatron's rule.
  std::optional<int> microbatch_group_size;
  /// 1f1b with twice the forwards ahead (eager-1F1B).
  bool eager = false;
  /// 1f1b whose weight gradients run after the input gradient is on its way.
  bool delay_weight_grad = false;
  /// What `interleaved_1f1b` means when no group size is given.
  InterleavedRule interleaved_rule = InterleavedRule::kPyTorch;
  /// Of an activation, the share that W still needs after I, in [0, 1]: what the memory of zb_h1
  /// and zb_h2 is counted in.  Not given: all of it.
  std::optional<double> kept_for_weight_grad;
  /// What searched orders, and the greedy ones of zb_h1 and zb_h2, are made for.
  UnitCosts costs;

  friend bool operator==(const ScheduleOptions&, const ScheduleOptions&) = default;
};

struct ScheduleEntry {
  std::string_view name;     ///< what a scenario writes: `schedule: 1f1b`
  std::string_view summary;  ///< one line for `plumbline list schedules` and the README table
  std::string_view source;   ///< paper or code the generator follows
  int default_chunks;        ///< V where the user names none
  std::span<const std::string_view> aliases;  ///< other spellings, lower case
  std::span<const std::string_view> options;  ///< options it takes, by their names in a scenario
  Schedule (*generate)(const PipelineShape&, const ScheduleOptions&);

  bool takes(std::string_view option) const;
};

/// Every schedule this build knows, in the order the README lists them.
std::span<const ScheduleEntry> all_schedules();

/// The entry of that name or alias (case, '-', '_' and blanks do not matter), or nullptr.
const ScheduleEntry* find_schedule(std::string_view name);

/// Makes the schedule `name` for `shape`.
///
/// @throws InputError at "schedule" for an unknown name (with the nearest one) or a shape that the
///         schedule does not have (with the nearest legal one), at "schedule.OPTION" for an option
///         that it does not take
Schedule generate_schedule(std::string_view name, const PipelineShape& shape,
                           const ScheduleOptions& options = {});

}  // namespace plumbline
