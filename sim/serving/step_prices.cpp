// The price of a step on a stage: tables over tokens and sequences, built once, and the attention
// of the batch at hand.
//
//   t = layers(T) + experts(T) + L A(work) + head(S) + gap + chunk gap [some chunk]
//
// T tokens (padded to a captured graph's size while there is one), S sequences that sample. The
// tables hold every graph size and, above, one size in 64 up to 2048 and 6 % apart beyond; between
// them prices are linear, which against pricing every size by itself is off by under 6 %
// where a measured size stands out between two tabulated ones (tests/unit/serving_costs).

#include "sim/serving/step_prices.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/layer_table.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/attention_prices.h"
#include "sim/serving/software.h"
#include "sim/serving/token_work.h"

namespace plumbline {
namespace {

/// Seconds by a count from 0, an entry per count; continued with the last slope.
class CountTable {
 public:
  template <typename Price>
  CountTable(const std::vector<std::int64_t>& knots, const Price& price) {
    seconds_.assign(static_cast<std::size_t>(knots.back()) + 1, 0.0);
    std::int64_t before = 0;
    double value = 0;
    for (const std::int64_t knot : knots) {
      const double here = price(static_cast<double>(knot));
      if (before == 0) value = here;  // below the first knot its own price holds
      for (std::int64_t i = before + 1; i <= knot; ++i) {
        const double part = static_cast<double>(i - before) / static_cast<double>(knot - before);
        seconds_[static_cast<std::size_t>(i)] = value + part * (here - value);
      }
      before = knot;
      value = here;
    }
  }
  double at(std::int64_t count) const {
    const auto i = static_cast<std::size_t>(count);
    if (i < seconds_.size()) return seconds_[i];
    const double slope = seconds_.size() < 3 ? 0 : seconds_.back() - seconds_[seconds_.size() - 2];
    return seconds_.back() + slope * static_cast<double>(i - seconds_.size() + 1);
  }

 private:
  std::vector<double> seconds_;
};

std::vector<std::int64_t> token_knots(const std::vector<std::int64_t>& graphs, std::int64_t most) {
  std::vector<std::int64_t> knots;
  for (const std::int64_t size : graphs) {
    if (size <= most) knots.push_back(size);
  }
  for (std::int64_t size = 1; size <= std::min<std::int64_t>(most, 64); size *= 2) {
    knots.push_back(size);
  }
  for (std::int64_t size = 64; size <= std::min<std::int64_t>(most, 2048); size += 64) {
    knots.push_back(size);
  }
  for (double size = 2176; size < static_cast<double>(most); size *= 1.0625) {
    knots.push_back(static_cast<std::int64_t>(size));
  }
  knots.push_back(most);
  std::ranges::sort(knots);
  const auto rest = std::ranges::unique(knots);
  knots.erase(rest.begin(), rest.end());
  return knots;
}

ModelShape shape_of(const ModelSpec& m, int tensor) {
  ModelShape shape;
  shape.tensor = tensor;
  shape.hidden = static_cast<double>(m.hidden);
  shape.heads = static_cast<double>(m.heads);
  shape.kv_heads = static_cast<double>(m.kv_heads);
  shape.head_dim = static_cast<double>(m.head_dim);
  shape.ffn = static_cast<double>(m.ffn);
  shape.vocab = static_cast<double>(m.vocab);
  if (m.moe) {
    shape.experts = static_cast<double>(m.moe->experts);
    shape.expert_ffn = static_cast<double>(m.moe->expert_ffn);
    shape.top_k = static_cast<double>(m.moe->top_k);
  }
  return shape;
}

struct Stage {
  CountTable tokens;                  ///< everything that goes by tokens, experts left out
  std::optional<CountTable> experts;  ///< of this replica alone
  std::optional<CountTable> shared;   ///< with the replicas in lock-step, by all their tokens
  std::optional<CountTable> head;     ///< by sequences
  double full_layers = 0, windowed_layers = 0;
  double chunk_gap = 0, eager_floor = 0;
};

class Prices final : public StepPrices {
 public:
  explicit Prices(const ServedModel& served)
      : table_(LayerTable::find(served.cluster.device, shape_of(served.model, served.plan.tensor))),
        attention_(served, table_ ? &*table_ : nullptr) {
    const ServingSoftware& software = serving_software(served.options.software);
    const BatchingOptions& batching = served.options.batching;
    step_gap_ = software.step_gap.base();
    host_base_ = served.options.host_us_per_step ? *served.options.host_us_per_step * 1e-6
                                                 : software.host_base.base();
    host_per_sequence_ = served.options.host_us_per_step ? 0.0 : software.host_per_sequence.base();
    if (served.options.cuda_graphs.value_or(software.cuda_graphs)) {
      graphs_ = cuda_graph_sizes(batching.max_num_seqs);
    }
    padded_.assign(graphs_.empty() ? 1 : static_cast<std::size_t>(graphs_.back()) + 1, 0);
    for (std::size_t i = 1; i < padded_.size(); ++i) {
      padded_[i] = *std::ranges::lower_bound(graphs_, static_cast<std::int64_t>(i));
    }
    window_ = static_cast<double>(served.model.sliding_window.value_or(0));
    build_stages(served, software);
    build_hops(served);
  }

