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

using Name = std::string_view;
constexpr std::span<const Name> kNone{};
constexpr std::array<Name, 1> kGroupSize{"microbatch_group_size"};

constexpr std::array<Name, 1> kMaxLive{"max_live_activations"};
constexpr std::array<Name, 2> kZeroBubble{"max_live_activations", "kept_for_weight_grad"};

constexpr std::array<Name, 2> kSearch{"max_live_activations", "search_budget"};
constexpr std::array<Name, 2> kOneFOneBOptions{"eager", "delay_weight_grad"};

constexpr std::array<Name, 2> kZbAuto{"zero_bubble_auto", "auto"};
constexpr std::array<Name, 2> kOneFOneB{"one_f_one_b", "pipedream_flush"};
constexpr std::array<Name, 2> kInterleaved{"interleaved", "vpp"};
constexpr std::array<Name, 3> kLoopedBfs{"bfs", "breadth_first", "bfs_pp"};
constexpr std::array<Name, 3> kInterleavedZb{"interleaved_zero_bubble", "zb1p", "zb_1p"};
constexpr std::array<Name, 1> kZbH1{"zero_bubble_h1"};
constexpr std::array<Name, 1> kZbH2{"zero_bubble_h2"};
constexpr std::array<Name, 1> kVHalf{"zb_v_half"};
constexpr std::array<Name, 1> kVMin{"zb_v_min"};
constexpr std::array<Name, 2> kZbV{"zbv_zero_bubble", "zero_bubble_v"};
constexpr std::array<Name, 1> kHanayo{"wave"};

// To add a schedule: write schedules/<name>.cpp, declare its generator in generators.h, add one
// row here and one line in CMakeLists.txt.
// Columns: name, summary, source, chunks by default, aliases, options, generator.
constexpr std::array kSchedules{
    ScheduleEntry{"gpipe", "all forwards, then all backwards", "arXiv:1811.06965", 1, kNone, kNone,
                  gpipe},
    ScheduleEntry{"1f1b", "one forward, one backward, flushed", "arXiv:2006.09503", 1, kOneFOneB,
                  kOneFOneBOptions, one_f_one_b},
    ScheduleEntry{"interleaved_1f1b", "1F1B over several chunks per rank, depth first",
                  "arXiv:2104.04473", 2, kInterleaved, kGroupSize, interleaved_1f1b},
    ScheduleEntry{"looped_bfs", "several chunks per rank, breadth first", "arXiv:2211.05953", 1,
                  kLoopedBfs, kNone, looped_bfs},
    ScheduleEntry{"zb_h1", "split backward in 1F1B's memory", "arXiv:2401.10241", 1, kZbH1,
                  kZeroBubble, zb_h1},
    ScheduleEntry{"zb_h2", "split backward in twice 1F1B's memory, no bubble when F = I = W",
                  "arXiv:2401.10241", 1, kZbH2, kZeroBubble, zb_h2},
    ScheduleEntry{"interleaved_zb",
                  "interleaved 1F1B with the backward split (ZB-1p for one chunk)",
                  "arXiv:2401.10241", 1, kInterleavedZb, kNone, interleaved_zb},
    ScheduleEntry{"zb_v", "two chunks in a V, no bubble when F = I = W", "arXiv:2401.10241", 2,
                  kZbV, kMaxLive, zb_v},
    ScheduleEntry{"v_half", "two chunks in a V with half of 1F1B's activations", "arXiv:2405.15362",
                  2, kVHalf, kMaxLive, v_half},
    ScheduleEntry{"v_min", "two chunks in a V with a third of 1F1B's activations",
                  "arXiv:2405.15362", 2, kVMin, kMaxLive, v_min},
    ScheduleEntry{"dualpipe", "both directions at once, forward and backward overlapped",
                  "arXiv:2412.19437", 2, kNone, kNone, dualpipe},
    ScheduleEntry{"dualpipe_v", "DualPipe folded into a V, one copy of the weights",
                  "github.com/deepseek-ai/DualPipe", 2, kNone, kNone, dualpipe_v},
    ScheduleEntry{"chimera", "two 1F1B pipelines in opposite directions", "arXiv:2107.06925", 2,
                  kNone, kNone, chimera},
    ScheduleEntry{"hanayo", "waves over the ranks, two chunks each", "arXiv:2308.15762", 2, kHanayo,
                  kNone, hanayo},
    ScheduleEntry{"pipedream", "1F1B that never flushes, stashed weights", "SOSP 2019", 1, kNone,
                  kNone, pipedream},
    ScheduleEntry{"pipedream_2bw", "1F1B that never flushes, two weight versions",
                  "arXiv:2006.09503", 1, kNone, kNone, pipedream_2bw},
    ScheduleEntry{"zb_auto", "the best order of F, I and W that a search finds, with a lower bound",
                  "schedules/README.md", 1, kZbAuto, kSearch, zb_auto},
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
  // Whether the option is given and belongs to the schedule.
  const auto taken = [&](std::string_view name, bool given) {
    if (!given) return false;
    const std::string path = "schedule." + std::string(name);
    if (!entry.takes(name)) {
      std::string takers;
      for (const ScheduleEntry& other : kSchedules) {
        if (other.takes(name)) takers += (takers.empty() ? "" : ", ") + std::string(other.name);
      }
      problems.push_back(diagnose(path, std::string(entry.name) + " has no such option",
                                  takers.empty() ? "" : "it belongs to " + takers));
      return false;
    }
    return true;
  };
  const auto option = [&](std::string_view name, const std::optional<int>& value) {
    if (!taken(name, value.has_value()) || *value >= 1) return;
    problems.push_back(diagnose("schedule." + std::string(name),
                                "must be at least 1, not " + std::to_string(*value)));
  };
  option("max_live_activations", options.max_live_activations);
  option("search_budget", options.search_budget);
  option("microbatch_group_size", options.microbatch_group_size);
  taken("eager", options.eager);
  taken("delay_weight_grad", options.delay_weight_grad);
  if (taken("kept_for_weight_grad", options.kept_for_weight_grad.has_value())) {
    const double share = *options.kept_for_weight_grad;
    if (!(share >= 0.0 && share <= 1.0)) {
      problems.push_back(diagnose("schedule.kept_for_weight_grad", "must lie between 0 and 1"));
    } else if (options.max_live_activations) {
      problems.push_back(
          diagnose("schedule.kept_for_weight_grad",
                   "does not go with max_live_activations, which counts whole activations",
                   "leave one of the two out"));
    }
  }
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
    for (const Name alias : entry.aliases) {
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
      for (const Name alias : each.aliases) known.emplace_back(alias);
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
