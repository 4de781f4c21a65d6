// Sentences that follow from the figures; none claims more than they show.
#include "sim/report/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

#include "sim/report/parts.h"
#include "sim/report/text.h"
#include "sim/report/validation.h"

namespace plumbline {
namespace {

/// Below this share of the whole a part is not worth a line.
constexpr double kWorthALine = 0.005;

std::string_view sentence_for(std::string_view cause) {
  static constexpr std::pair<std::string_view, std::string_view> kSentences[] = {
      {"warm_up", "the pipeline fills: the first micro-batch has not reached the rank yet"},
      {"drain", "the pipeline empties: the rank has done its last operation, others have not"},
      {"imbalance", "a neighbour's operation takes longer than the rank's own"},
      {"dependency", "the schedule's order makes it wait for an equally fast neighbour"},
      {"forward_comm", "activations are on the wire with nothing else to run"},
      {"backward_comm", "gradients are on the wire with nothing else to run"},
      {"slow_link", "the slowest hop takes longer than the median hop"},
      {"host_copies", "offloaded activations come back over the host link"},
  };
  for (const auto& [key, sentence] : kSentences) {
    if (key == cause) return sentence;
  }
  return "";
}

double median_busy(const TrainingResult& training) {
  std::vector<double> busy;
  for (const RankResult& rank : training.ranks) busy.push_back(rank.busy_s);
  return percentile(std::move(busy), 0.5);
}

bool holds(const RankResult& rank, bool StageLayers::*part) {
  return std::ranges::any_of(rank.stage_layers, [part](const auto& s) { return s.*part; });
}

std::string what_it_holds(const RankResult& rank) {
  const bool embedding = holds(rank, &StageLayers::embedding);
  const bool head = holds(rank, &StageLayers::head);
  if (embedding && head) return ", which holds the embedding and the vocabulary head,";
  if (embedding) return ", which holds the embedding,";
  if (head) return ", which holds the vocabulary head and the loss,";
  return "";
}

/// "Rank 3", "Ranks 0 and 15", "Ranks 0, 1, 2 and 5 more"
std::string name_ranks(const std::vector<int>& ranks) {
  constexpr std::size_t kNamed = 3;
  std::string text = ranks.size() == 1 ? "Rank " : "Ranks ";
  for (std::size_t i = 0; i < std::min(ranks.size(), kNamed); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  if (ranks.size() > kNamed) text += fmt::format(" and {} more", ranks.size() - kNamed);
  return text;
}

/// Against the median rank, so that a few light ranks do not make all others look heavy.
void observe_imbalance(const TrainingResult& training, std::vector<std::string>& out) {
  if (training.ranks.size() < 2) return;
  const double median = median_busy(training);
  if (median <= 0) return;
  std::vector<int> light;
  double least = median;
  for (const RankResult& rank : training.ranks) {
    if (rank.busy_s > 0.95 * median) continue;
    light.push_back(rank.pipeline_rank);
    least = std::min(least, rank.busy_s);
  }
  const RankResult* busiest = busiest_rank(training);
  if (busiest->busy_s > 1.01 * median) {
    out.push_back(fmt::format(
        "Rank {}{} works {} longer than the median rank ({} against {}); the others wait for it.",
        busiest->pipeline_rank, what_it_holds(*busiest), percent(busiest->busy_s / median - 1),
        duration(busiest->busy_s), duration(median)));
  }
  if (!light.empty()) {
    out.push_back(fmt::format("{} {} {} of the median rank's work and idle{} for it.",
                              name_ranks(light), light.size() == 1 ? "has" : "have down to",
                              percent(least / median, 0), light.size() == 1 ? "s" : ""));
  }
}

void observe_filling(const TrainingResult& training, std::vector<std::string>& out) {
  double filling = 0;
  for (const BubbleCause& cause : bubble_causes(training)) {
    if (cause.label == "warm-up" || cause.label == "drain") filling += cause.share;
  }
  if (training.bubble_fraction < 0.02 || filling < 0.5) return;
  out.push_back(fmt::format(
      "Filling and draining the pipeline make up {} of the bubble: more micro-batches per step, "
      "virtual stages or a schedule that fills the gaps with weight gradients shrink them.",
      percent(filling, 0)));
}

void observe_memory(const Result& result, std::vector<std::string>& out) {
  if (result.fits || result.training.usable_memory_bytes <= 0) return;
  const TrainingResult& training = result.training;
  const auto over = std::ranges::count_if(training.ranks, [&](const RankResult& rank) {
    return rank.peak.total().base() > training.usable_memory_bytes;
  });
  const RankResult* fullest = fullest_rank(training);
  if (fullest == nullptr) return;
  out.push_back(fmt::format(
      "{} of {} ranks need more memory than there is; rank {} peaks at {} with {} micro-batches' "
      "activations alive: {} GiB.",
      over, training.ranks.size(), fullest->pipeline_rank,
      fullest->peak_operation.empty() ? "its fullest moment" : fullest->peak_operation,
      fullest->peak_live_activations, largest_parts_text(fullest->peak, 3)));
}

}  // namespace

std::vector<BubbleCause> bubble_causes(const TrainingResult& training) {
  std::vector<BubbleCause> causes;
  if (training.ranks.empty()) return causes;
  const IdleCauses mean = mean_idle_causes(training);
  double total = 0;
  for (const NamedPart& part : parts_of(mean)) total += part.value;
  if (total <= 0) return causes;
  for (const NamedPart& part : parts_of(mean)) {
    if (part.value < kWorthALine * total) continue;
    causes.push_back({std::string(part.label), part.value, part.value / total,
                      std::string(sentence_for(part.key))});
  }
  std::ranges::stable_sort(causes, std::greater<>(), &BubbleCause::seconds);
  return causes;
}

std::vector<std::string> observations(const Result& result) {
  std::vector<std::string> out;
  observe_memory(result, out);
  observe_imbalance(result.training, out);
  observe_filling(result.training, out);
  return out;
}

std::string memory_verdict(const Result& result) {
  const TrainingResult& t = result.training;
  if (t.usable_memory_bytes <= 0) return fmt::format("{} GiB", gib(t.peak_memory_bytes));
  const double spare = t.usable_memory_bytes - t.peak_memory_bytes;
  return fmt::format("{}: {} of {} GiB on the fullest rank, {} GiB {}",
                     result.fits ? "fits" : "DOES NOT FIT", gib(t.peak_memory_bytes),
                     gib(t.usable_memory_bytes), gib(std::abs(spare)),
                     spare >= 0 ? "to spare" : "too much");
}

std::string layers_text(const RankResult& rank) {
  std::string text;
  int layers = 0;
  for (const StageLayers& stage : rank.stage_layers) layers += stage.layers();
  if (rank.stage_layers.size() > 2) {
    text = fmt::format("{} in {} chunks", layers, rank.stage_layers.size());
  } else {
    for (const StageLayers& stage : rank.stage_layers) {
      if (!text.empty()) text += ", ";
      if (stage.layers() == 0) {
        text += "none";
      } else if (stage.layers() == 1) {
        text += fmt::format("{}", stage.first_layer);
      } else {
        text += fmt::format("{}-{}", stage.first_layer, stage.end_layer - 1);
      }
    }
  }
  if (holds(rank, &StageLayers::embedding)) text += " +emb";
  if (holds(rank, &StageLayers::head)) text += " +head";
  return text;
}

std::string largest_parts_text(const MemoryBreakdown& memory, int count) {
  auto parts = parts_of(memory);
  std::ranges::stable_sort(parts, std::greater<>(), &NamedPart::value);
  std::string text;
  for (int i = 0; i < count && i < static_cast<int>(parts.size()); ++i) {
    if (parts[i].value <= 0) break;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", parts[i].label, gib(parts[i].value));
  }
  return text;
}

std::string main_idle_cause(const RankResult& rank) {
  const auto parts = parts_of(rank.idle_by_cause);
  const auto largest = std::ranges::max_element(parts, {}, &NamedPart::value);
  if (largest->value <= 0) return "";
  return fmt::format("{} {}", largest->label, duration(largest->value));
}

}  // namespace plumbline
