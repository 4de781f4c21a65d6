#include <filesystem>

#include "schedules/catalog.h"
#include "sim/scenario/read_parts.h"
#include "sim/scenario/words.h"

namespace plumbline {
namespace {

/// 2 for the schedules whose stages run up and down the ranks, or both ways at once; a loop can do
/// with one chunk, and interleaved_1f1b with one is plain 1F1B (Megatron-LM).
int chunks_of_placement(const std::string& schedule) {
  const ScheduleEntry* entry = find_schedule(schedule);
  if (entry == nullptr || entry->default_chunks == 1) return 1;
  const PipelineShape probe{
      .stages_per_chunk = 2, .chunks = entry->default_chunks, .microbatches = 4};
  const Placement placement = entry->generate(probe, {}).placement;
  return placement == Placement::kLoop ? 1 : entry->default_chunks;
}

}  // namespace

ScheduleRequest read_schedule_request(const KeyReader& keys) {
  ScheduleRequest request;
  const YamlNode block = keys.node("schedule");
  YamlNode named = block;
  if (block.is_map()) {
    named = keys.node("schedule.name");
    if (const auto path = keys.text("schedule.csv")) {
      request.csv_path = resolved_path(keys.node("schedule.csv"), *path);
      std::error_code error;
      if (!std::filesystem::is_regular_file(*request.csv_path, error)) {
        keys.node("schedule.csv").problem("no such file: " + *request.csv_path);
      }
    }
    if (named.present() == keys.stated("schedule.csv")) {
      block.problem("names a schedule or a csv, one of the two");
    }
    request.max_live_activations = keys.small_integer("schedule.max_live_activations");
    if (const auto budget = keys.small_integer("schedule.search_budget")) {
      request.options["search_budget"] = std::to_string(*budget);
    }
    request.microbatch_group_size = keys.small_integer("schedule.microbatch_group_size");
    keys.read("schedule.eager", request.eager);
    keys.read("schedule.delay_weight_grad", request.delay_weight_grad);
    request.kept_for_weight_grad = keys.number("schedule.kept_for_weight_grad");
  }
  if (request.csv_path) {
    for (const std::string_view option :
         {"max_live_activations", "search_budget", "microbatch_group_size", "kept_for_weight_grad",
          "eager", "delay_weight_grad"}) {
      const YamlNode value = block.child(option);
      if (value.present())
        value.problem("belongs to a schedule by name; a csv is run as it stands");
    }
  }
  const auto name = named.is_map() ? std::nullopt : named.text();
  if (!block.present()) keys.assume("schedule", request.name, "default");
  if (!name) return request;

  std::vector<std::string_view> known;
  for (const ScheduleEntry& entry : all_schedules()) known.push_back(entry.name);
  const ScheduleEntry* entry = find_schedule(*name);
  if (entry == nullptr) {
    named.choice(known, "schedule");
    return request;
  }
  request.name = std::string(entry->name);
  for (const std::string_view option :
       {"max_live_activations", "search_budget", "microbatch_group_size", "kept_for_weight_grad",
        "eager", "delay_weight_grad"}) {
    const YamlNode value = block.child(option);
    if (!value.present() || entry->takes(option)) continue;
    std::string takers;
    for (const ScheduleEntry& other : all_schedules()) {
      if (other.takes(option)) takers += (takers.empty() ? "" : ", ") + std::string(other.name);
    }
    value.problem(request.name + " has no such option",
                  takers.empty() ? std::string() : "it belongs to " + takers);
  }
  return request;
}

ParallelOptions read_parallelism(const KeyReader& keys, const ScheduleRequest& schedule) {
  ParallelOptions options;
  keys.read("parallelism.tensor", options.tensor);
  keys.read("parallelism.pipeline", options.pipeline);
  if (const auto chunks = keys.small_integer("parallelism.virtual_stages")) {
    options.virtual_stages = *chunks;
  } else if (!keys.stated("parallelism.virtual_stages") && !schedule.csv_path) {
    options.virtual_stages = chunks_of_placement(schedule.name);
    if (options.virtual_stages > 1) {
      keys.assume("parallelism.virtual_stages", std::to_string(options.virtual_stages),
                  "what " + schedule.name + " needs");
    } else if (schedule.name == "interleaved_1f1b") {
      keys.assume("parallelism.virtual_stages", "1",
                  "default: interleaved_1f1b with one chunk is 1f1b");
    }
  }
  options.data = keys.small_integer("parallelism.data");
  keys.read("parallelism.context", options.context);
  keys.read("parallelism.expert", options.expert);
  options.expert_tensor = keys.small_integer("parallelism.expert_tensor");
  if (options.tensor > 1 || keys.stated("parallelism.sequence_parallel")) {
    keys.read("parallelism.sequence_parallel", options.sequence_parallel);
  }
  keys.read("parallelism.zero_stage", options.zero_stage);
  if (keys.stated("parallelism.order")) {
    options.order.clear();
    for (const std::size_t index : keys.word_list("parallelism.order")) {
      options.order.emplace_back(words::kDimensions[index]);
    }
  }
  if (const auto index = keys.word("parallelism.context_communication")) {
    options.context_communication = words::kContextCommunication[*index];
  }
  return options;
}

}  // namespace plumbline
