#include "sim/cli/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "sim/cli/result_row.h"
#include "sim/report/parts.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

double tokens_of(const Plan& plan) {
  return plan.result.training.tokens_per_s * plan.result.training.iteration_time_s;
}

/// "bubble +0.31 s, tensor comm -0.10 s": the largest differences of a step of `base`'s tokens.
std::string differences(const Plan& plan, const Plan& base) {
  const double scale = tokens_of(base) / tokens_of(plan);
  auto parts = parts_of(plan.result.training.breakdown);
  const auto before = parts_of(base.result.training.breakdown);
  double sum = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].value = scale * parts[i].value - before[i].value;
    sum += std::abs(parts[i].value);
  }
  std::ranges::stable_sort(parts, std::greater<>(),
                           [](const NamedPart& part) { return std::abs(part.value); });
  std::string text;
  for (std::size_t i = 0; i < 3 && std::abs(parts[i].value) > 0.05 * sum; ++i) {
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", parts[i].label,
                        parts[i].value > 0 ? "+" : "-", duration(std::abs(parts[i].value)));
  }
  return text;
}

std::string relative_score(const Plan& plan, const Plan& base) {
  return fmt::format("{:+.1f} %", 100 * (plan.score / base.score - 1));
}

/// What takes the time, largest first, and how much memory is left.
std::string what_binds(const Plan& plan, double limit) {
  const TrainingResult& t = plan.result.training;
  auto parts = parts_of(t.breakdown);
  std::ranges::stable_sort(parts, std::greater<>(), &NamedPart::value);
  std::string text;
  for (std::size_t i = 0; i < 4 && parts[i].value > 0.01 * t.iteration_time_s; ++i) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", parts[i].label,
                        percent(parts[i].value / t.iteration_time_s, 0));
  }
  return text + fmt::format("; {} of {} GiB, {:.0f} % free", gib(t.peak_memory_bytes), gib(limit),
                            100 * (1 - t.peak_memory_bytes / limit));
}

double limit_of(const PlanReport& report) {
  const Bytes usable = report.base.cluster.device.usable_memory;
  const auto& most = report.options.max_memory;
  return (most ? min(usable, *most) : usable).base();
}

std::string counts_text(const PlanReport& report) {
  const SearchCounts& n = report.found.counts;
  const auto count = [](std::int64_t value) {
    return value < 100 ? std::to_string(value) : grouped(static_cast<double>(value));
  };
  std::int64_t impossible = 0;
  std::string reasons;
  for (const auto& [path, times] : n.impossible) {
    impossible += times;
    reasons += (reasons.empty() ? "" : ", ") + path + " " + count(times);
  }
  std::string text = fmt::format("{} combinations", count(n.combinations));
  if (impossible > 0)
    text += fmt::format(", {} of them impossible ({})", count(impossible), reasons);
  text += fmt::format(
      ". Of {} plans {} cannot be fast enough whatever the order of their operations, {} cannot "
      "hold one micro-batch, {} exceed memory at their peak, {} cannot be fast enough with their "
      "transfers and optimizer; {} were simulated, {:.2f} s in all ({} plans/s).",
      count(n.legal), count(n.time_bound), count(n.memory_bound), count(n.memory),
      count(n.full_bound), count(n.simulated), report.wall_s,
      grouped(std::round(static_cast<double>(n.legal) / report.wall_s)));
  return text;
}

const char* price_name(Price price) {
  return price == Price::kTime ? "throughput" : price == Price::kCost ? "cost" : "energy";
}

std::string paragraphs(const std::string& text, const TextStyle& style, int indent = 2) {
  std::string out;
  for (const std::string& line : wrap(text, std::max(60, style.width) - indent)) {
    out += std::string(static_cast<std::size_t>(indent), ' ') + line + "\n";
  }
  return out;
}

/// The price in units that people compare: step, USD or kWh of a million tokens.
std::string priced(const PlanReport& report, const Plan& plan) {
  const Objective& objective = report.options.objective;
  const double step =
      objective.step_price(plan.result.training.iteration_time_s, plan.candidate.gpus);
  const double per_token = step / tokens_of(plan);
  switch (objective.price) {
    case Price::kTime:
      return grouped(plan.result.training.tokens_per_s);
    case Price::kCost:
      return fmt::format("{:.4f}", per_token * 1e6);
    case Price::kEnergy:
      return fmt::format("{:.3f}", per_token * 1e6 / 3.6e6);
  }
  return "";
}

