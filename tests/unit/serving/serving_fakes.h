// Prices in closed form, and runs made of them.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/serving/simulate_serving.h"

namespace plumbline::test {

/// What a step costs on each stage; hop and host are constants.
struct ConstantPrices : StepPrices {
  std::vector<double> stage_s{1e-3};
  double hop_s = 0, host_s = 0, per_token_s = 0, swap_per_token_s = 0;

  Seconds stage_time(int stage, const StepWork& work) const override {
    return Seconds(stage_s[static_cast<std::size_t>(stage)] +
                   per_token_s * static_cast<double>(work.chunk_tokens));
  }
  Seconds swap_time(int, const StepWork& work) const override {
    return Seconds(swap_per_token_s *
                   static_cast<double>(work.swap_out_tokens + work.swap_in_tokens));
  }
  Seconds hop_time(int, const StepWork&) const override { return Seconds(hop_s); }
  Seconds host_time(const StepWork&) const override { return Seconds(host_s); }
};

/// A run in the making: options, resources and prices that a test changes where it needs to.
struct Bench {
  ServingOptions options;
  ServingResources resources;
  ConstantPrices prices;
  int pipeline = 1, replicas = 1;
  CacheTransfer transfer;
  bool keep_spans = false;

  Bench() {
    resources.kv.blocks = 100'000;
    resources.kv.block_tokens = 16;
    options.batching.chunked_prefill = true;
  }

  /// Stages that take `stage_s` each, and as many batches in flight as stages.
  void pipeline_of(std::vector<double> stage_s) {
    pipeline = static_cast<int>(stage_s.size());
    resources.in_flight_batches = pipeline;
    prices.stage_s = std::move(stage_s);
  }

  static Request request(double arrival_s, int prompt, int output) {
    Request made;
    made.arrival = to_sim_time(Seconds(arrival_s));
    made.prompt_tokens = prompt;
    made.output_tokens = output;
    return made;
  }

  ServingRun run(std::vector<Request> requests) const {
    Traffic traffic;
    traffic.requests.list = std::move(requests);
    return run(std::move(traffic));
  }
  ServingRun run(Traffic traffic) const {
    return simulate_serving({.options = options,
                             .resources = resources,
                             .prices = prices,
                             .pipeline = pipeline,
                             .replicas = replicas,
                             .gpus_per_replica = pipeline,
                             .transfer = transfer,
                             .seed = 1,
                             .keep_spans = keep_spans},
                            std::move(traffic));
  }
};

inline TokenDistribution uniform(double low, double high) {
  TokenDistribution tokens;
  tokens.kind = TokenDistribution::Kind::kUniform;
  tokens.low = low;
  tokens.high = high;
  return tokens;
}

inline double at(SimTime time) { return to_seconds(time).base(); }

/// So many equal requests that arrive at time 0.
inline std::vector<Request> at_once(int count, int prompt, int output) {
  return std::vector<Request>(static_cast<std::size_t>(count), Bench::request(0, prompt, output));
}

}  // namespace plumbline::test
