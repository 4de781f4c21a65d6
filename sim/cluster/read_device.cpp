// hardware_profiles/GPU.yaml -> DeviceSpec.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "sim/cluster/profile_node.h"
#include "sim/cluster/read_parts.h"
#include "sim/cluster/read_profile.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

HeldOutError read_held_out(const YamlNode& fit) {
  const YamlNode node = fit.child("cross_validated");
  HeldOutError error;
  if (!node.present()) return error;
  node.allow_keys({"n", "median", "p90"});
  error.n = static_cast<int>(node.required("n").integer_in(1, 1'000'000'000).value_or(0));
  error.median = node.required("median").number_in(0, 100).value_or(0);
  error.p90 = node.required("p90").number_in(0, 100).value_or(0);
  return error;
}

GemmFit read_gemm_fit(const ProfileNode& profile, const YamlNode& node, Provenance otherwise) {
  node.allow_keys({"flops_per_s", "bytes_per_s", "t0_us", "p", "neighbours", "row_tile",
                   "provenance", "source", "relative_standard_error", "identified", "range",
                   "error", "cross_validated"});
  GemmFit fit;
  fit.flops = FlopsPerSecond(node.required("flops_per_s").number_in(1, 1e20).value_or(1));
  fit.bytes = BytesPerSecond(node.required("bytes_per_s").number_in(1, 1e18).value_or(1));
  fit.t0 = Seconds(1e-6 * node.required("t0_us").number_in(0, 1e6).value_or(0));
  fit.p = node.required("p").number_in(0.5, 64).value_or(2);
  fit.neighbours = static_cast<int>(node.child("neighbours").integer_in(1, 32).value_or(8));
  fit.row_tile = static_cast<int>(node.child("row_tile").integer_in(1, 1024).value_or(1));
  fit.provenance = node.child("provenance").present() ? profile.provenance(node) : otherwise;
  fit.source = profile.source(node);
  fit.held_out = read_held_out(node);
  return fit;
}

AttentionFit read_attention_fit(const YamlNode& node) {
  node.allow_keys({"flops_per_s", "bytes_per_s", "t0_us", "per_sequence_us", "source",
                   "relative_standard_error", "identified", "range", "error", "cross_validated"});
  AttentionFit fit;
  fit.flops = FlopsPerSecond(node.child("flops_per_s").number_in(1, 1e20).value_or(1e20));
  fit.bytes = BytesPerSecond(node.required("bytes_per_s").number_in(1, 1e18).value_or(1));
  fit.t0 = Seconds(1e-6 * node.required("t0_us").number_in(0, 1e6).value_or(0));
  fit.per_sequence = Seconds(1e-6 * node.child("per_sequence_us").number_in(0, 1e6).value_or(0));
  fit.held_out = read_held_out(node);
  return fit;
}

CollectiveFit read_collective_fit(const YamlNode& node) {
  node.allow_keys({"latency_us", "bus_bytes_per_s", "relative_standard_error", "identified",
                   "range", "error", "cross_validated", "group_left_out"});
  CollectiveFit fit;
  fit.latency = Seconds(1e-6 * node.required("latency_us").number_in(0, 1e6).value_or(0));
  fit.bus_bandwidth =
      BytesPerSecond(node.required("bus_bytes_per_s").number_in(1, 1e18).value_or(1));
  fit.held_out = read_held_out(node);
  return fit;
}

constexpr const char* kByFit = "fitted to the samples the profile names";

// What was measured replaces what the hand-written part states.
void read_fitted_platform(const YamlNode& fitted, DeviceSpec& device) {
  const YamlNode layouts = fitted.child("layouts");
  if (layouts.present()) {
    layouts.allow_keys({"nn", "nt"});
    for (const auto& [layout, node] : layouts.entries()) {
      node.allow_keys({"factor", "accumulate_bytes", "relative_standard_error", "identified",
                       "error", "cross_validated"});
      device.layout_factor[layout] = {node.required("factor").number_in(0.2, 5).value_or(1),
                                      Provenance::kMeasured, kByFit, 0, 0};
      if (const auto bytes = node.child("accumulate_bytes").number_in(0, 64)) {
        device.accumulate_bytes = {*bytes, Provenance::kMeasured, kByFit, 0, 0};
      }
    }
  }
  const YamlNode streaming = fitted.child("streaming");
  if (streaming.present()) {
    streaming.allow_keys({"latency_us", "bytes_per_s", "relative_standard_error", "identified",
                          "range", "error", "cross_validated"});
    const BytesPerSecond rate(streaming.required("bytes_per_s").number_in(1, 1e18).value_or(1));
    // Kernels differ by what a fit without them misses.
    const double apart = std::min(0.9, read_held_out(streaming).p90);
    device.memory_bandwidth_streaming = {rate, Provenance::kMeasured, kByFit, (1 - apart) * rate,
                                         (1 + apart) * rate};
    device.kernel_latency =
        Seconds(1e-6 * streaming.required("latency_us").number_in(0, 1e6).value_or(0));
  }
  const YamlNode overhead = fitted.child("overhead");
  if (overhead.present()) {
    overhead.allow_keys({"launch_us", "graph_node_us", "event_handover_us",
                         "relative_standard_error", "identified"});
    const auto launch = overhead.child("launch_us").number_in(0, 1e6);
    if (launch && !streaming.present()) device.kernel_latency = Seconds(1e-6 * *launch);
  }
}

void read_fitted(const ProfileNode& profile, const YamlNode& fitted, DeviceSpec& device) {
  fitted.allow_keys({"gemm", "attention_prefill", "attention_decode", "collective", "layouts",
                     "streaming", "overhead"});
  const YamlNode gemm = fitted.child("gemm");
  if (gemm.present()) {
    for (const auto& [dtype, node] : gemm.entries()) {
      device.gemm[dtype] = read_gemm_fit(profile, node, Provenance::kMeasured);
    }
  }
  const YamlNode prefill = fitted.child("attention_prefill");
  if (prefill.present()) device.prefill = read_attention_fit(prefill);
  const YamlNode decode = fitted.child("attention_decode");
  if (decode.present()) device.decode = read_attention_fit(decode);
  const YamlNode collective = fitted.child("collective");
  if (collective.present()) {
    for (const auto& [name, node] : collective.entries()) {
      device.collectives[name] = read_collective_fit(node);
    }
  }
  read_fitted_platform(fitted, device);
}

template <typename Rate>
std::map<std::string, Rate> read_rates(const ProfileNode& profile, const YamlNode& node) {
  std::map<std::string, Rate> rates;
  if (!node.present()) return rates;
  for (const auto& [dtype, value] : node.entries()) {
    if (const auto number = profile.number(value)) rates[dtype] = Rate(number->value);
  }
  return rates;
}

std::map<std::string, Sourced<double>> read_factors(const ProfileNode& profile,
                                                    const YamlNode& node, double low, double high) {
  std::map<std::string, Sourced<double>> factors;
  if (!node.present()) return factors;
  for (const auto& [name, value] : node.entries()) {
    const auto number = profile.number(value);
    if (!number) continue;
    if (number->value < low || number->value > high) {
      value.problem("is " + std::to_string(number->value) + "; it must lie between " +
                    std::to_string(low) + " and " + std::to_string(high));
      continue;
    }
    factors[name] = *number;
  }
  return factors;
}

// A device with fp16 only (V100) borrows what was measured in bf16: the same units, another format.
std::string borrowed(const DeviceSpec& device, const std::string& dtype) {
  if (device.peak_flops.count(dtype)) return dtype;
  return dtype == "bf16" && device.peak_flops.count("fp16") ? "fp16" : "";
}

// What a device takes from the one that resembles it most: forms scaled by the ratios of the peaks,
// and samples that carry the relative's efficiency from shape to shape.
void inherit(DeviceSpec& device, const DeviceSpec& relative) {
  SampleOrigin origin = relative.origin.value_or(SampleOrigin{
      relative.gemm, relative.prefill, relative.decode, relative.multiprocessors, relative.l2});
  const double bandwidth = device.memory_bandwidth_peak / relative.memory_bandwidth_peak;
  double flops = 0;
  for (const auto& [dtype, fit] : relative.gemm) {
    const std::string mine = borrowed(device, dtype);
    if (mine.empty() || !relative.peak_flops.count(dtype)) continue;
    if (!device.gemm.count(mine)) {
      GemmFit scaled = fit;
      scaled.flops = (device.peak_flops.at(mine) / relative.peak_flops.at(dtype)) * fit.flops;
      scaled.bytes = bandwidth * fit.bytes;
      scaled.provenance = Provenance::kDatasheet;
      device.gemm[mine] = scaled;
    }
    if (dtype == "bf16") flops = device.gemm.at(mine).flops / fit.flops;
    if (mine != dtype && origin.gemm.count(dtype)) origin.gemm[mine] = origin.gemm.at(dtype);
  }
  if (flops <= 0) flops = bandwidth;
  if (device.l2.base() <= 0) device.l2 = relative.l2;
  device.relative_flops = relative.relative_flops * flops;

  const auto scale = [&](const std::optional<AttentionFit>& fit) {
    std::optional<AttentionFit> scaled = fit;
    if (scaled) {
      scaled->flops = flops * fit->flops;
      scaled->bytes = bandwidth * fit->bytes;
    }
    return scaled;
  };
  if (!device.prefill) device.prefill = scale(relative.prefill);
  if (!device.decode) device.decode = scale(relative.decode);
  if (device.layout_factor.empty()) device.layout_factor = relative.layout_factor;
  if (device.accumulate_bytes.source.empty()) device.accumulate_bytes = relative.accumulate_bytes;
  if (device.attention_backward_rate.source.empty()) {
    device.attention_backward_rate = relative.attention_backward_rate;
  }
  for (const auto& [dtype, factor] : relative.sustained) {
    const std::string mine = borrowed(device, dtype);
    if (!mine.empty()) device.sustained.emplace(mine, factor);
  }
  const std::vector<SampleFile> own = device.samples;
  for (SampleFile file : relative.samples) {
    // What a fabric or the software around a chip takes is not the chip's; layouts are factors.
    static constexpr std::array<std::string_view, 5> kOwn{"collective", "elementwise", "overhead",
                                                          "gemm_nn", "gemm_nt"};
    if (std::ranges::find(kOwn, file.operation) != kOwn.end()) continue;
    if (file.operation == "gemm") file.dtype = borrowed(device, file.dtype);
    const bool have = std::any_of(own.begin(), own.end(), [&](const SampleFile& mine) {
      return mine.operation == file.operation && mine.dtype == file.dtype;
    });
    if (have || (file.operation == "gemm" && file.dtype.empty())) continue;
    file.inherited = true;
    device.samples.push_back(std::move(file));
  }
  device.origin = std::move(origin);
  device.notes.push_back(device.name + " is priced by the kernels of " + relative.name +
                         " where it has none of its own, scaled by the ratios of the peaks");
}

ModelShape read_shape(const YamlNode& node) {
  node.allow_keys({"name", "tensor", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab",
                   "experts", "expert_ffn", "top_k"});
  ModelShape shape;
  shape.name = node.required("name").text().value_or("");
  shape.tensor = static_cast<int>(node.child("tensor").integer_in(1, 1024).value_or(1));
  const auto size = [&](std::string_view key, bool required) {
    const YamlNode value = required ? node.required(key) : node.child(key);
    return value.number_in(required ? 1 : 0, 1e9).value_or(0);
  };
  shape.hidden = size("hidden", true);
  shape.heads = size("heads", true);
  shape.kv_heads = size("kv_heads", true);
  shape.head_dim = size("head_dim", true);
  shape.ffn = size("ffn", true);
  shape.vocab = size("vocab", true);
  shape.experts = size("experts", false);
  shape.expert_ffn = size("expert_ffn", false);
  shape.top_k = size("top_k", false);
  return shape;
}

}  // namespace

std::vector<SampleFile> read_sample_list(const YamlNode& node, const std::string& profile_path) {
  std::vector<SampleFile> samples;
  if (!node.present()) return samples;
  static constexpr std::array<std::string_view, 15> kOperations{
      "gemm",           "attention_training", "attention_prefill", "attention_decode", "collective",
      "serving_layers", "serving_attention",  "serving_moe",       "gemm_nn",          "gemm_nt",
      "elementwise",    "overhead",           "host_copy",         "peer_copy",        "send_recv"};
  for (const YamlNode& item : node.items()) {
    item.allow_keys({"operation", "dtype", "link", "model", "file", "sha256", "note"});
    SampleFile sample;
    const auto operation = item.required("operation").choice(kOperations, "operation");
    if (operation) sample.operation = kOperations[*operation];
    sample.dtype = item.child("dtype").text().value_or("");
    sample.link = item.child("link").text().value_or("");
    if (sample.operation.starts_with("serving_")) {
      sample.model = read_shape(item.required("model"));
    }
    const auto file = item.required("file").text();
    if (file) sample.path = (fs::path(profile_path).parent_path() / *file).string();
    sample.sha256 = item.required("sha256").text().value_or("");
    if (sample.sha256.size() != 64 ||
        sample.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
      item.child("sha256").problem("is not 64 lower-case hexadecimal digits");
    }
    if (sample.operation.starts_with("gemm") && sample.dtype.empty()) item.required("dtype");
    samples.push_back(std::move(sample));
  }
  return samples;
}

DeviceSpec read_device(const std::string& path) {
  Diagnostics problems;
  const YamlNode root = YamlNode::load(path, problems);
  problems.throw_if_any();
  root.allow_keys({"schema",
                   "name",
                   "summary",
                   "sources",
                   "relative",
                   "memory_bytes",
                   "usable_memory_bytes",
                   "memory_bandwidth",
                   "multiprocessors",
                   "l2_bytes",
                   "power_limit_w",
                   "power_exponent",
                   "kernel_latency_us",
                   "peak_flops",
                   "sustained",
                   "layout_factor",
                   "accumulate_bytes",
                   "attention_backward_rate",
                   "fabric_fraction",
                   "default_links",
                   "stated_gemm",
                   "samples",
                   "notes",
                   "fitted"});
  if (root.required("schema").text().value_or("") != "plumbline.device/1") {
    root.child("schema").problem("is not plumbline.device/1, a GPU's profile");
  }
  const ProfileNode profile(root);

  DeviceSpec device;
  device.profile_path = path;
  device.name = root.required("name").text().value_or("");
  device.summary = root.child("summary").text().value_or("");
  device.memory = Bytes(profile.required(root, "memory_bytes").value);
  device.usable_memory = Bytes(profile.required(root, "usable_memory_bytes").value);
  const YamlNode bandwidth = root.required("memory_bandwidth");
  bandwidth.allow_keys({"peak", "streaming"});
  device.memory_bandwidth_peak = BytesPerSecond(profile.required(bandwidth, "peak").value);
  device.memory_bandwidth_streaming = as<BytesPerSecond>(profile.required(bandwidth, "streaming"));
  device.peak_flops = read_rates<FlopsPerSecond>(profile, root.required("peak_flops"));
  device.multiprocessors = static_cast<int>(profile.required(root, "multiprocessors").value);
  if (const auto l2 = profile.number(root.child("l2_bytes"))) device.l2 = Bytes(l2->value);
  device.power_limit_w = profile.required(root, "power_limit_w").value;
  device.kernel_latency = Seconds(profile.required(root, "kernel_latency_us", 1e-6).value);
  if (const auto exponent = profile.number(root.child("power_exponent"))) {
    device.power_exponent = *exponent;
  }
  device.sustained = read_factors(profile, root.child("sustained"), 0.05, 1.0);
  device.layout_factor = read_factors(profile, root.child("layout_factor"), 0.2, 5.0);
  if (const auto bytes = profile.number(root.child("accumulate_bytes"))) {
    device.accumulate_bytes = *bytes;
  }
  if (const auto rate = profile.number(root.child("attention_backward_rate"))) {
    device.attention_backward_rate = *rate;
  }
  if (const auto fraction = profile.number(root.child("fabric_fraction"))) {
    device.fabric_fraction = fraction->value;
  }
  const YamlNode links = root.child("default_links");
  if (links.present()) {
    links.allow_keys({"intra_node", "inter_node"});
    device.intra_link = links.required("intra_node").text().value_or("");
    device.inter_link = links.required("inter_node").text().value_or("");
  }
  device.samples = read_sample_list(root.child("samples"), path);
  device.calibrated = !device.samples.empty() && !root.child("relative").present();
  const YamlNode stated = root.child("stated_gemm");
  if (stated.present()) {
    for (const auto& [dtype, node] : stated.entries()) {
      device.gemm[dtype] = read_gemm_fit(profile, node, Provenance::kDerived);
    }
  }
  if (root.child("fitted").present()) read_fitted(profile, root.child("fitted"), device);
  if (root.child("notes").present()) {
    for (const YamlNode& note : root.child("notes").items()) {
      if (const auto text = note.text()) device.notes.push_back(*text);
    }
  }
  if (device.usable_memory > device.memory) {
    root.child("usable_memory_bytes").problem("is more than memory_bytes");
  }
  problems.throw_if_any();

  if (const auto relative = root.child("relative").text()) {
    device.nearest_relative = *relative;
    const fs::path beside = fs::path(path).parent_path() / (*relative + ".yaml");
    std::error_code none;
    if (*relative == device.name || !fs::exists(beside, none)) {
      root.child("relative").problem("no profile is called '" + *relative + "'");
      problems.throw_if_any();
    }
    inherit(device, read_device(beside.string()));
  }
  return device;
}

}  // namespace plumbline