std::string best_rows(const PlanReport& report, const TextStyle& style) {
  const Price price = report.options.objective.price;
  const bool several = report.options.space.gpus.size() > 1;
  const bool batches = report.options.space.global_batch_size.size() > 1;
  const bool scores = report.options.objective.critical_batch_tokens.has_value();
  const auto shown = [&](std::vector<std::string> always, const Plan* plan) {
    std::vector<std::string> cells{std::move(always.front())};
    if (several) cells.push_back(plan ? std::to_string(plan->candidate.gpus) : "GPUs");
    if (batches)
      cells.push_back(plan ? std::to_string(plan->candidate.global_batch_size) : "batch");
    if (scores) {
      cells.push_back(plan ? fmt::format("{:.3f}", plan->score / report.found.best.front().score)
                           : "score");
    }
    cells.insert(cells.end(), always.begin() + 1, always.end());
    return cells;
  };
  const std::vector<std::string> names = shown({"", "step",
                                                price == Price::kTime   ? "tokens/s"
                                                : price == Price::kCost ? "USD/Mtoken"
                                                                        : "kWh/Mtoken",
                                                "MFU", "bubble", "GiB", "plan"},
                                               nullptr);
  std::vector<bool> right(names.size(), true);
  right.back() = false;
  Columns columns(std::move(right));
  columns.add(names);
  for (std::size_t i = 0; i < report.found.best.size(); ++i) {
    const Plan& plan = report.found.best[i];
    const TrainingResult& t = plan.result.training;
    columns.add(shown(
        {std::to_string(i + 1), duration(t.iteration_time_s), priced(report, plan), percent(t.mfu),
         percent(t.bubble_fraction), gib(t.peak_memory_bytes), to_string(plan.candidate)},
        &plan));
  }
  return columns.text(style);
}

std::string alternative_rows(const PlanReport& report, const std::vector<Alternative>& list,
                             bool name_plans, const TextStyle& style) {
  const Plan& best = report.found.best.front();
  const double limit = limit_of(report);
  Columns columns({false, true, false});
  for (const Alternative& other : list) {
    if (!other.plan) {
      columns.add({other.what, "-", other.problem});
      continue;
    }
    std::string why = differences(*other.plan, best);
    if (other.plan->candidate == best.candidate) why = "it is the best plan";
    if (!other.plan->fits) {
      why = fmt::format("does not fit: {} of {} GiB; ",
                        gib(other.plan->result.training.peak_memory_bytes), gib(limit)) +
            why;
    }
    if (name_plans) why = to_string(other.plan->candidate) + ": " + why;
    columns.add({other.what, relative_score(*other.plan, best), why});
  }
  return columns.text(style);
}

Json json_of(const PlanReport& report, const Plan& plan) {
  Json entry;
  entry["plan"] = to_string(plan.candidate);
  entry["gpus"] = plan.candidate.gpus;
  for (const auto& [path, value] : settings_of(report.base, plan.candidate)) {
    entry["set"][path] = value;
  }
  entry["score"] = plan.score;
  entry["fits"] = plan.fits;
  entry["result"] = Json::parse(to_json(plan.result));
  entry["result"]["engine"].erase("wall_s");
  return entry;
}

Json json_of(const PlanReport& report, const std::vector<Alternative>& list) {
  Json all = Json::array();
  for (const Alternative& other : list) {
    Json entry;
    entry["what"] = other.what;
    if (other.plan) {
      entry["plan"] = to_string(other.plan->candidate);
      entry["score"] = other.plan->score;
      entry["fits"] = other.plan->fits;
      entry["iteration_time_s"] = other.plan->result.training.iteration_time_s;
      entry["peak_memory_bytes"] = other.plan->result.training.peak_memory_bytes;
      if (!report.found.best.empty()) {
        const auto parts = parts_of(other.plan->result.training.breakdown);
        const auto best = parts_of(report.found.best.front().result.training.breakdown);
        for (std::size_t i = 0; i < parts.size(); ++i) {
          entry["difference"]["breakdown_s"][std::string(parts[i].key)] =
              parts[i].value - best[i].value;
        }
      }
    } else {
      entry["problem"] = other.problem;
    }
    all.push_back(std::move(entry));
  }
  return all;
}

}  // namespace