  Seconds stage_time(int stage, const StepWork& work) const override {
    const Stage& s = stages_[static_cast<std::size_t>(stage)];
    const std::int64_t tokens = padded(work.total_tokens());
    double time = s.tokens.at(tokens) + batch_time(s, work);
    if (s.experts) time += s.experts->at(tokens);
    return finish(s, work, time);
  }

  Seconds lock_step_time(int stage, std::span<const StepWork* const> ranks) const override {
    const Stage& s = stages_[static_cast<std::size_t>(stage)];
    if (!s.shared) return StepPrices::lock_step_time(stage, ranks);
    // Inside a graph every rank is padded to the largest one; without, each has its own tokens.
    // The experts have the tokens of all ranks, and every rank waits for the slowest.
    std::int64_t most = 1, sum = 0;
    for (const StepWork* work : ranks) {
      most = std::max(most, work->total_tokens());
      sum += std::max<std::int64_t>(1, work->total_tokens());
    }
    const bool graph = static_cast<std::size_t>(most) < padded_.size();
    double slowest = 0;
    for (const StepWork* work : ranks) {
      if (work->empty()) continue;
      const std::int64_t own = graph ? padded(most) : work->total_tokens();
      const double time = s.tokens.at(own) + batch_time(s, *work);
      slowest = std::max(slowest, finish(s, *work, time).base());
    }
    if (graph) sum = padded(most) * static_cast<std::int64_t>(ranks.size());
    return Seconds(slowest + s.shared->at(sum));
  }

  Seconds hop_time(int from_stage, const StepWork& work) const override {
    const std::size_t from = static_cast<std::size_t>(from_stage);
    if (from + 1 == stages_.size()) return Seconds(answer_);
    return Seconds(hops_[from].at(work.total_tokens()));
  }

  Seconds host_time(const StepWork& work) const override {
    return Seconds(host_base_ + host_per_sequence_ *
                                    static_cast<double>(work.decodes + static_cast<std::int64_t>(
                                                                           work.chunks.size())));
  }

 private:
  std::int64_t padded(std::int64_t tokens) const {
    const auto i = static_cast<std::size_t>(tokens);
    return i < padded_.size() && tokens > 0 ? padded_[i] : tokens;
  }

  double batch_time(const Stage& s, const StepWork& work) const {
    double time = s.full_layers > 0 ? s.full_layers * attention_.of(work, 0) : 0.0;
    if (s.windowed_layers > 0) time += s.windowed_layers * attention_.of(work, window_);
    if (s.head && work.emitting > 0) time += s.head->at(work.emitting);
    return time;
  }

  Seconds finish(const Stage& s, const StepWork& work, double time) const {
    if (!work.chunks.empty()) time += s.chunk_gap;
    if (static_cast<std::size_t>(work.total_tokens()) >= padded_.size()) {
      time = std::max(time, s.eager_floor);
    }
    return Seconds(time + step_gap_);
  }

