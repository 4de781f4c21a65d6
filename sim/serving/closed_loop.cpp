#include "sim/serving/closed_loop.h"

#include <algorithm>

namespace plumbline {
namespace {

/// From one step's start to the next one's: what of the host the GPU does not hide is added.
Seconds period(const ServingResources& resources, const StepPrices& prices, const StepWork& work) {
  const Seconds gpu = prices.stage_time(0, work), host = prices.host_time(work);
  return resources.in_flight_batches > 1 ? max(gpu, host) : gpu + host;
}

}  // namespace

ClosedLoopTimes steady_closed_loop(const ServingOptions& options, const ServingResources& resources,
                                   const StepPrices& prices, const ClosedLoopLoad& load) {
  const KvCapacity& kv = resources.kv;
  const auto blocks_of = [&](std::int64_t tokens) {
    return (tokens + kv.block_tokens - 1) / kv.block_tokens;
  };
  // Users who run together are at all stages of their answers: half of the output on average.
  const std::int64_t held = blocks_of(load.prompt_tokens + load.output_tokens / 2);
  ClosedLoopTimes out;
  out.running = std::clamp<std::int64_t>(std::min({load.users, options.batching.max_num_seqs,
                                                   kv.blocks / std::max<std::int64_t>(1, held)}),
                                         1, load.users);

  const std::int64_t context = load.prompt_tokens + load.output_tokens / 2;
  StepWork work;
  for (std::int64_t i = 0; i < out.running; ++i) work.add_decode(context);
  work.emitting = out.running;
  const Seconds step = period(resources, prices, work);

  // One prompt beside the others' decodes, in as many chunks as the budget asks for.
  const std::int64_t budget =
      std::max<std::int64_t>(1, options.batching.max_num_batched_tokens - (out.running - 1));
  Seconds prompt;  // what its steps take beyond steps of decodes
  Seconds steps;   // what they take
  for (std::int64_t done = 0; done < load.prompt_tokens;) {
    const std::int64_t chunk = std::min(budget, load.prompt_tokens - done);
    work.clear();
    for (std::int64_t i = 0; i + 1 < out.running; ++i) work.add_decode(context);
    if (chunk > 1) {
      work.add_chunk(chunk, done);
    } else {
      work.add_decode(done);
    }
    done += chunk;
    work.emitting = out.running - 1 + (done == load.prompt_tokens ? 1 : 0);
    const Seconds time = period(resources, prices, work);
    prompt += time - step;
    steps += time;
  }
  const double later = static_cast<double>(load.output_tokens - 1),
               running = static_cast<double>(out.running);
  out.ttft = 0.5 * step + steps;
  out.tpot = step + ((running - 1) / later) * prompt;
  out.e2e = (static_cast<double>(load.users) / running) * (running * prompt + later * step);
  return out;
}

}  // namespace plumbline