std::string plan_table(const PlanReport& report, const TextStyle& style) {
  std::string gpus;
  for (const int count : report.options.space.gpus) {
    gpus += (gpus.empty() ? "" : ", ") + std::to_string(count);
  }
  std::string out = fmt::format("{}: plans for the best {} on {} {}\n", report.base.name,
                                price_name(report.options.objective.price), gpus,
                                report.base.cluster.device.name);
  out += paragraphs(counts_text(report), style);
  if (report.found.best.empty()) {
    out += "\n  No plan fits in " + gib(limit_of(report)) + " GiB.\n";
  } else {
    const Plan& best = report.found.best.front();
    out += "\n" + best_rows(report, style);
    out += "\n" + paragraphs("What binds 1: " + what_binds(best, limit_of(report)) + ".", style);
    out += heading("One change to it, and what the step gains or loses", style);
    out += alternative_rows(report, report.changes, false, style);
    out += heading("Plans people would have taken, at their best", style);
    out += alternative_rows(report, report.popular, true, style);
  }
  const std::vector<std::string> assumptions = report.options.objective.assumptions();
  if (!assumptions.empty()) out += heading("The objective assumes", style);
  for (const std::string& sentence : assumptions) out += paragraphs(sentence, style);
  return out;
}

std::string plan_json(const PlanReport& report) {
  const SearchCounts& n = report.found.counts;
  Json document;
  document["schema"] = "plumbline.plan/1";
  document["scenario"] = report.base.name;
  document["objective"] = {{"name", price_name(report.options.objective.price)},
                           {"score_unit", report.options.objective.unit()}};
  document["space"] = {{"combinations", n.combinations},
                       {"impossible", n.impossible},
                       {"plans", n.legal},
                       {"pruned_by_time_bound", n.time_bound},
                       {"pruned_by_memory_bound", n.memory_bound},
                       {"pruned_by_exact_memory", n.memory},
                       {"pruned_by_full_bound", n.full_bound},
                       {"simulated", n.simulated}};
  document["plans"] = Json::array();
  for (const Plan& plan : report.found.best) document["plans"].push_back(json_of(report, plan));
  document["one_change"] = json_of(report, report.changes);
  document["popular"] = json_of(report, report.popular);
  document["assumptions"] = report.options.objective.assumptions();
  return document.dump(1) + "\n";
}

std::string plan_csv(const PlanReport& report) {
  static constexpr const char* kSettings[] = {"gpus",
                                              "parallelism.tensor",
                                              "parallelism.pipeline",
                                              "parallelism.virtual_stages",
                                              "parallelism.data",
                                              "parallelism.context",
                                              "parallelism.expert",
                                              "parallelism.expert_tensor",
                                              "parallelism.zero_stage",
                                              "training.micro_batch_size",
                                              "training.global_batch_size",
                                              "training.recompute",
                                              "schedule",
                                              "training.layers_per_stage",
                                              "score"};
  std::string out;
  for (const char* name : kSettings) out += std::string(out.empty() ? "" : ",") + name;
  for (const std::string& key : result_keys()) out += "," + key;
  out += ",fits\n";
  for (const Plan& plan : report.found.best) {
    const Candidate& c = plan.candidate;
    std::string layers = "uniform";
    if (!c.layers_per_stage.empty())
      layers = fmt::format("[{}]", fmt::join(c.layers_per_stage, ", "));
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", c.gpus, c.tensor, c.pipeline,
                       c.virtual_stages, c.data, c.context, c.expert, c.expert_tensor, c.zero_stage,
                       c.micro_batch_size, c.global_batch_size, csv_cell(to_string(c.recompute)),
                       c.schedule, csv_cell(layers), Json(plan.score).dump());
    for (const std::string& value : result_values(plan.result)) out += "," + value;
    out += plan.fits ? ",true\n" : ",false\n";
  }
  return out;
}

}  // namespace plumbline