  void build_stages(const ServedModel& served, const ServingSoftware& software) {
    const TokenWork work(served, table_ ? &*table_ : nullptr);
    const BatchingOptions& batching = served.options.batching;
    const std::int64_t most =
        std::max<std::int64_t>({batching.max_num_batched_tokens, batching.max_num_seqs, 2});
    const std::vector<std::int64_t> knots = token_knots(graphs_, most);
    std::vector<std::int64_t> sequences =
        token_knots(cuda_graph_sizes(batching.max_num_seqs), batching.max_num_seqs);
    const ModelSpec& m = served.model;
    // Layers of a kind cost the same: each kind is priced once.
    std::map<bool, CountTable> kinds;
    const auto kind = [&](int layer) -> const CountTable& {
      const bool mixture = m.is_moe_layer(layer);
      auto it = kinds.find(mixture);
      if (it == kinds.end()) {
        it =
            kinds
                .emplace(mixture, CountTable(knots, [&](double t) { return work.layer(layer, t); }))
                .first;
      }
      return it->second;
    };
    std::optional<CountTable> experts, shared;
    std::vector<std::int64_t> shared_knots;
    if (m.moe) {
      experts.emplace(knots, [&](double t) { return work.experts(t); });
      if (served.options.data_parallel_lock_step && served.plan.data > 1) {
        shared_knots = token_knots({}, most * served.plan.data);
        shared.emplace(shared_knots,
                       [&](double t) { return work.shared_experts(t, served.plan.data); });
      }
    }
    for (const StageLayers& stage : served.plan.stages) {
      double mixtures = 0;
      Stage out{CountTable({1}, [](double) { return 0.0; }), {}, {}, {}};
      for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
        mixtures += m.is_moe_layer(layer) ? 1 : 0;
        (m.is_windowed_layer(layer) ? out.windowed_layers : out.full_layers) += 1;
      }
      out.tokens = CountTable(knots, [&](double t) {
        const auto count = static_cast<std::int64_t>(t);
        double time = 0;
        for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
          time += kind(layer).at(count);
        }
        if (stage.embedding) time += work.embedding(t);
        if (stage.head) time += work.final_norm(t);
        return time;
      });
      const auto times = [&](const CountTable& table, const std::vector<std::int64_t>& at) {
        return CountTable(
            at, [&](double t) { return mixtures * table.at(static_cast<std::int64_t>(t)); });
      };
      if (experts && mixtures > 0) out.experts = times(*experts, knots);
      if (shared && mixtures > 0) out.shared = times(*shared, shared_knots);
      if (stage.head) {
        out.head.emplace(sequences, [&](double s) { return work.head(s); });
      }
      out.chunk_gap = stage.layers() * software.chunk_gap_per_layer.base();
      out.eager_floor = stage.layers() * software.eager_per_layer.base();
      stages_.push_back(std::move(out));
    }
  }

  // vLLM sends hidden states and residual, a slice per tensor rank, and gathers them at the far
  // end.
  void build_hops(const ServedModel& served) {
    const double h = static_cast<double>(served.model.hidden);
    const int tensor = served.plan.tensor;
    const std::int64_t most = std::max<std::int64_t>(
        {served.options.batching.max_num_batched_tokens, served.options.batching.max_num_seqs, 2});
    const std::vector<std::int64_t> knots = token_knots({}, most);
    // All GPUs of a node send at once. One sender reaches its point-to-point rate; senders that
    // share a NIC fill it as a collective does and get their share of that.
    const LinkSpec& link = served.cluster.inter_node;
    double shared = 1.0;
    if (link.p2p_bandwidth.value.base() > 0 && link.collective_bandwidth.value.base() > 0) {
      const double nics = std::min(1.0, static_cast<double>(served.cluster.nics_per_node) /
                                            static_cast<double>(served.cluster.gpus_per_node));
      shared = std::max(1.0, link.p2p_bandwidth.value / (nics * link.collective_bandwidth.value));
    }
    for (std::size_t s = 0; s + 1 < served.plan.stages.size(); ++s) {
      const bool inside =
          hop_inside_node(served.plan, static_cast<int>(s), static_cast<int>(s) + 1);
      const double slowed = inside ? 1.0 : shared;
      hops_.emplace_back(knots, [&](double t) {
        const double bytes = 2 * 2 * t * h;
        double time =
            served.kernels.send_recv(Bytes(slowed * bytes / tensor), inside).sustained.base();
        if (tensor > 1) {
          CollectiveQuery query;
          query.op = Collective::kAllGather;
          query.bytes = Bytes(bytes);
          query.ranks = tensor;
          query.ranks_per_node = std::min(tensor, served.cluster.gpus_per_nvlink_domain);
          time += served.kernels.collective(query).sustained.base();
        }
        return time;
      });
    }
    // The sampled tokens return in one message of a few bytes.
    answer_ =
        stages_.size() < 2
            ? 0.0
            : served.kernels
                  .send_recv(Bytes(8), hop_inside_node(served.plan, 0, served.plan.pipeline - 1))
                  .sustained.base();
  }

  std::optional<LayerTable> table_;
  AttentionPrices attention_;
  std::vector<Stage> stages_;
  std::vector<CountTable> hops_;
  std::vector<std::int64_t> graphs_, padded_;
  double window_ = 0, answer_ = 0, step_gap_ = 0, host_base_ = 0, host_per_sequence_ = 0;
};

}  // namespace

std::unique_ptr<StepPrices> make_step_prices(const ServedModel& served) {
  return std::make_unique<Prices>(served);
}

}  // namespace plumbline
