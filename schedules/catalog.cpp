#include "schedules/catalog.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "schedules/build.h"
#include "schedules/generators.h"
#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

using Names = std::string_view;
constexpr std::span<const Names> kNone{};
constexpr std::array<Names, 1> kGroupSize{"microbatch_group_size"};

constexpr std::array<Names, 2> kOneFOneBAliases{"one_f_one_b", "pipedream_flush"};
constexpr std::array<Names, 2> kInterleavedAliases{"interleaved", "vpp"};

// To add a schedule: write schedules/<name>.cpp, declare its generator in generators.h, add one
// row here and one line in CMakeLists.txt.
constexpr std::array kSchedules{
    ScheduleEntry{"gpipe", "all forwards, then all backwards", "arXiv:1811.06965", 1, kNone, kNone,
                  gpipe},
    ScheduleEntry{"1f1b", "one forward, one backward, flushed", "arXiv:2006.09503", 1,
                  kOneFOneBAliases, kNone, one_f_one_b},
    ScheduleEntry{"interleaved_1f1b", "1F1B over several chunks per rank, depth first",
                  "arXiv:2104.04473", 2, kInterleavedAliases, kGroupSize, interleaved_1f1b},
};

constexpr bool names_are_unique() {
  for (std::size_t i = 0; i < kSchedules.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (kSchedules[i].name == kSchedules[j].name) return false;
  return true;
}
static_assert(names_are_unique());

// "Interleaved-1F1B" and "interleaved 1f1b" are "interleaved1f1b".
std::string plain(std::string_view name) {
  std::string letters;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return letters;
}

void check_request(const ScheduleEntry& entry, const PipelineShape& shape,
                   const ScheduleOptions& options) {
  std::vector<Diagnostic> problems;
  const auto at_least_one = [&](int value, const char* what) {
    if (value >= 1) return;
    problems.push_back(diagnose(
        "schedule",
        std::string(entry.name) + " needs at least one " + what + ", not " + std::to_string(value),
        "try 1"));
  };
  at_least_one(shape.stages_per_chunk, "pipeline rank");
  at_least_one(shape.chunks, "chunk per rank");
  at_least_one(shape.microbatches, "micro-batch");
  const auto option = [&](std::string_view name, const std::optional<int>& value) {
    if (!value) return;
    const std::string path = "schedule." + std::string(name);
    if (!entry.takes(name)) {
      std::string takers;
      for (const ScheduleEntry& other : kSchedules) {
        if (other.takes(name)) takers += (takers.empty() ? "" : ", ") + std::string(other.name);
      }
      problems.push_back(diagnose(path, std::string(entry.name) + " has no such option",
                                  takers.empty() ? "" : "it belongs to " + takers));
    } else if (*value < 1) {
      problems.push_back(diagnose(path, "must be at least 1, not " + std::to_string(*value)));
    }
  };
  option("max_live_activations", options.max_live_activations);
  option("microbatch_group_size", options.microbatch_group_size);
  if (!problems.empty()) throw InputError(std::move(problems));
}

}  // namespace

bool ScheduleEntry::takes(std::string_view option) const {
  return std::ranges::find(options, option) != options.end();
}

std::span<const ScheduleEntry> all_schedules() { return kSchedules; }

const ScheduleEntry* find_schedule(std::string_view name) {
  const std::string wanted = plain(name);
  for (const ScheduleEntry& entry : kSchedules) {
    if (plain(entry.name) == wanted) return &entry;
    for (const Names alias : entry.aliases) {
      if (plain(alias) == wanted) return &entry;
    }
  }
  return nullptr;
}

Schedule generate_schedule(std::string_view name, const PipelineShape& shape,
                           const ScheduleOptions& options) {
  const ScheduleEntry* entry = find_schedule(name);
  if (entry == nullptr) {
    std::vector<std::string> known;
    for (const ScheduleEntry& each : kSchedules) {
      known.emplace_back(each.name);
      for (const Names alias : each.aliases) known.emplace_back(alias);
    }
    const std::string_view near = nearest(name, known);
    throw InputError({diagnose("schedule", "no schedule is called '" + std::string(name) + "'",
                               near.empty() ? "`plumbline list schedules` names them all"
                                            : "did you mean '" + std::string(near) + "'?")});
  }
  check_request(*entry, shape, options);
  return entry->generate(shape, options);
}

}  // namespace plumbline
