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
#include "sim/serving/count_table.h"
#include "sim/serving/price_basis.h"
#include "sim/serving/software.h"
#include "sim/serving/token_work.h"
#include "sim/serving/weights.h"

namespace plumbline {
namespace {

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

struct Stage {
  // By tokens: layers without experts, and the collectives of all.
  std::optional<WorkTable> layers, communication;
  std::optional<WorkTable> experts;                       ///< of this replica alone
  std::optional<WorkTable> shared, shared_communication;  ///< in lock-step, by all tokens
  std::optional<WorkTable> head, head_communication;      ///< by sequences
  double full_layers = 0, windowed_layers = 0;
  double chunk_gap = 0, eager_floor = 0;
  double swap_per_token = 0;  ///< s
};

/// Adds up what a stage's time is spent on.
class Sum {
 public:
  explicit Sum(StepTimes* parts) : parts_(parts) {}
  void add(StepPart part, double times, const WorkTime& time) {
    seconds_ += times * time.seconds;
    if (parts_ == nullptr) return;
    parts_->of(part) += times * time.seconds;
    parts_->outside_of(part) += times * time.outside;
  }
  double seconds() const { return seconds_; }

 private:
  double seconds_ = 0;
  StepTimes* parts_;
};

struct BatchAttention {  // of one layer of each kind
  AttentionTime full, windowed;
};

class Prices final : public StepPrices {
 public:
  explicit Prices(const ServedModel& served)
      : table_(measured_layers(served)),
        attention_(served, table_ && measured_attention_holds(served) ? &*table_ : nullptr) {
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
    return alone(stages_[static_cast<std::size_t>(stage)], work, attention_of(work), nullptr);
  }

  void stage_times(const StepWork& work, std::span<Seconds> times,
                   std::span<StepTimes> parts) const override {
    const BatchAttention attention = attention_of(work);
    for (std::size_t s = 0; s < times.size(); ++s) {
      times[s] = alone(stages_[s], work, attention, &parts[s]);
    }
  }

  Seconds lock_step_time(int stage, std::span<const StepWork* const> ranks,
                         StepTimes* parts) const override {
    const Stage& s = stages_[static_cast<std::size_t>(stage)];
    if (!s.shared) return slowest_alone(s, ranks, parts);
    // Inside a graph every rank is padded to the largest one; without, each has its own tokens.
    // The experts have the tokens of all ranks, and every rank waits for the slowest.
    std::int64_t most = 1, sum = 0;
    for (const StepWork* work : ranks) {
      most = std::max(most, work->total_tokens());
      sum += std::max<std::int64_t>(1, work->total_tokens());
    }
    const bool graph = static_cast<std::size_t>(most) < padded_.size();
    const auto dense = [&](const StepWork& work, StepTimes* of) {
      Sum time(of);
      const std::int64_t tokens = graph ? padded(most) : work.total_tokens();
      return finish(s, work, tokens, attention_of(work), time, of);
    };
    const StepWork* slowest = nullptr;
    double longest = 0;
    for (const StepWork* work : ranks) {
      if (work->empty()) continue;
      const double time = dense(*work, nullptr);
      if (slowest != nullptr && time <= longest) continue;
      slowest = work;
      longest = time;
    }
    if (parts != nullptr && slowest != nullptr) dense(*slowest, parts);
    if (graph) sum = padded(most) * static_cast<std::int64_t>(ranks.size());
    Sum together(parts);
    together.add(StepPart::kExperts, 1, s.shared->at(sum));
    together.add(StepPart::kCommunication, 1, s.shared_communication->at(sum));
    return Seconds(longest + together.seconds());
  }

