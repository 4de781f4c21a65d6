#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/cli/plan_report.h"
#include "sim/report/text.h"

namespace plumbline {

std::string reconfiguration_table(const Reconfiguration& change, const std::string& title,
                                  const TextStyle& style) {
  std::string out = title + ": how to go on\n\n";
  Columns figures({false, true, true, true, true, true, true}), plans({false, false});
  figures.add({"", "nodes' GPUs", "step", "tokens/s", "away", "redone", "Gtokens"});
  for (const Continuation& option : change.options) {
    if (!option.plan) {
      plans.add({option.what, option.problem});
      continue;
    }
    const TrainingResult& t = option.plan->result.training;
    figures.add({option.what, std::to_string(option.plan->candidate.gpus),
                 duration(t.iteration_time_s), grouped(t.tokens_per_s), duration(option.away_s),
                 duration(option.redone_s), fmt::format("{:.3f}", option.tokens / 1e9)});
    plans.add({option.what,
               to_string(option.plan->candidate) + (option.plan->fits ? "" : " DOES NOT FIT")});
  }
  out += figures.text(style) + heading("Their plans", style) + plans.text(style);
  out += fmt::format("\n  {} plans were held against each other, {} simulated.\n",
                     change.counts.legal, change.counts.simulated);
  out += heading("This assumes", style);
  for (const std::string& sentence : change.assumptions) {
    for (const std::string& line : wrap(sentence, style.width - 2)) out += "  " + line + "\n";
  }
  return out;
}

std::string reconfiguration_json(const Reconfiguration& change, const std::string& title) {
  nlohmann::ordered_json document;
  document["schema"] = "plumbline.reconfiguration/1";
  document["change"] = title;
  document["options"] = nlohmann::ordered_json::array();
  for (const Continuation& option : change.options) {
    nlohmann::ordered_json entry;
    entry["what"] = option.what;
    if (option.plan) {
      const TrainingResult& t = option.plan->result.training;
      entry["plan"] = to_string(option.plan->candidate);
      entry["gpus"] = option.plan->candidate.gpus;
      entry["fits"] = option.plan->fits;
      entry["iteration_time_s"] = t.iteration_time_s;
      entry["tokens_per_s"] = t.tokens_per_s;
      entry["reload_bytes"] = option.reload_bytes;
      entry["away_s"] = option.away_s;
      entry["redone_s"] = option.redone_s;
      entry["tokens"] = option.tokens;
    } else {
      entry["problem"] = option.problem;
    }
    document["options"].push_back(std::move(entry));
  }
  document["assumptions"] = change.assumptions;
  return document.dump(1) + "\n";
}

}  // namespace plumbline
