// Where each number comes from. A range [a, b] that sources leave open, with nothing to prefer a
// value inside it, is an even distribution: its standard deviation is ln(b/a) / sqrt(12). A
// held-out error is matched at its 90th percentile, p90 / 1.645, since intervals are made of the
// tails.
#include "sim/kernels/price_errors.h"

#include <algorithm>
#include <cmath>

namespace plumbline {
namespace {

const double kEven = 1 / std::sqrt(12.0);
constexpr double kP90OfNormal = 1.645;

double even_range(double low, double high) { return std::log(high / low) * kEven; }

double sum_of_squares(double a, double b) { return std::hypot(a, b); }

// Sustained over burst where a profile states no range: between what was found of a B200 (0.72) and
// of an A100 (0.94).
const double kUnknownClock = even_range(0.72, 0.94);
// Clock ~ power^e with e between 1/3 and 1: see at_power_limit.
constexpr double kExponentRange = 1.0 - 1.0 / 3.0;
// A dtype priced by the ratio of the peaks: fp8 over bf16 is 1.70 on an H100 (1341 to 789 TFLOP/s,
// AIConfigurator's best rates) where the peaks say 2, and nobody measured another GPU in both.
const double kByPeaks = even_range(1.70, 2.0 * 2.0 / 1.70);
// A relative's efficiency: the fitted rate over the peak is 0.72 (B200) to 0.80 (H200).
const double kRelative = even_range(0.72, 0.80);
// A stated rate without samples: large H100 products ran at 698 to 788 TFLOP/s by source.
const double kStatedRate = even_range(698, 788);
// Nothing held out: the widest held-out error among the profiles' products, 22 % of the fp8 table.
constexpr double kNothingHeldOut = 0.22 / kP90OfNormal;
// cuDNN's attention gained up to 15 % from 2024 to 9.19; a run rarely says which it used.
const double kAttentionRelease = even_range(1.0, 1.15);
// SimuMax's streaming kernels: 50 % (permute, B200) to 75 % (A100) of the peak, one rate for all.
const double kStreaming = even_range(0.50, 0.75);
// The same collective by nccl-tests and by a profiler: within 2 to 7 % on H100, 9 to 21 % on A100.
const double kCollective = even_range(1.0, 1.21);
// A fabric without a table of its own follows from its bandwidth: 0.85 to 0.95 of it on NVSwitch.
const double kFabricByForm = even_range(0.80, 1.25);
// Between nodes: 0.72 of the line for one sender (Vidur), 0.94 for rings (vTrain's 16-way runs).
const double kNetwork = even_range(0.72, 0.94);
// Host time of a layer: 0.95 ms missing against 2 ms inferred from one family of runs.
const double kHost = even_range(0.95, 2.0);

double clock_error(const Cluster& cluster, std::string_view dtype) {
  const DeviceSpec& device = cluster.device;
  auto it = device.sustained.find(std::string(dtype));
  if (it == device.sustained.end()) it = device.sustained.find("bf16");
  double error = kUnknownClock;
  if (it != device.sustained.end()) {
    if (it->second.low > 0) error = even_range(it->second.low, it->second.high);
    if (it->second.provenance == Provenance::kMeasured && it->second.low <= 0) error = 0;
  }
  if (cluster.power_limit_w && device.power_limit_w > 0) {
    const double power = std::abs(std::log(*cluster.power_limit_w / device.power_limit_w));
    error = sum_of_squares(error, power * kExponentRange * kEven);
  }
  return error;
}

double kernel_error(const HeldOutError& held_out) {
  return held_out.n > 0 ? held_out.p90 / kP90OfNormal : kNothingHeldOut;
}

ClassError products_error(const DeviceSpec& device, std::string_view dtype) {
  const bool half = dtype == "bf16" || dtype == "fp16";
  auto fit = device.gemm.find(std::string(dtype));
  const bool stand_in = fit == device.gemm.end();
  if (stand_in) fit = device.gemm.find(device.gemm.count("bf16") ? "bf16" : "fp16");
  ClassError error;
  if (fit == device.gemm.end()) return {kByPeaks, kNothingHeldOut};
  error.kernel = kernel_error(fit->second.held_out);
  if (stand_in && !half) error.common = kByPeaks;
  if (fit->second.provenance == Provenance::kDatasheet) {
    error.common = sum_of_squares(error.common, kRelative);
  }
  if (fit->second.provenance == Provenance::kDerived) {
    error.common = sum_of_squares(error.common, kStatedRate);
    // Priced by a stated rate, its shapes by the neighbours of bf16.
    const auto bf16 = device.gemm.find("bf16");
    if (fit->second.held_out.n == 0 && bf16 != device.gemm.end()) {
      error.kernel = kernel_error(bf16->second.held_out);
    }
  }
  return error;
}

ClassError attention_error(const DeviceSpec& device) {
  ClassError error{kAttentionRelease,
                   device.prefill ? kernel_error(device.prefill->held_out) : kNothingHeldOut};
  const bool own = std::any_of(device.samples.begin(), device.samples.end(), [](const auto& file) {
    return !file.inherited && file.operation.rfind("attention", 0) == 0;
  });
  if (!own) error.common = sum_of_squares(error.common, kRelative);
  return error;
}

}  // namespace

PriceErrors price_errors(const Cluster& cluster, std::string_view dtype) {
  const DeviceSpec& device = cluster.device;
  PriceErrors errors;
  errors.clock = clock_error(cluster, dtype);
  errors.products = products_error(device, dtype);
  errors.attention = attention_error(device);
  const Sourced<BytesPerSecond>& streaming = device.memory_bandwidth_streaming;
  errors.memory = streaming.provenance == Provenance::kMeasured && streaming.low.base() <= 0 ? 0
                  : streaming.low.base() > 0
                      ? even_range(streaming.low.base(), streaming.high.base())
                      : kStreaming;
  const auto table = [&](const std::vector<SampleFile>& samples) {
    return std::any_of(samples.begin(), samples.end(), [&](const SampleFile& file) {
      return file.operation == "collective" &&
             (file.link.empty() || file.link == cluster.intra_node.name);
    });
  };
  errors.intra_node =
      table(device.samples) || table(cluster.intra_node.samples) ? kCollective : kFabricByForm;
  errors.inter_node = kNetwork;
  errors.host = kHost;
  return errors;
}

}  // namespace plumbline