  Seconds swap_time(int stage, const StepWork& work) const override {
    const double per_token = stages_[static_cast<std::size_t>(stage)].swap_per_token;
    double time = 0;
    for (const std::int64_t tokens : {work.swap_out_tokens, work.swap_in_tokens}) {
      if (tokens > 0) time += swap_latency_ + per_token * static_cast<double>(tokens);
    }
    return Seconds(time);
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

  BatchAttention attention_of(const StepWork& work) const {
    BatchAttention out;
    if (any_full_) out.full = attention_.of(work, 0);
    if (any_windowed_) out.windowed = attention_.of(work, window_);
    return out;
  }

  /// Adds to the experts' time, if there is any, everything else. `time` adds to `parts`.
  double finish(const Stage& s, const StepWork& work, std::int64_t tokens,
                const BatchAttention& attention, Sum& time, StepTimes* parts) const {
    const auto attend = [&](double layers, const AttentionTime& one) {
      if (layers > 0) time.add(StepPart::kAttention, layers, {one.seconds, one.outside});
    };
    time.add(StepPart::kLayers, 1, s.layers->at(tokens));
    time.add(StepPart::kCommunication, 1, s.communication->at(tokens));
    attend(s.full_layers, attention.full);
    attend(s.windowed_layers, attention.windowed);
    if (s.head && work.emitting > 0) {
      time.add(StepPart::kHead, 1, s.head->at(work.emitting));
      time.add(StepPart::kCommunication, 1, s.head_communication->at(work.emitting));
    }
    double launch = work.chunks.empty() ? 0 : s.chunk_gap;
    if (static_cast<std::size_t>(work.total_tokens()) >= padded_.size()) {
      launch += std::max(0.0, s.eager_floor - time.seconds() - launch);
    }
    launch += step_gap_;
    if (parts != nullptr) parts->of(StepPart::kLaunch) += launch;
    return time.seconds() + launch;
  }

  /// A stage of one replica by itself.
  Seconds alone(const Stage& s, const StepWork& work, const BatchAttention& attention,
                StepTimes* parts) const {
    const std::int64_t tokens = padded(work.total_tokens());
    Sum time(parts);
    if (s.experts) time.add(StepPart::kExperts, 1, s.experts->at(tokens));
    return Seconds(finish(s, work, tokens, attention, time, parts));
  }

  Seconds slowest_alone(const Stage& s, std::span<const StepWork* const> ranks,
                        StepTimes* parts) const {
    const StepWork* slowest = nullptr;
    Seconds longest;
    for (const StepWork* work : ranks) {
      if (work->empty()) continue;
      const Seconds time = alone(s, *work, attention_of(*work), nullptr);
      if (slowest != nullptr && time <= longest) continue;
      slowest = work;
      longest = time;
    }
    if (parts != nullptr && slowest != nullptr) alone(s, *slowest, attention_of(*slowest), parts);
    return longest;
  }

  void build_stages(const ServedModel& served, const ServingSoftware& software) {
    const TokenWork work(served, table_ ? &*table_ : nullptr);
    const BatchingOptions& batching = served.options.batching;
    const std::int64_t most = largest_step(served);
    const std::vector<std::int64_t> knots = token_knots(graphs_, most);
    std::vector<std::int64_t> sequences =
        token_knots(cuda_graph_sizes(batching.max_num_seqs), batching.max_num_seqs);
    const ModelSpec& m = served.model;
    // Layers of a kind cost the same: each kind is priced once.
    std::map<bool, WorkTable> kinds;
    const auto kind = [&](int layer) -> const WorkTable& {
      const bool mixture = m.is_moe_layer(layer);
      const auto price = [&](double t) { return work.layer(layer, t); };
      return kinds.try_emplace(mixture, knots, price).first->second;
    };
    const WorkTable reduces(knots, [&](double t) { return work.layer_communication(t); });
    std::optional<WorkTable> experts, shared, exchange;
    std::vector<std::int64_t> shared_knots;
    if (m.moe) {
      experts.emplace(knots, [&](double t) { return work.experts(t); });
      if (served.options.data_parallel_lock_step && served.plan.data > 1) {
        const int replicas = served.plan.data;
        shared_knots = token_knots({}, most * replicas);
        shared.emplace(shared_knots, [&](double t) { return work.shared_experts(t, replicas); });
        exchange.emplace(shared_knots, [&](double t) { return work.shared_communication(t); });
      }
    }
    for (const StageLayers& stage : served.plan.stages) {
      double mixtures = 0;
      Stage out;
      for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
        mixtures += m.is_moe_layer(layer) ? 1 : 0;
        (m.is_windowed_layer(layer) ? out.windowed_layers : out.full_layers) += 1;
      }
      any_full_ = any_full_ || out.full_layers > 0;
      any_windowed_ = any_windowed_ || out.windowed_layers > 0;
      out.layers.emplace(knots, [&](double t) {
        const auto count = static_cast<std::int64_t>(t);
        WorkTime time;
        for (int layer = stage.first_layer; layer < stage.end_layer; ++layer) {
          time += kind(layer).at(count);
        }
        if (stage.embedding) time += work.embedding(t);
        if (stage.head) time += work.final_norm(t);
        return time;
      });
      out.communication.emplace(knots, [&](double t) {
        WorkTime time = stage.layers() * reduces.at(static_cast<std::int64_t>(t));
        if (stage.embedding) time += work.embedding_communication(t);
        return time;
      });
      const auto times = [&](const WorkTable& table) {
        return [&](double t) { return mixtures * table.at(static_cast<std::int64_t>(t)); };
      };
      if (experts && mixtures > 0) out.experts.emplace(knots, times(*experts));
      if (shared && mixtures > 0) {
        out.shared.emplace(shared_knots, times(*shared));
        out.shared_communication.emplace(shared_knots, times(*exchange));
      }
      if (stage.head) {
        out.head.emplace(sequences, [&](double s) { return work.head(s); });
        out.head_communication.emplace(sequences,
                                       [&](double s) { return work.head_communication(s); });
      }
      out.chunk_gap = stage.layers() * software.chunk_gap_per_layer.base();
      out.eager_floor = stage.layers() * software.eager_per_layer.base();
      if (served.cluster.host_link) {
        const double token = stage.layers() * kv_bytes_per_layer(m, served.plan.tensor,
                                                                 served.options.kv_cache_precision);
        out.swap_per_token = token / served.cluster.host_link->p2p_bandwidth.value.base();
      }
      stages_.push_back(std::move(out));
    }
    if (served.cluster.host_link) {
      swap_latency_ = served.cluster.host_link->p2p_latency.value.base();
    }
  }

