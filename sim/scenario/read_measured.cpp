#include "sim/scenario/read_parts.h"
#include "sim/scenario/words.h"

namespace plumbline {
namespace {

/// One number, or a list with one per pipeline rank.
void read_memory(const KeyReader& keys, std::string_view path, std::optional<double>& one,
                 std::vector<double>& by_rank) {
  if (keys.node(path).is_list()) {
    by_rank = keys.number_list(path);
  } else {
    one = keys.number(path);
  }
}

}  // namespace

std::optional<Measured> read_measured(const KeyReader& keys) {
  if (!keys.node("measured").is_map()) return std::nullopt;
  Measured measured;
  measured.iteration_time_s = keys.number("measured.iteration_time_s");
  measured.tokens_per_s = keys.number("measured.tokens_per_s");
  measured.tokens_per_s_per_gpu = keys.number("measured.tokens_per_s_per_gpu");
  measured.samples_per_s = keys.number("measured.samples_per_s");
  measured.model_tflops_per_gpu = keys.number("measured.model_tflops_per_gpu");
  measured.mfu = keys.number("measured.mfu");
  measured.bubble_fraction = keys.number("measured.bubble_fraction");
  measured.ttft_s = keys.number("measured.ttft_s");
  measured.tpot_s = keys.number("measured.tpot_s");
  measured.e2e_s = keys.number("measured.e2e_s");
  if (const auto index = keys.word("measured.statistic")) {
    measured.statistic = words::kStatistic[*index];
  }
  if (const auto file = keys.text("measured.cases")) {
    const YamlNode node = keys.node("measured.cases");
    if (!keys.stated("serving")) node.problem("belongs to a serving scenario");
    measured.cases = resolved_path(node, *file);
  }
  read_memory(keys, "measured.peak_memory_gib", measured.peak_memory_gib,
              measured.peak_memory_gib_by_rank);
  read_memory(keys, "measured.peak_reserved_gib", measured.peak_reserved_gib,
              measured.peak_reserved_gib_by_rank);
  if (const auto index = keys.word("measured.flops")) measured.flops = words::kFlops[*index];
  keys.read("measured.gate", measured.gate);
  measured.source = keys.text("measured.source").value_or("");
  measured.notes = keys.text("measured.notes").value_or("");
  return measured;
}

}  // namespace plumbline
