// MLA: decodes read the latent once and multiply every head with it (the absorbed form); prompts
// run with full heads. Both are rooflines of the device's 16-bit products: no GPU of ours has a
// table of MLA kernels in its profile.

#include "sim/serving/attention_prices.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/model_spec.h"
#include "sim/cluster/device.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/kernel_times.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/serving/price_basis.h"

namespace plumbline {
namespace {

/// How long one sequence takes per token of context where one thread block walks it: c x^p with x
/// blocks (sequences times KV heads) per multiprocessor, which share its bandwidth. Least squares
/// over batches of unequal contexts on RTX PRO 6000 and RTX 4090 (LLMServingSim's skew.csv,
/// Llama-3.1-8B, vLLM 0.19; its times are sums of three iterations): 396 of decodes alone and
/// 25,364 beside a chunk, the four groups counting alike.
constexpr double kSequenceSecondsPerToken = 34e-9, kSharing = 0.45;

std::vector<double> geometric(double from, double to, double ratio, std::vector<double> start) {
  for (double x = from; x < to; x *= ratio) start.push_back(std::floor(x));
  start.push_back(to);
  std::ranges::sort(start);
  const auto rest = std::ranges::unique(start);
  start.erase(rest.begin(), rest.end());
  return start;
}

std::size_t cell(const std::vector<double>& axis, double value) {
  if (axis.size() < 2) return 0;
  const auto upper = std::upper_bound(axis.begin() + 1, axis.end() - 1, value);
  return static_cast<std::size_t>(upper - axis.begin()) - 1;
}

double outside_of(const KernelPrice& price) {
  return price.extrapolated ? price.sustained.base() : 0;
}

[[noreturn]] void no_price(const std::string& device) {
  throw InputError({diagnose(
      "cluster.gpu", device + " has no attention kernels that serving could be priced by")});
}

}  // namespace

double PriceGrid::at(double x, double y) const {
  const std::size_t i = cell(x_, x), j = cell(y_, y), width = y_.size();
  const double px = x_.size() < 2 ? 0 : (x - x_[i]) / (x_[i + 1] - x_[i]);
  const double py = width < 2 ? 0 : std::max(0.0, (y - y_[j]) / (y_[j + 1] - y_[j]));
  const double* row = &seconds_[i * width + j];
  const std::size_t next = x_.size() < 2 ? 0 : width, right = width < 2 ? 0 : 1;
  const double low = row[0] + py * (row[right] - row[0]);
  const double high = row[next] + py * (row[next + right] - row[next]);
  return std::max(0.0, low + std::max(0.0, px) * (high - low));
}

double longest_context(const ServedModel& served) {
  const double stated = static_cast<double>(served.options.max_model_len.value_or(0));
  const double model = static_cast<double>(served.model.max_positions);
  return std::clamp(stated > 0 ? stated : model, 4096.0, 1048576.0);
}

AttentionPrices::AttentionPrices(const ServedModel& served, const LayerTable* table) {
  const ModelSpec& m = served.model;
  const DeviceSpec& device = served.cluster.device;
  const double tensor = served.plan.tensor, heads = static_cast<double>(m.heads) / tensor;
  processors_ = device.multiprocessors;
  kv_heads_ = std::max(1.0, static_cast<double>(m.kv_heads) / tensor);
  if (table && table->has_attention()) {
    table_ = *table;
    seconds_per_token_ = kSequenceSecondsPerToken;
    return;
  }
  const double element = served.options.kv_cache_precision == KvPrecision::kFp8 ? 1 : 2;
  const char* cache = element == 1 ? "fp8" : "bf16";
  const double longest = longest_context(served);
  const double batch =
      static_cast<double>(std::max<std::int64_t>(2, served.options.batching.max_num_seqs));
  const double tokens = static_cast<double>(std::max<std::int64_t>(64, longest_chunk(served)));
  const std::string wide = price_basis(served).wide;

  std::vector<double> counts = geometric(4, batch, std::sqrt(2.0), {1, 2, 3});
  std::vector<double> contexts = geometric(16, longest, std::sqrt(2.0), {1});
  std::vector<double> chunks = geometric(2, tokens, 1.25, {1});
  std::vector<double> prefixes = geometric(128, longest, 1.5, {0});
  double head_dim = static_cast<double>(m.head_dim), value_dim = head_dim;
  if (m.mla) {
    head_dim = static_cast<double>(m.mla->qk_nope_head_dim + m.mla->qk_rope_head_dim);
    value_dim = static_cast<double>(m.mla->v_head_dim);
    const double latent = static_cast<double>(m.mla->kv_lora_rank),
                 rope = static_cast<double>(m.mla->qk_rope_head_dim);
    const auto fit = device.gemm.find(wide);
    if (fit == device.gemm.end()) no_price(device.name);
    const double clock = power_limit_clock(served);
    decode_ = PriceGrid(counts, contexts, [&](double n, double k) {
      GemmWork work;
      work.flops = Flops(2 * n * k * heads * (2 * latent + rope));
      work.bytes = Bytes(element * n * k * (latent + rope));
      return gemm_form(fit->second, work, clock).base();
    });
    decode_outside_ = decode_;  // no kernel of MLA was measured
  } else {
    const auto price = [&](double n, double k) {
      DecodeQuery query;
      query.dtype = cache;
      query.batch = n;
      query.heads = heads;
      query.kv_heads = kv_heads_;
      query.head_dim = head_dim;
      query.kv_tokens = k;
      return served.kernels.attention_decode(query);
    };
    decode_ = PriceGrid(counts, contexts, [&](double n, double k) {
      const double time = price(n, k).sustained.base();
      if (time <= 0) no_price(device.name);
      return time;
    });
    decode_outside_ =
        PriceGrid(counts, contexts, [&](double n, double k) { return outside_of(price(n, k)); });
  }
  const double prompt_kv = m.mla ? heads : kv_heads_;
  const auto price = [&](double c, double k) {
    AttentionQuery query;
    query.dtype = wide;
    query.heads = heads;
    query.kv_heads = prompt_kv;
    query.head_dim = head_dim;
    query.v_head_dim = value_dim;
    query.query_tokens = c;
    query.kv_tokens = c + k;
    query.serving = true;
    return served.kernels.attention(query);
  };
  chunk_ =
      PriceGrid(chunks, prefixes, [&](double c, double k) { return price(c, k).sustained.base(); });
  chunk_outside_ =
      PriceGrid(chunks, prefixes, [&](double c, double k) { return outside_of(price(c, k)); });
  if (!decode_outside_->any()) decode_outside_.reset();
  if (!chunk_outside_->any()) chunk_outside_.reset();
  launch_ = device.prefill ? device.prefill->t0.base() : device.kernel_latency.base();
}

double AttentionPrices::decodes(double count, double context) const {
  if (count <= 0) return 0;
  if (table_) return table_->attention(0, 0, count, context);
  return decode_.at(count, context);
}

AttentionTime AttentionPrices::of(const StepWork& work, double window) const {
  const auto seen = [window](double tokens) {
    return window > 0 ? std::min(tokens, window) : tokens;
  };
  const double count = static_cast<double>(work.decodes);
  // A decode reads the cache and the token it adds.
  const double mean =
      count > 0 ? seen(static_cast<double>(work.decode_context_sum) / count + 1) : 0.0;
  const double alone = decodes(count, mean);
  AttentionTime time{alone, 0};
  if (count > 0 && table_ && !table_->attention_measured(0, 0, count, mean)) time.outside = alone;
  if (count > 0 && decode_outside_) time.outside = decode_outside_->at(count, mean);
  // Decodes alone that leave processors free are cut into equal pieces, and none waits for another.
  const bool whole = !work.chunks.empty() || count * kv_heads_ >= 2 * processors_;
  if (seconds_per_token_ > 0 && count > 1 && whole) {
    const double longest = seen(static_cast<double>(work.decode_context_max) + 1);
    const double walk = seconds_per_token_ * std::pow(count * kv_heads_ / processors_, kSharing);
    const double most = walk * longest, usual = std::min(alone, walk * mean);
    time.seconds = std::cbrt(alone * alone * alone + most * most * most - usual * usual * usual);
  }
  bool first = count <= 0;
  for (const ChunkWork& chunk : work.chunks) {
    const double tokens = static_cast<double>(chunk.new_tokens),
                 context = seen(static_cast<double>(chunk.context_tokens));
    double price = 0;
    if (table_) {
      price = table_->attention(tokens, context, count, mean) - alone;
      if (!table_->attention_measured(tokens, context, count, mean)) time.outside += price;
    } else {
      price = chunk_.at(tokens, context);
      if (!first) price = std::max(0.0, price - launch_);
      if (chunk_outside_) time.outside += std::min(price, chunk_outside_->at(tokens, context));
    }
    time.seconds += price;
    first = false;
  }
  return time;
}

}  // namespace plumbline
