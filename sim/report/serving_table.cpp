// The table for people of a serving run: the answer, latencies, where stages wait, memory, grounds.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "sim/report/serving.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

constexpr std::size_t kMostStages = 16;
constexpr std::array<std::string_view, kIdleCauses> kSentences{
    "too few requests for every stage, filling and draining",
    "the engine's process was not ready with the step",
    "activations or tokens on their way",
    "another stage takes longer for the same step",
    "steps with and without prefill take different times",
    "requests unevenly spread over the steps in flight"};

constexpr std::array<std::string_view, kStepParts> kPartSentences{
    "projections, norms, activations, embedding",
    "over prompt chunks and decodes",
    "router and routed experts",
    "collectives inside the stage",
    "vocabulary head and sampling",
    "the GPU waits for launches",
    "cache copied to the host and back"};

std::string latency_table(const ServingResult& s, const TextStyle& style) {
  Columns columns({false, true, true, true, true});
  columns.add({"", "mean", "p50", "p90", "p99"});
  const auto row = [&](const char* name, const Percentiles& p) {
    columns.add({name, duration(p.mean), duration(p.p50), duration(p.p90), duration(p.p99)});
  };
  row("time to first token", s.ttft_s);
  row("time per output token", s.tpot_s);
  row("end to end", s.e2e_s);
  return heading("Latency", style) + columns.text(style);
}

std::string stage_table(const ServingResult& s, const TextStyle& style) {
  std::string out = heading("Why stages wait", style);
  Columns causes({false, true, false});
  for (std::size_t c = 0; c < kIdleCauses; ++c) {
    if (s.bubble_by_cause[c] < 5e-5) continue;
    std::string name(kIdleCauseNames[c]);
    std::ranges::replace(name, '_', ' ');
    causes.add({name, percent(s.bubble_by_cause[c]), std::string(kSentences[c])});
  }
  out += causes.text(style);
  double busy = 0;
  for (const double part : s.busy_parts_s) busy += part;
  Columns parts({false, true, false});
  for (std::size_t p = 0; p < kStepParts; ++p) {
    if (s.busy_parts_s[p] < 5e-4 * busy) continue;
    parts.add({std::string(kStepPartNames[p]), percent(s.busy_parts_s[p] / busy),
               std::string(kPartSentences[p])});
  }
  out += heading("What stages are busy with", style) + parts.text(style);
  Columns columns({true, true, true, true, true});
  columns.add({"replica", "stage", "steps", "busy", "idle"});
  for (std::size_t i = 0; i < std::min(kMostStages, s.stages.size()); ++i) {
    const StageResult& stage = s.stages[i];
    columns.add({std::to_string(stage.replica), std::to_string(stage.stage),
                 grouped_count(static_cast<std::int64_t>(stage.steps)), duration(stage.busy_s),
                 percent(stage.idle_s / (stage.idle_s + stage.busy_s))});
  }
  out += heading("Stages", style) + columns.text(style);
  if (s.stages.size() > kMostStages) {
    out += fmt::format("  and {} more\n", s.stages.size() - kMostStages);
  }
  return out;
}

std::string memory_table(const ServingResult& s, const TextStyle& style) {
  if (s.stage_memory.empty()) return "";
  Columns columns({true, true, true, true, true, true, true});
  columns.add({"stage", "weights", "activations", "graphs", "framework", "KV cache", "limit"});
  for (std::size_t i = 0; i < std::min(kMostStages, s.stage_memory.size()); ++i) {
    const ServingStageMemory& m = s.stage_memory[i];
    columns.add({std::to_string(i), gib(m.weights), gib(m.activations), gib(m.cuda_graphs),
                 gib(m.framework), gib(m.kv_cache), gib(m.limit)});
  }
  return heading("Memory of a GPU, GiB", style) + columns.text(style);
}

