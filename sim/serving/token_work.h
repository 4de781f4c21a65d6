// Kernels of a layer that depend on how many tokens a step has, not on whose they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/model_spec.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/layer_table.h"
#include "sim/serving/software.h"
#include "sim/serving/step_prices.h"

namespace plumbline {

/// Prices of one model on one cluster by the number of tokens (or sequences), in seconds. Where the
/// device has a measured table of this model's layers its times are taken, else the kernels are
/// priced one by one. Used while tables are built, never per step.
class TokenWork {
 public:
  /// @throws InputError when a precision has no units on the device
  TokenWork(const ServedModel& served, const LayerTable* table);

  /// Norms, projections, rope and activation of layer `index`, the all-reduces of its tensor group
  /// included; of a mixture of experts without the routed experts.
  double layer(std::int64_t index, double tokens) const;
  /// Router and routed experts of one layer for the tokens of this replica. The tokens of a step
  /// reach local (1 - (1 - k/E)^tokens) different experts when they spread evenly.
  double experts(double tokens) const;
  /// The same when `replicas` in lock-step share the experts and have `together` tokens in all:
  /// gathering tokens and router logits before, scattering the sums after.
  double shared_experts(double together, int replicas) const;
  double embedding(double tokens) const;
  /// Final norm over the tokens; head, gathering of logits and sampling over the sequences.
  double final_norm(double tokens) const;
  double head(double sequences) const;

  /// How a dtype of linear layers is called among the kernels ("bf16", "fp8_cutlass", ...).
  const std::string& linear_dtype() const { return linear_; }

 private:
  double linear(double rows, double outputs, double inputs) const;
  double product(bool low_precision, double bytes_per_weight, double rows, double outputs,
                 double inputs, double batch) const;
  double traffic(double bytes, double kernels = 1) const;
  double reduce(double tokens) const;
  double collective(Collective op, double bytes, int ranks) const;
  double attention_products(double tokens) const;
  double grouped(double tokens, double local) const;
  double router(double tokens) const;

  const ServedModel& served_;
  const ServingSoftware& software_;
  const LayerTable* table_;
  std::string linear_;
  double linear_bytes_ = 2, expert_bytes_ = 2;  ///< per weight, where products read fewer bits
  bool weight_only_ = false;                    ///< 16-bit products of 4-bit weights
  double cut_ = 1;
};

}  // namespace plumbline
