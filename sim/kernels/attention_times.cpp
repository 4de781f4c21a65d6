// Three sources, best first:
//
//   training   time = flops / R(length), R interpolated in log-log between published lengths and
//              head sizes, and never less than the longest tile of rows takes on one processor: a
//              causal mask gives the last 128 queries of a head twice the mean work, which shows
//              where tensor parallelism leaves few heads.
//   prefill    t0 + flops/F + bytes/B corrected by measured neighbours; the backward costs 2.5 x
//              the flops (five products instead of two) at its own rate.
//   decode     t0 + cache/B + c * sequences per processor, corrected the same way.
//
// Flops are exact: half of the square under a causal mask. Source of the 2.5: Dao,
// "FlashAttention-2", arXiv:2307.08691, section 4.1.
#include "sim/kernels/attention_times.h"

#include <algorithm>
#include <cmath>

#include "sim/kernels/coordinates.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/samples.h"

namespace plumbline {
namespace {

constexpr double kBackwardFlops = 2.5;
constexpr double kTileRows = 128;
// Fused attention at d = 128 reaches about this share of the dense peak (cuDNN and FlashAttention
// on A100, H100 and B200: 0.53 to 0.75 at 8k); used where a device lists no samples at all.
constexpr double kShareOfPeak = 0.55;

// Piecewise linear; held at the right end, continued with the first slope at the left: a kernel on
// short rows loses its rate in proportion, one on longer rows has none left to win.
double interpolate(const std::vector<double>& x, const std::vector<double>& y, double at) {
  if (x.size() == 1 || at >= x.back()) return y.back();
  const auto upper = std::upper_bound(x.begin() + 1, x.end() - 1, at);
  const auto i = static_cast<std::size_t>(upper - x.begin());
  return y[i - 1] + (y[i] - y[i - 1]) * (at - x[i - 1]) / (x[i] - x[i - 1]);
}

/// Of the first half precision whose rate under load differs from a cool chip's; else 1.
double sustained_rate(const DeviceSpec& device) {
  for (const char* dtype : {"bf16", "fp16"}) {
    const auto factor = device.sustained.find(dtype);
    if (factor != device.sustained.end() && factor->second.value != 1.0) {
      return factor->second.value;
    }
  }
  return 1.0;
}

}  // namespace

AttentionTimes::AttentionTimes(const DeviceSpec& device)
    : prefill_fit_(device.prefill),
      decode_fit_(device.decode),
      backward_rate_(device.attention_backward_rate.value),
      clock_(sustained_rate(device)),
      multiprocessors_(std::max(1, device.multiprocessors)),
      latency_(device.kernel_latency),
      calibrated_(device.calibrated) {
  ResidualTable prefill, decode;
  for (const char* dtype : {"bf16", "fp16"}) {
    const auto peak = device.peak_flops.find(dtype);
    if (peak != device.peak_flops.end()) peak_ = max(peak_, peak->second);
  }
  const SampleOrigin origin = device.origin.value_or(
      SampleOrigin{{}, device.prefill, device.decode, device.multiprocessors, device.l2});
  // Told apart only where the samples tell it.
  l2_ = origin.l2 > Bytes(0) ? device.l2 : Bytes(0);
  for (const SampleFile& file : device.samples) {
    if (file.operation == "attention_training") {
      read_rates(read_samples(file), file.inherited ? device.relative_flops : 1.0);
      own_rates_ = !file.inherited;
    } else if (file.operation == "attention_prefill" && prefill_fit_ && origin.prefill) {
      const CsvTable csv = read_samples(file);
      const auto batch = csv.numbers("batch_size"), length = csv.numbers("isl"),
                 heads = csv.numbers("num_heads"), kv_heads = csv.numbers("num_kv_heads"),
                 time = csv.numbers("latency_us");
      for (std::size_t i = 0; i < time.size(); ++i) {
        const AttentionWork work = attention_work(batch[i], heads[i], kv_heads[i], 128, 128,
                                                  length[i], length[i], true, 2);
        prefill.add(prefill_point(batch[i], length[i], heads[i], kv_heads[i]),
                    std::log(time[i] * 1e-6 / prefill_form(*origin.prefill, work).base()));
      }
    } else if (file.operation == "attention_decode" && decode_fit_ && origin.decode) {
      const CsvTable csv = read_samples(file);
      const auto batch = csv.numbers("batch_size"), length = csv.numbers("kv_len"),
                 heads = csv.numbers("num_heads"), kv_heads = csv.numbers("num_kv_heads"),
                 time = csv.numbers("latency_us");
      for (std::size_t i = 0; i < time.size(); ++i) {
        const Seconds form = decode_form(*origin.decode, batch[i], kv_heads[i], 128, length[i], 2,
                                         std::max(1, origin.multiprocessors));
        decode.add(decode_point(batch[i], length[i], heads[i], kv_heads[i],
                                cache_bytes(batch[i], length[i], kv_heads[i], 128, 2), origin.l2),
                   std::log(time[i] * 1e-6 / form.base()));
      }
    }
  }
  prefill.finish();
  decode.finish();
  prefill_ = std::make_shared<const ResidualTable>(std::move(prefill));
  decode_ = std::make_shared<const ResidualTable>(std::move(decode));
  if (rates_.empty() && !prefill_fit_) {
    notes_.push_back(device.name + " has no attention samples: priced at 0.55 of the dense peak");
  }
}

AttentionTimes AttentionTimes::at_rates_of(const DeviceSpec& device) const {
  AttentionTimes other = *this;
  other.clock_ = sustained_rate(device);
  return other;
}

void AttentionTimes::read_rates(const CsvTable& csv, double scale) {
  const auto head_dim = csv.numbers("head_dim_qk"), causal = csv.numbers("causal"),
             length = csv.numbers("seqlen"), forward = csv.numbers("fwd_tflops"),
             backward = csv.numbers("bwd_tflops");
  for (std::size_t i = 0; i < length.size(); ++i) {
    auto it = std::find_if(rates_.begin(), rates_.end(), [&](const Rates& r) {
      return r.head_dim == head_dim[i] && r.causal == (causal[i] != 0);
    });
    if (it == rates_.end()) {
      rates_.push_back({head_dim[i], causal[i] != 0, {}, {}, {}});
      it = rates_.end() - 1;
    }
    it->log_length.push_back(std::log(length[i]));  // the file is sorted by length
    it->log_forward.push_back(std::log(scale * forward[i] * 1e12));
    it->log_backward.push_back(std::log(scale * backward[i] * 1e12));
  }
}

const AttentionTimes::Rates& AttentionTimes::rates_for(const AttentionQuery& query) const {
  const auto distance = [&](const Rates& r) {
    // The mask matters more than the head size: 20 % against 5 % at 4k.
    return std::abs(std::log2(r.head_dim / query.head_dim)) + (r.causal == query.causal ? 0 : 10);
  };
  return *std::min_element(rates_.begin(), rates_.end(), [&](const Rates& a, const Rates& b) {
    return distance(a) < distance(b);
  });
}

KernelPrice AttentionTimes::sustained(Seconds burst, Seconds fixed, bool extrapolated) const {
  KernelPrice price;
  price.burst = burst;
  price.sustained = fixed + (burst - fixed) / clock_;
  price.extrapolated = extrapolated;
  return price;
}

KernelPrice AttentionTimes::from_rates(const AttentionQuery& query) const {
  const Rates& rates = rates_for(query);
  const AttentionWork work =
      attention_work(query.batch, query.heads, query.kv_heads, query.head_dim, query.v_head_dim,
                     query.query_tokens, query.kv_tokens, query.causal, 2);
  const double multiple = query.backward ? kBackwardFlops : 1.0;
  const std::vector<double>& log_rate = query.backward ? rates.log_backward : rates.log_forward;
  // A rectangle of queries and keys is as long as the square of its area.
  const double length = 0.5 * std::log(query.query_tokens * query.kv_tokens);
  const FlopsPerSecond rate(std::exp(interpolate(rates.log_length, log_rate, length)));
  const FlopsPerSecond best(std::exp(*std::max_element(log_rate.begin(), log_rate.end())));
  const Flops tile(2 * multiple * (query.head_dim + query.v_head_dim) *
                   std::min(kTileRows, query.query_tokens) * query.kv_tokens);
  const Seconds longest_tile = latency_ + tile / (best / multiprocessors_);
  const bool outside = length < rates.log_length.front() - 1e-6 ||
                       length > rates.log_length.back() + 1e-6 || rates.head_dim != query.head_dim;
  return sustained(max(multiple * work.flops / rate, longest_tile), Seconds(),
                   outside || !own_rates_);
}

KernelPrice AttentionTimes::from_table(const AttentionQuery& query) const {
  const AttentionWork work =
      attention_work(query.batch, query.heads, query.kv_heads, query.head_dim, query.v_head_dim,
                     query.query_tokens, query.kv_tokens, query.causal, element_bytes(query.dtype));
  const double length = std::sqrt(query.query_tokens * query.kv_tokens);
  const auto estimate = prefill_->at(
      prefill_point(query.batch, length, query.heads, query.kv_heads), kPrefillNeighbours);
  Seconds time = std::exp(estimate.log_residual) * prefill_form(*prefill_fit_, work);
  if (query.backward) time = (kBackwardFlops / backward_rate_) * time;
  return sustained(time, min(time, prefill_fit_->t0),
                   estimate.outside || query.head_dim != 128 || !calibrated_);
}

KernelPrice AttentionTimes::prefill(const AttentionQuery& query) const {
  if (query.query_tokens <= 0 || query.kv_tokens <= 0 || query.heads <= 0 || query.batch <= 0) {
    return {};
  }
  const bool table = prefill_fit_.has_value();
  if (table && (query.serving || rates_.empty())) return from_table(query);
  if (!rates_.empty()) return from_rates(query);
  const AttentionWork work =
      attention_work(query.batch, query.heads, query.kv_heads, query.head_dim, query.v_head_dim,
                     query.query_tokens, query.kv_tokens, query.causal, 2);
  const double multiple = query.backward ? kBackwardFlops : 1.0;
  return sustained(latency_ + multiple * work.flops / (kShareOfPeak * peak_), latency_, true);
}

KernelPrice AttentionTimes::decode(const DecodeQuery& query) const {
  KernelPrice price;
  if (query.kv_tokens <= 0 || query.batch <= 0 || !decode_fit_) return price;
  const auto estimate =
      decode_->at(decode_point(query.batch, query.kv_tokens, query.heads, query.kv_heads,
                               cache_bytes(query.batch, query.kv_tokens, query.kv_heads,
                                           query.head_dim, element_bytes(query.dtype)),
                               l2_),
                  kDecodeNeighbours);
  price.burst = std::exp(estimate.log_residual) *
                decode_form(*decode_fit_, query.batch, query.kv_heads, query.head_dim,
                            query.kv_tokens, element_bytes(query.dtype), multiprocessors_);
  price.sustained = price.burst;  // reads memory: the clock does not matter
  price.extrapolated = estimate.outside || !calibrated_ || query.head_dim != 128;
  return price;
}

}  // namespace plumbline
