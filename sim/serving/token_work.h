// Kernels of a layer that depend on how many tokens a step has, not on whose they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "models/model_spec.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/layer_table.h"
#include "sim/serving/software.h"
#include "sim/serving/step_prices.h"

namespace plumbline {

struct GroupSpan;

/// A price and what of it lies outside calibrated ranges.
struct WorkTime {
  double seconds = 0, outside = 0;

  WorkTime& operator+=(const WorkTime& more) {
    seconds += more.seconds;
    outside += more.outside;
    return *this;
  }
  friend WorkTime operator+(WorkTime a, const WorkTime& b) { return a += b; }
  friend WorkTime operator*(double k, const WorkTime& a) { return {k * a.seconds, k * a.outside}; }
};

/// Prices of one model on one cluster by the number of tokens (or sequences), in seconds. Where the
/// device has a measured table of this model's layers its times are taken, else the kernels are
/// priced one by one. Used while tables are built, never per step.
class TokenWork {
 public:
  /// @throws InputError when a precision has no units or no price on the device
  TokenWork(const ServedModel& served, const LayerTable* table);

  /// Norms, projections, rope and activation of layer `index`; of a mixture of experts without the
  /// routed experts.
  WorkTime layer(std::int64_t index, double tokens) const;
  /// All-reduces of a layer in its tensor group.
  WorkTime layer_communication(double tokens) const { return 2 * reduce(tokens); }
  /// Router and routed experts of one layer for the tokens of this replica. The tokens of a step
  /// reach local (1 - (1 - k/E)^tokens) different experts when they spread evenly.
  WorkTime experts(double tokens) const;
  /// The same when `replicas` in lock-step share the experts and have `together` tokens in all.
  WorkTime shared_experts(double together, int replicas) const;
  /// Gathering their tokens and router logits before, scattering the sums after.
  WorkTime shared_communication(double together) const;
  WorkTime embedding(double tokens) const;
  WorkTime embedding_communication(double tokens) const { return reduce(tokens); }
  /// Final norm over the tokens; head and sampling over the sequences; gathering of their logits.
  WorkTime final_norm(double tokens) const;
  WorkTime head(double sequences) const;
  WorkTime head_communication(double sequences) const;

  /// How a dtype of linear layers is called among the kernels ("bf16", "fp8_cutlass", ...).
  const std::string& linear_dtype() const { return linear_; }

 private:
  WorkTime linear(double rows, double outputs, double inputs) const;
  WorkTime product(bool low_precision, double bytes_per_weight, double rows, double outputs,
                   double inputs, double batch) const;
  WorkTime traffic(double bytes, double kernels = 1) const;
  WorkTime measured(std::string_view name, double size) const;
  WorkTime reduce(double tokens) const;
  WorkTime collective(Collective op, double bytes, const GroupSpan& group) const;
  WorkTime attention_products(double tokens) const;
  WorkTime grouped(double tokens, double local) const;
  WorkTime router(double tokens) const;

  const ServedModel& served_;
  const ServingSoftware& software_;
  const LayerTable* table_;
  std::string wide_, linear_;
  double linear_bytes_ = 2, expert_bytes_ = 2;  ///< per weight, where products read fewer bits
  bool weight_only_ = false;                    ///< 16-bit products of 4-bit weights
  double cut_ = 1;
  double packed_clock_ = 1;  ///< under the scenario's power limit
};

}  // namespace plumbline
