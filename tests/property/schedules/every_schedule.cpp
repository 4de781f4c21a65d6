#include "every_schedule.h"

#include "sim/core/diagnostic.h"

namespace plumbline::testing {
namespace {

bool is_legal(const Case& each) {
  try {
    generate_schedule(each.name, each.shape, each.options);
    return true;
  } catch (const InputError&) {
    return false;
  }
}

}  // namespace

std::string Case::label() const {
  std::string text = name + "_P" + std::to_string(shape.stages_per_chunk) + "_V" +
                     std::to_string(shape.chunks) + "_M" + std::to_string(shape.microbatches);
  if (options.interleaved_rule == InterleavedRule::kMegatron) text += "_megatron";
  return text;
}

std::vector<Case> every_schedule_in_every_shape() {
  std::vector<Case> cases;
  for (const ScheduleEntry& entry : all_schedules()) {
    for (const int ranks : {1, 2, 3, 4, 6, 8}) {
      for (const int chunks : {1, 2, 3, 4}) {
        for (const int microbatches : {1, 2, 3, 5, 8, 12, 16, 21, 24}) {
          Case each{std::string(entry.name),
                    {.stages_per_chunk = ranks, .chunks = chunks, .microbatches = microbatches},
                    {}};
          // A search takes as long as it is given: few shapes, little work.
          if (entry.takes("search_budget")) {
            if (ranks > 4 || chunks > 2 || microbatches > 5) continue;
            each.options.search_budget = 1;
          }
          if (is_legal(each)) cases.push_back(each);
          if (each.name != "interleaved_1f1b") continue;
          each.options.interleaved_rule = InterleavedRule::kMegatron;
          if (is_legal(each)) cases.push_back(each);
        }
      }
    }
  }
  return cases;
}

}  // namespace plumbline::testing
