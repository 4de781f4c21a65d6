// The `serving:` block: one way for requests to arrive, and what belongs to another way refused.
#include <string>

#include "sim/scenario/read_parts.h"
#include "sim/scenario/words.h"

namespace plumbline {
namespace {

using Kind = TrafficOptions::Kind;

TokenDistribution read_tokens(const KeyReader& keys, const std::string& path) {
  using Shape = TokenDistribution::Kind;
  TokenDistribution tokens;
  const YamlNode node = keys.node(path);
  if (!node.present()) {
    node.problem("is missing", "a number, or {lognormal: {mean: 1000, p99: 4000}}");
    return tokens;
  }
  if (!node.is_map()) {
    tokens.fixed = static_cast<double>(keys.integer(path).value_or(1));
    return tokens;
  }
  int ways = 0;
  const auto chosen = [&](const char* way, Shape kind) {
    if (!keys.stated(path + "." + way)) return false;
    tokens.kind = kind;
    ++ways;
    return true;
  };
  const auto integer = [&](const char* key) {
    return static_cast<double>(keys.integer(path + "." + key).value_or(1));
  };
  const auto number = [&](const char* key) { return keys.number(path + "." + key).value_or(1); };
  if (chosen("fixed", Shape::kFixed)) tokens.fixed = integer("fixed");
  if (chosen("uniform", Shape::kUniform)) {
    tokens.low = integer("uniform.low");
    tokens.high = integer("uniform.high");
    if (tokens.low > tokens.high) keys.node(path + ".uniform").problem("high is below low");
  }
  if (chosen("lognormal", Shape::kLognormal)) {
    tokens.mean = number("lognormal.mean");
    tokens.p99 = number("lognormal.p99");
    // A lognormal's p99 over its mean is exp(2.326 s - s^2 / 2): at least 1 for small s, and never
    // beyond exp(2.326^2 / 2).
    if (tokens.p99 < tokens.mean || tokens.p99 > 14.9 * tokens.mean) {
      keys.node(path + ".lognormal")
          .problem("no lognormal distribution has this mean and p99",
                   "p99 must lie between mean and 14.9 times mean");
    }
  }
  if (chosen("exponential", Shape::kExponential)) tokens.mean = number("exponential.mean");
  if (ways != 1) node.problem("names one of fixed, uniform, lognormal, exponential");
  tokens.max = keys.integer(path + ".max");
  return tokens;
}

struct Way {
  const char* name;
  Kind kind;
};
constexpr Way kWays[] = {{"poisson", Kind::kPoisson}, {"gamma", Kind::kGamma},
                         {"bursts", Kind::kBursts},   {"diurnal", Kind::kDiurnal},
                         {"trace", Kind::kTrace},     {"closed_loop", Kind::kClosedLoop}};

void read_arrivals(const KeyReader& keys, TrafficOptions& traffic) {
  const std::string root = "serving.requests.";
  const std::string path =
      root + kWays[static_cast<std::size_t>(traffic.kind)].name;  // in the enum's order
  const auto number = [&](const char* key, double& to) { keys.read(path + "." + key, to); };
  if (traffic.kind == Kind::kTrace) {
    if (const auto file = keys.text(path)) traffic.trace = resolved_path(keys.node(path), *file);
    keys.read(root + "time_scale", traffic.time_scale);
    traffic.count = keys.integer(root + "count").value_or(0);
    return;
  }
  traffic.count = keys.integer(path + ".count").value_or(1);
  switch (traffic.kind) {
    case Kind::kGamma:
      number("cv", traffic.coefficient_of_variation);
      [[fallthrough]];
    case Kind::kPoisson:
      number("rate_per_s", traffic.rate_per_s);
      break;
    case Kind::kBursts:
      number("rate_per_s", traffic.rate_per_s);
      number("off_rate_per_s", traffic.off_rate_per_s);
      number("on_s", traffic.on_s);
      number("off_s", traffic.off_s);
      break;
    case Kind::kDiurnal: {
      traffic.rates_per_s = keys.number_list(path + ".rates_per_s");
      number("period_s", traffic.period_s);
      double sum = 0;
      for (const double rate : traffic.rates_per_s) sum += rate;
      if (sum <= 0) keys.node(path).problem("rates_per_s has no positive rate");
      break;
    }
    case Kind::kClosedLoop:
      traffic.users = keys.integer(path + ".users").value_or(1);
      number("think_time_s", traffic.think_time_s);
      break;
    case Kind::kTrace:
      break;
  }
}

TrafficOptions read_requests(const KeyReader& keys) {
  TrafficOptions traffic;
  const std::string root = "serving.requests";
  keys.require(root);
  const YamlNode node = keys.node(root);
  if (!node.is_map()) return traffic;
  int ways = 0;
  for (const Way& way : kWays) {
    if (!keys.stated(root + "." + way.name)) continue;
    traffic.kind = way.kind;
    ++ways;
  }
  if (ways != 1) {
    node.problem("names one of poisson, gamma, bursts, diurnal, trace, closed_loop");
    return traffic;
  }
  read_arrivals(keys, traffic);
  const bool trace = traffic.kind == Kind::kTrace;
  for (const char* key : {"time_scale", "count"}) {
    if (!trace && keys.stated(root + "." + key)) node.child(key).problem("goes with a trace");
  }
  for (const char* key : {"prompt_tokens", "output_tokens", "prefix"}) {
    if (trace && keys.stated(root + "." + key)) node.child(key).problem("the trace says this");
  }
  if (trace) return traffic;
  traffic.prompt = read_tokens(keys, root + ".prompt_tokens");
  traffic.output = read_tokens(keys, root + ".output_tokens");
  if (keys.stated(root + ".prefix")) {
    PrefixSharing prefix;
    keys.read(root + ".prefix.share", prefix.share);
    prefix.tokens = keys.integer(root + ".prefix.tokens").value_or(1);
    prefix.groups = keys.integer(root + ".prefix.groups").value_or(1);
    traffic.prefix = prefix;
  }
  return traffic;
}

BatchingOptions read_batching(const KeyReader& keys) {
  BatchingOptions batching;
  const std::string root = "serving.batching.";
  const auto integer = [&](const char* key, std::int64_t& to) {
    if (const auto value = keys.integer(root + key)) to = *value;
  };
  keys.read_enum(root + "policy", batching.policy);
  integer("max_num_seqs", batching.max_num_seqs);
  integer("max_num_batched_tokens", batching.max_num_batched_tokens);
  keys.read(root + "chunked_prefill", batching.chunked_prefill);
  integer("long_prefill_token_threshold", batching.long_prefill_token_threshold);
  integer("max_decodes_per_microbatch", batching.max_decodes_per_microbatch);
  batching.in_flight_batches = keys.small_integer(root + "in_flight_batches");
  const auto refuse = [&](const char* key, const char* problem, const char* hint) {
    if (keys.stated(root + key)) keys.node(root + key).problem(problem, hint);
  };
  const bool batch_runs_whole = batching.policy == BatchingPolicy::kStatic;
  if (batch_runs_whole || batching.policy == BatchingPolicy::kOrca) {
    for (const char* key :
         {"max_num_batched_tokens", "chunked_prefill", "long_prefill_token_threshold"}) {
      refuse(key, "orca and static know no token budget and split no prompt",
             "leave it out, or policy vllm or sarathi");
    }
  } else if (!batching.chunked_prefill) {
    refuse("long_prefill_token_threshold", "splits prompts, which chunked_prefill: false forbids",
           "leave one of the two out");
  }
  if (batch_runs_whole) {
    refuse("max_decodes_per_microbatch", "a static batch runs all its requests",
           "leave it out; max_num_seqs / in_flight_batches requests make a batch");
  }
  return batching;
}

KvCacheOptions read_kv_cache(const KeyReader& keys) {
  KvCacheOptions cache;
  const std::string root = "serving.kv_cache.";
  keys.read(root + "block_tokens", cache.block_tokens);
  keys.read(root + "gpu_memory_utilization", cache.gpu_memory_utilization);
  keys.read(root + "prefix_caching", cache.prefix_caching);
  cache.num_gpu_blocks = keys.integer(root + "num_gpu_blocks");
  keys.read(root + "swap_space_gib", cache.swap_space_gib);
  return cache;
}

}  // namespace

ParallelOptions read_serving_parallelism(const KeyReader& keys) {
  for (const char* key : {"virtual_stages", "context", "expert_tensor", "sequence_parallel",
                          "zero_stage", "context_communication"}) {
    const YamlNode node = keys.node(std::string("parallelism.") + key);
    if (node.present()) node.problem("is not part of serving in this version", "leave it out");
  }
  ParallelOptions options;
  keys.read("parallelism.tensor", options.tensor);
  keys.read("parallelism.pipeline", options.pipeline);
  options.data = keys.small_integer("parallelism.data");
  keys.read("parallelism.expert", options.expert);
  options.zero_stage = 0;
  if (keys.stated("parallelism.order")) {
    options.order.clear();
    for (const std::size_t index : keys.word_list("parallelism.order")) {
      options.order.emplace_back(words::kDimensions[index]);
    }
  }
  return options;
}

ServingOptions read_serving(const KeyReader& keys, const ParallelOptions& parallelism) {
  ServingOptions serving;
  keys.read_enum("serving.precision", serving.precision);
  keys.read_enum("serving.kv_cache_precision", serving.kv_cache_precision);
  if (const auto name = keys.text("serving.software")) serving.software = *name;
  serving.host_us_per_step = keys.number("serving.host_us_per_step");
  serving.cuda_graphs = keys.boolean("serving.cuda_graphs");
  serving.max_model_len = keys.integer("serving.max_model_len");
  if (keys.stated("serving.layers_per_stage")) {
    serving.layers_per_stage = keys.integer_list("serving.layers_per_stage");
    if (static_cast<int>(serving.layers_per_stage.size()) != parallelism.pipeline) {
      keys.node("serving.layers_per_stage")
          .problem("has " + std::to_string(serving.layers_per_stage.size()) +
                   " numbers, parallelism.pipeline is " + std::to_string(parallelism.pipeline));
    }
  }
  if (keys.stated("serving.stage_times_ms")) {
    serving.stage_times_ms = keys.number_list("serving.stage_times_ms");
    if (static_cast<int>(serving.stage_times_ms.size()) != parallelism.pipeline) {
      keys.node("serving.stage_times_ms")
          .problem("has " + std::to_string(serving.stage_times_ms.size()) +
                   " numbers, parallelism.pipeline is " + std::to_string(parallelism.pipeline));
    }
  }
  serving.requests = read_requests(keys);
  serving.batching = read_batching(keys);
  serving.kv_cache = read_kv_cache(keys);
  serving.slo.ttft_s = keys.number("serving.slo.ttft_s");
  serving.slo.tpot_s = keys.number("serving.slo.tpot_s");
  serving.slo.e2e_s = keys.number("serving.slo.e2e_s");
  keys.read("serving.slo.attainment", serving.slo.attainment);
  keys.read_enum("serving.stage_handover", serving.handover);
  keys.read_enum("serving.router", serving.router);
  keys.read_enum("serving.preemption", serving.preemption);
  const YamlNode space = keys.node("serving.kv_cache.swap_space_gib");
  if (space.present() && serving.preemption != Preemption::kSwap) {
    space.problem("goes with serving.preemption: swap", "nothing is swapped otherwise");
  }
  keys.read("serving.data_parallel_lock_step", serving.data_parallel_lock_step);
  if (keys.stated("serving.disaggregated")) {
    Disaggregated split;
    keys.read("serving.disaggregated.prefill_replicas", split.prefill_replicas);
    keys.read("serving.disaggregated.decode_replicas", split.decode_replicas);
    serving.disaggregated = split;
  }
  return serving;
}

}  // namespace plumbline
