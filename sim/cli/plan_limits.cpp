#include "sim/cli/plan_limits.h"

#include <charconv>
#include <functional>
#include <map>

#include "schedules/catalog.h"
#include "sim/cli/scenario_option.h"
#include "sim/cli/sweep_axes.h"

namespace plumbline {
namespace {

template <typename Number>
std::vector<Number> whole(const std::string& option, const std::vector<std::string>& values,
                          Number least) {
  std::vector<Number> numbers;
  std::vector<Diagnostic> problems;
  for (const std::string& text : values) {
    Number number{};
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end || number < least) {
      problems.push_back(option_problem(
          option, "'" + text + "' is no whole number of at least " + std::to_string(least)));
    }
    numbers.push_back(number);
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return numbers;
}

[[noreturn]] void refuse(const std::string& problem, const std::string& hint) {
  throw InputError({option_problem("--over", problem, hint)});
}

std::vector<RecomputeChoice> recomputations(const std::vector<std::string>& values) {
  std::vector<RecomputeChoice> choices;
  for (const std::string& text : values) {
    if (text == "none") {
      choices.push_back({Recompute::kNone, {}, {}});
    } else if (text == "selective") {
      choices.push_back({Recompute::kSelective, {}, {}});
    } else if (text == "full") {
      choices.push_back({Recompute::kFull, {}, {}});
    } else {
      refuse("'" + text + "' is no recomputation", "none, selective and full are");
    }
  }
  return choices;
}

std::vector<std::string> schedules(const std::vector<std::string>& values) {
  std::vector<std::string> names;
  for (const std::string& text : values) {
    if (const ScheduleEntry* entry = find_schedule(text)) {
      names.emplace_back(entry->name);
      continue;
    }
    std::vector<std::string_view> known;
    for (const ScheduleEntry& entry : all_schedules()) known.push_back(entry.name);
    const std::string_view near = nearest(text, std::span<const std::string_view>(known));
    refuse("no schedule is called '" + text + "'",
           near.empty() ? "`plumbline list schedules` names them all"
                        : "did you mean '" + std::string(near) + "'?");
  }
  return names;
}

}  // namespace

std::vector<int> numbers_of(const std::string& option, const std::string& list) {
  return whole<int>(option, parse_axis("gpus=" + list).values, 1);
}

void limit_space(const std::vector<std::string>& words, SearchSpace& space) {
  using Values = std::vector<std::string>;
  const auto sizes = [](std::vector<int>& list, int least = 1) {
    return [&list, least](const Values& values) { list = whole<int>("--over", values, least); };
  };
  const auto counts = [](std::vector<std::int64_t>& list) {
    return [&list](const Values& values) { list = whole<std::int64_t>("--over", values, 1); };
  };
  const std::map<std::string, std::function<void(const Values&)>> axes{
      {"parallelism.tensor", sizes(space.tensor)},
      {"parallelism.pipeline", sizes(space.pipeline)},
      {"parallelism.virtual_stages", sizes(space.virtual_stages)},
      {"parallelism.context", sizes(space.context)},
      {"parallelism.expert", sizes(space.expert)},
      {"parallelism.expert_tensor", sizes(space.expert_tensor)},
      {"parallelism.zero_stage",
       [&](const Values& values) {
         space.zero_stage = whole<int>("--over", values, 0);
         for (const int stage : space.zero_stage) {
           if (stage > 3) refuse(std::to_string(stage) + " is no ZeRO stage", "0 to 3 are");
         }
         space.zero3_with_pipeline = true;  // asked for by name
       }},
      {"training.micro_batch_size", counts(space.micro_batch_size)},
      {"training.global_batch_size", counts(space.global_batch_size)},
      {"training.recompute",
       [&](const Values& values) { space.recompute = recomputations(values); }},
      {"training.layers_per_stage",
       [&](const Values& values) {
         space.uniform_layers = space.balanced_layers = false;
         for (const std::string& text : values) {
           if (text != "uniform" && text != "balanced") {
             refuse("'" + text + "' is no split that a search makes", "uniform and balanced are");
           }
           (text == "uniform" ? space.uniform_layers : space.balanced_layers) = true;
         }
       }},
      {"schedule", [&](const Values& values) { space.schedules = schedules(values); }}};
  for (const std::string& word : words) {
    const SweepAxis axis = parse_axis(word);
    const auto found = axes.find(axis.path);
    if (found == axes.end()) {
      std::vector<std::string> known;
      std::string list;
      for (const auto& [path, reader] : axes) {
        known.push_back(path);
        list += (list.empty() ? "" : ", ") + path;
      }
      const std::string_view near = nearest(axis.path, std::span<const std::string>(known));
      refuse("the search does not choose '" + axis.path + "'",
             near.empty() ? "it chooses " + list : "did you mean '" + std::string(near) + "'?");
    }
    found->second(axis.values);
  }
}

}  // namespace plumbline
