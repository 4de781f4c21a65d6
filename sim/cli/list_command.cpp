// plumbline list: the names that a scenario may use.
#include "sim/cli/list_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <ostream>

#include "models/model_reader.h"
#include "schedules/catalog.h"
#include "schedules/evaluate.h"
#include "sim/cli/command.h"
#include "sim/cli/scenario_option.h"
#include "sim/cluster/read_profile.h"
#include "sim/plan/software.h"
#include "sim/report/text.h"
#include "sim/serving/software.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter = R"(Examples:
  plumbline list gpus
  plumbline list schedules)";

constexpr std::string_view kSchedulesNote = R"(
bubble, live, copies: at 4 ranks and 16 micro-batches with F = I = W and free hops.  live: most
activations on a rank, in those of a quarter of the model (1f1b holds one per rank); copies: most
versions of the weights on a rank.  A schedule that never flushes is taken in its steady state.
)";

std::string rate(double per_second) { return grouped(per_second); }

Columns models(const Console& console) {
  Columns table({false, true, true, true, true, true, true});
  table.add({"model", "layers", "hidden", "heads", "kv heads", "vocabulary", "experts"});
  for (const ModelEntry& entry : list_models(console.folders.models)) {
    const ModelSpec& model = entry.model;
    table.add({fs::path(entry.path).stem().string(), std::to_string(model.layers),
               std::to_string(model.hidden), std::to_string(model.heads),
               std::to_string(model.kv_heads), std::to_string(model.vocab),
               model.moe ? std::to_string(model.moe->experts) : "-"});
  }
  return table;
}

Columns gpus(const Console& console) {
  Columns table({false, true, true, true, false, false});
  table.add({"gpu", "GiB", "GB/s", "bf16 TFLOP/s", "kernels", ""});
  const std::string& folder = console.folders.hardware_profiles;
  for (const std::string& name : list_devices(folder)) {
    const DeviceSpec device = read_device((fs::path(folder) / (name + ".yaml")).string());
    const auto bf16 = device.peak_flops.find("bf16");
    const auto fp16 = device.peak_flops.find("fp16");
    const auto& peak = bf16 != device.peak_flops.end() ? bf16 : fp16;
    table.add({name, gib(device.memory.base(), 0), rate(device.memory_bandwidth_peak.base() * 1e-9),
               peak == device.peak_flops.end() ? "-" : rate(peak->second.base() * 1e-12),
               device.calibrated ? "measured" : "as " + device.nearest_relative, device.summary});
  }
  return table;
}

Columns links(const Console& console) {
  Columns table({false, true, true, false, false});
  table.add({"link", "GB/s", "latency us", "figures", ""});
  const std::string& folder = console.folders.hardware_profiles;
  for (const std::string& name : list_links(folder)) {
    const LinkSpec link = read_link((fs::path(folder) / (name + ".yaml")).string());
    table.add({name, rate(link.peak.base() * 1e-9), rate(link.p2p_latency.value.base() * 1e6),
               link.calibrated ? "measured" : "datasheet", link.summary});
  }
  return table;
}

Columns clusters(const Console& console) {
  Columns table({false, false, true, true, false, false});
  table.add({"cluster", "gpu", "per node", "nodes", "inside a node", "between nodes"});
  const std::string& folder = console.folders.hardware_profiles;
  for (const std::string& name : list_clusters(folder)) {
    Diagnostics problems;
    const YamlNode node = YamlNode::parse(name, name, problems);
    const Cluster cluster = read_cluster(node, folder, folder, problems);
    problems.throw_if_any();
    table.add({name, cluster.device.name, std::to_string(cluster.gpus_per_node),
               std::to_string(cluster.nodes), cluster.intra_node.name, cluster.inter_node.name});
  }
  return table;
}

/// The shape that schedules are compared at: P, M; chunks as each has them.
constexpr int kReferenceRanks = 4, kReferenceMicrobatches = 16;

Columns schedules(const Console&) {
  Columns table({false, true, true, true, true, false, false});
  table.add({"schedule", "chunks", "bubble", "live", "copies", "source", ""});
  for (const ScheduleEntry& entry : all_schedules()) {
    const Schedule schedule =
        generate_schedule(entry.name, {.stages_per_chunk = kReferenceRanks,
                                       .chunks = entry.default_chunks,
                                       .microbatches = kReferenceMicrobatches});
    const Evaluation result = evaluate(schedule, {});
    // Of a schedule that never flushes, the steady state.
    const double busy = *std::ranges::max_element(result.busy);
    const double bubble = schedule.flushes ? result.bubble_fraction()
                                           : 1.0 - busy / steady_state_period(schedule, {});
    // In activations of a P-th of the model: a chunk of two counts one half.
    const double live = static_cast<double>(*std::ranges::max_element(result.peak_live)) *
                        kReferenceRanks / schedule.num_stages();
    const std::vector<int>& versions = schedule.weight_versions;
    const int copies = versions.empty() ? schedule.replicas : *std::ranges::max_element(versions);
    table.add({std::string(entry.name), std::to_string(entry.default_chunks),
               fmt::format("{:.1f} %", 100.0 * bubble), fmt::format("{:g}", live),
               std::to_string(copies), std::string(entry.source), std::string(entry.summary)});
  }
  return table;
}

Columns software(const Console&) {
  Columns table({false, false, false});
  table.add({"software", "key", ""});
  for (const SoftwareFacts& era : all_software()) {
    table.add({era.name, "training.software", era.summary});
  }
  for (const ServingSoftware& engine : all_serving_software()) {
    table.add({std::string(engine.name), "serving.software", std::string(engine.summary)});
  }
  return table;
}

struct Kind {
  std::string_view name;
  Columns (*rows)(const Console&);
  std::string_view note{};  ///< below the table
};

constexpr std::array kKinds{Kind{"models", models},
                            Kind{"gpus", gpus},
                            Kind{"links", links},
                            Kind{"clusters", clusters},
                            Kind{"schedules", schedules, kSchedulesNote},
                            Kind{"software", software}};

int list(const std::string& what, const Console& console) {
  const auto kind = std::ranges::find(kKinds, what, &Kind::name);
  if (kind == kKinds.end()) {
    std::vector<std::string_view> names;
    for (const Kind& each : kKinds) names.push_back(each.name);
    const std::string_view best = nearest(what, std::span<const std::string_view>(names));
    throw InputError({option_problem("list", "there is no list of '" + what + "'",
                                     best.empty() ? "models, gpus, links, clusters, schedules or "
                                                    "software"
                                                  : "did you mean '" + std::string(best) + "'?")});
  }
  // Names and sources are never cut: a list is read by people and by scripts.
  TextStyle style = console.style;
  style.width = std::max(style.width, 200);
  console.out << kind->rows(console).text(style);
  console.out << kind->note;
  return kDone;
}

}  // namespace

std::vector<std::string> list_kinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

Command list_command(CLI::App& parent) {
  const auto what = std::make_shared<std::string>();
  CLI::App* app = parent.add_subcommand("list", "List the names a scenario may use");
  std::string kinds;
  for (const Kind& kind : kKinds) {
    if (!kinds.empty()) kinds += &kind == &kKinds.back() ? " or " : ", ";
    kinds += kind.name;
  }
  app->add_option("WHAT", *what, kinds)->required();
  app->footer(kFooter);
  return {app, [what](const Console& console) { return list(*what, console); }};
}

}  // namespace plumbline