std::string headline(const Result& result, const ServingResult& s, const TextStyle& style) {
  const std::string_view dot = style.ascii ? ", " : " · ";
  std::string out = paint(result.scenario, Ink::kTitle, style) + "\n\n";
  const auto number = [](double value) { return grouped(value); };
  if (!result.fits) {
    out += fact("memory", paint("does not fit: " + s.why_not, Ink::kBad, style), style);
    return out;
  }
  out += fact("throughput",
              fmt::format("{} output tokens/s{}{} per GPU on {} {}{}{:.3g} requests/s",
                          number(s.output_tokens_per_s), dot, number(s.output_tokens_per_s_per_gpu),
                          s.gpus, s.gpus == 1 ? "GPU" : "GPUs", dot, s.requests_per_s),
              style);
  out += fact(
      "goodput",
      fmt::format("{:.3g} requests/s meet the objectives, {} of {}", s.goodput_requests_per_s,
                  percent(s.slo_attainment), grouped_count(static_cast<std::int64_t>(s.requests))),
      style);
  out += fact("bubble", fmt::format("{} of the stages' time is idle", percent(s.bubble_fraction)),
              style);
  const double block = s.kv.block_tokens;
  std::string cache = fmt::format(
      "{} tokens of room, {} at the peak ({}){}{} {}",
      number(static_cast<double>(s.kv.blocks) * block),
      number(static_cast<double>(s.peak_blocks) * block),
      percent(s.kv.blocks > 0
                  ? static_cast<double>(s.peak_blocks) / static_cast<double>(s.kv.blocks)
                  : 0),
      dot, s.preemptions, s.preemptions == 1 ? "preemption" : "preemptions");
  if (s.swap) {
    cache += fmt::format("{}{} swapped to the host and {} back, {} GiB in {} of a stage's time",
                         dot, s.swap->out, s.swap->in, gib(s.swap->bytes_out + s.swap->bytes_in),
                         duration(s.swap->time_s));
    if (s.swap->recomputed > 0) {
      cache += fmt::format("{}{} recomputed for lack of room there", dot, s.swap->recomputed);
    }
  }
  if (s.prefix_hit_tokens > 0) {
    cache += fmt::format("{}{} tokens found in the prefix cache", dot,
                         grouped_count(static_cast<std::int64_t>(s.prefix_hit_tokens)));
  }
  out += fact("KV cache", cache, style);
  std::string cost = fmt::format("{} GPU-seconds per million output tokens",
                                 number(s.gpu_seconds_per_million_output_tokens));
  if (s.usd_per_million_output_tokens) {
    cost += fmt::format("{}{:.2f} USD", dot, *s.usd_per_million_output_tokens);
  }
  if (s.kwh_per_million_output_tokens_at_power_limit) {
    cost += fmt::format("{}at most {:.2f} kWh of the GPUs", dot,
                        *s.kwh_per_million_output_tokens_at_power_limit);
  }
  out += fact("cost", cost, style);
  if (s.transfers > 0) {
    out += fact(
        "transfers",
        fmt::format("{} caches sent, {} each",
                    grouped_count(static_cast<std::int64_t>(s.transfers)), duration(s.transfer_s)),
        style);
  }
  return out;
}

std::string grounds(const Result& result, const ServingResult& s, const TextStyle& style) {
  std::string out;
  if (!result.assumptions.empty()) {
    out += heading("Assumed, because the scenario does not say", style);
    for (const std::string& text : result.assumptions) {
      std::string_view mark = style.ascii ? "  - " : "  • ";
      for (const std::string& line : wrap(text, style.width - 4)) {
        out += fmt::format("{}{}\n", mark, line);
        mark = "    ";
      }
    }
  }
  if (s.steps == 0) return out;
  if (result.outside_calibration.share_of_time > 0) {
    std::string list;
    for (const std::string& name : result.outside_calibration.operations) {
      list += (list.empty() ? "" : ", ") + name;
    }
    out += '\n';
    out += fact("outside",
                fmt::format("{} of the busy time is priced outside what was calibrated: {}",
                            percent(result.outside_calibration.share_of_time), list),
                style);
  }
  return out + "\n" +
         fact("engine",
              fmt::format("{} steps, {}: {}", grouped_count(static_cast<std::int64_t>(s.steps)),
                          result.engine.executor, result.engine.reason),
              style);
}

}  // namespace

std::string max_rate_line(double rate_per_s, double next_per_s, int tries) {
  if (rate_per_s <= 0) {
    return fmt::format("No rate meets the objectives, down to {:.3g} requests/s ({} tries).\n\n",
                       next_per_s, tries);
  }
  if (next_per_s <= 0) {
    return fmt::format(
        "{:.4g} requests/s meet the objectives; no rate tried failed ({} tries).\n\n", rate_per_s,
        tries);
  }
  return fmt::format("{:.4g} requests/s meet the objectives, {:.4g} do not ({} tries).\n\n",
                     rate_per_s, next_per_s, tries);
}

std::string serving_table(const Result& result, const ServingResult& s, const TextStyle& asked) {
  TextStyle style = asked;
  style.width = std::max(60, style.width);
  std::string out = headline(result, s, style);
  if (result.fits && s.requests > 0) out += latency_table(s, style) + stage_table(s, style);
  out += memory_table(s, style) + grounds(result, s, style);
  return style.ascii ? plain_ascii(out) : out;
}

}  // namespace plumbline