  // vLLM sends hidden states and residual, a slice per tensor rank, and gathers them at the far
  // end.
  void build_hops(const ServedModel& served) {
    const double h = static_cast<double>(served.model.hidden);
    const int tensor = served.plan.tensor;
    const std::vector<std::int64_t> knots = token_knots({}, largest_step(served));
    // All GPUs of a node send at once. One sender reaches its point-to-point rate; senders that
    // share a NIC fill it as a collective does and get their share of that.
    const LinkSpec& link = served.cluster.inter_node;
    const double nics = std::min(1.0, static_cast<double>(served.cluster.nics_per_node) /
                                          static_cast<double>(served.cluster.gpus_per_node));
    double shared = 1.0;
    if (link.p2p_bandwidth.value.base() > 0 && link.collective_bandwidth.value.base() > 0) {
      shared = std::max(1.0, link.p2p_bandwidth.value / (nics * link.collective_bandwidth.value));
    }
    for (std::size_t s = 0; s + 1 < served.plan.stages.size(); ++s) {
      const bool inside =
          hop_inside_node(served.plan, static_cast<int>(s), static_cast<int>(s) + 1);
      const double slowed = inside ? 1.0 : shared;
      const auto price = [&](double t) {
        const double bytes = 2 * 2 * t * h;
        double time =
            served.kernels.send_recv(Bytes(slowed * bytes / tensor), inside).sustained.base();
        if (tensor > 1) {
          CollectiveQuery query;
          query.op = Collective::kAllGather;
          query.bytes = Bytes(bytes);
          query.ranks = tensor;
          query.ranks_per_node = served.plan.tensor_group.ranks_per_node;
          query.nics = nics * query.ranks_per_node;
          time += served.kernels.collective(query).sustained.base();
        }
        return time;
      };
      std::vector<double> seconds;
      for (const std::int64_t knot : knots) seconds.push_back(price(static_cast<double>(knot)));
      hops_.emplace_back(knots, seconds);
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
  bool any_full_ = false, any_windowed_ = false;
  double swap_latency_ = 0;
  double window_ = 0, answer_ = 0, step_gap_ = 0, host_base_ = 0, host_per_sequence_ = 0;
};

}  // namespace

std::unique_ptr<StepPrices> make_step_prices(const ServedModel& served) {
  return std::make_unique<Prices>(served);
}

}  // namespace plumbline
