#include "calibration/measured_samples.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "calibration/measured_layers.h"
#include "calibration/measured_reader.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/problem.h"

namespace plumbline {

using namespace measured;

namespace {

std::string dtype_in_name(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 9> kWords{
      {{"bfloat16", "bf16"},
       {"bf16", "bf16"},
       {"float16", "fp16"},
       {"fp16", "fp16"},
       {"mxfp8", "mxfp8"},
       {"nvfp4", "nvfp4"},
       {"fp8", "fp8"},
       {"tf32", "tf32"},
       {"fp32", "fp32"}}};
  for (const auto& [word, dtype] : kWords) {
    if (contains(name, word)) return dtype;
  }
  return "bf16";
}

// Serving engines run fp8 by CUTLASS; training by cuBLASLt, which is what "fp8" means in a
// profile. Collections of serving kernels are priced by the former where a profile has it.
std::string serving_dtype(const std::string& dtype, const DeviceSpec& device) {
  const std::string cutlass = dtype + "_cutlass";
  return device.gemm.count(cutlass) ? cutlass : dtype;
}

std::string dtype_of_peak(double peak, const DeviceSpec& device) {
  std::string best = "bf16";
  double distance = 1e9;
  for (const char* dtype : {"bf16", "fp8", "fp32"}) {
    const auto it = device.peak_flops.find(dtype);
    if (it == device.peak_flops.end()) continue;
    const double d = std::abs(std::log(peak / it->second.base()));
    if (d < distance) {
      distance = d;
      best = dtype;
    }
  }
  return best;
}

void read_gemm(const MeasuredReader& r) {
  const CsvTable& csv = r.csv;
  const bool vidur = csv.has("median_us");
  const std::vector<double> m = r.sizes("m"), n = r.sizes("n"), k = r.sizes("k"),
                            time = r.times(vidur ? "median_us" : "latency_us");
  // plumbline-measure's sustained runs: the other regime, at the clock a training step sees.
  const bool sustained = csv.has("op") && csv.has("seconds");
  const std::string named = dtype_in_name(r.name);
  for (std::size_t i = 0; i < m.size(); ++i) {
    std::string dtype = named;
    if (csv.has("dtype")) {
      dtype = dtype_in_name(csv.text(i, csv.column("dtype")));
    } else if (csv.has("mfu")) {
      const double mfu = csv.number(i, csv.column("mfu"));
      if (!(mfu > 0)) {
        ++r.untimed;
        continue;
      }
      dtype = dtype_of_peak(2 * m[i] * n[i] * k[i] / (time[i] * 1e-6) / mfu, r.device);
    }
    GemmLayout layout = GemmLayout::kTn;
    if (csv.has("layout")) {
      const std::string_view word = csv.text(i, csv.column("layout"));
      if (word == "nn" || word == "NN") {
        layout = GemmLayout::kNn;
      } else if (word == "nt" || word == "NT") {
        layout = GemmLayout::kNt;
      } else if (word != "tn" && word != "TN") {
        csv.fail(i, "has a layout called '" + std::string(word) + "'", "tn, nn or nt");
      }
    }
    const bool accumulate = csv.has("accumulate") && csv.number(i, csv.column("accumulate")) != 0;
    const std::string priced = csv.has("layout") ? dtype : serving_dtype(dtype, r.device);
    r.add("gemm_" + dtype + (sustained ? "_sustained" : ""), time[i],
          [priced, m = m[i], n = n[i], k = k[i], layout, accumulate,
           sustained](const KernelTimes& kernels) {
            GemmQuery query;
            query.dtype = priced;
            query.m = m;
            query.n = n;
            query.k = k;
            query.layout = layout;
            query.accumulate_fp32 = accumulate;
            KernelPrice price = kernels.gemm(query);
            if (sustained) price.burst = price.sustained;
            return price;
          });
  }
}

AttentionQuery prompt(double batch, double length, double heads, double kv_heads, double head_dim) {
  AttentionQuery query;
  query.dtype = "bf16";
  query.batch = batch;
  query.heads = heads;
  query.kv_heads = kv_heads;
  query.head_dim = query.v_head_dim = head_dim;
  query.query_tokens = query.kv_tokens = length;
  query.serving = true;
  return query;
}

DecodeQuery token(double batch, double length, double heads, double kv_heads, double head_dim) {
  DecodeQuery query;
  query.batch = batch;
  query.heads = heads;
  query.kv_heads = kv_heads;
  query.head_dim = head_dim;
  query.kv_tokens = length;
  return query;
}

void add_prefill(const MeasuredReader& r, double time, const AttentionQuery& query) {
  r.add(query.backward ? "attention_backward" : "attention_prefill", time,
        [query](const KernelTimes& kernels) { return kernels.attention(query); });
}

void add_decode(const MeasuredReader& r, double time, const DecodeQuery& query) {
  r.add("attention_decode", time,
        [query](const KernelTimes& kernels) { return kernels.attention_decode(query); });
}

void read_attention_table(const MeasuredReader& r) {
  const CsvTable& csv = r.csv;
  const bool prefill = csv.has("isl");
  const auto batch = r.sizes("batch_size"), length = r.sizes(prefill ? "isl" : "kv_len"),
             heads = r.sizes("num_heads"), kv_heads = r.sizes("num_kv_heads"),
             time = r.times("latency_us");
  int decoded = 0;
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (!prefill) {
      add_decode(r, time[i], token(batch[i], length[i], heads[i], kv_heads[i], 128));
    } else if (csv.has("kernel_source") &&
               contains(csv.text(i, csv.column("kernel_source")), "decode")) {
      ++decoded;  // a prompt of one token went to the engine's decode kernel
      add_decode(r, time[i], token(batch[i], length[i], heads[i], kv_heads[i], 128));
    } else {
      add_prefill(r, time[i], prompt(batch[i], length[i], heads[i], kv_heads[i], 128));
    }
  }
  if (decoded > 0) r.note(std::to_string(decoded) + " prompts ran a decode kernel: priced as such");
}

// mha_decode_h20_32-8-128: heads, kv heads and head size behind the last underscore.
std::optional<std::array<double, 3>> heads_in_name(const std::string& name) {
  std::array<double, 3> values{};
  const char* at = name.data() + name.rfind('_') + 1;
  const char* end = name.data() + name.size();
  for (std::size_t i = 0; i < 3; ++i) {
    const auto [next, error] = std::from_chars(at, end, values[i]);
    if (error != std::errc() || (i < 2 && (next == end || *next != '-'))) return std::nullopt;
    at = next + 1;
  }
  return values;
}

void read_mha(const MeasuredReader& r) {
  const auto heads = heads_in_name(r.name);
  if (!heads || !contains(r.name, "mha") || *std::ranges::min_element(*heads) <= 0) {
    r.note("only mha files are priced: latent and sparse attention have no form here");
    return;
  }
  const auto [q, kv, dim] = *heads;
  const CsvTable& csv = r.csv;
  const auto time = r.times("latency_us");
  if (csv.has("seq_len")) {
    const auto length = r.sizes("seq_len");
    for (std::size_t i = 0; i < time.size(); ++i) {
      add_prefill(r, time[i], prompt(1, length[i], q, kv, dim));
    }
    return;
  }
  const auto batch = r.sizes("batch_size"), length = r.sizes("kv_len");
  for (std::size_t i = 0; i < time.size(); ++i) {
    DecodeQuery query = token(batch[i], length[i], q, kv, dim);
    query.dtype = csv.text(i, csv.column("kv_dtype")) == "fp8" ? "fp8" : "bf16";
    add_decode(r, time[i], query);
  }
}

// The benchmark of cudnn-frontend; a run that failed has an infinite time and no rate.
void read_cudnn(const MeasuredReader& r) {
  const CsvTable& csv = r.csv;
  const auto column = [&](std::string_view name) { return csv.column(name); };
  int skipped = 0;
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    const std::string_view dtype = csv.text(i, column("data_type"));
    if (csv.text(i, column("success")) != "True" || dtype != "bfloat16") {
      ++skipped;  // attention in fp8 is slower in the backward on Hopper: training keeps bf16
      continue;
    }
    AttentionQuery query = prompt(csv.number_in(i, column("batch_size"), 1, 1e9),
                                  csv.number_in(i, column("q_seqlen"), 1, 1e9),
                                  csv.number_in(i, column("num_q_heads"), 1, 1e9),
                                  csv.number_in(i, column("num_kv_heads"), 1, 1e9),
                                  csv.number_in(i, column("head_dim_qk"), 1, 1e9));
    query.v_head_dim = csv.number_in(i, column("head_dim_vo"), 1, 1e9);
    query.kv_tokens = csv.number_in(i, column("kv_seqlen"), 1, 1e9);
    query.causal = csv.text(i, column("attn_mask")) != "no_mask";
    query.serving = false;
    add_prefill(r, 1e3 * csv.number(i, column("fwd_time_ms")), query);
    query.backward = true;
    add_prefill(r, 1e3 * csv.number(i, column("bwd_time_ms")), query);
  }
  if (skipped > 0) r.note(std::to_string(skipped) + " rows that failed or are not bf16 left out");
}

void read_training_rates(const MeasuredReader& r) {
  const CsvTable& csv = r.csv;
  const auto qk = r.sizes("head_dim_qk"), vo = r.sizes("head_dim_vo"),
             causal = csv.numbers_in("causal", 0, 1), length = r.sizes("seqlen"),
             forward = csv.numbers_in("fwd_tflops", 1e-3, 1e6),
             backward = csv.numbers_in("bwd_tflops", 1e-3, 1e6);
  for (std::size_t i = 0; i < qk.size(); ++i) {
    const bool latent = qk[i] != vo[i];
    AttentionQuery query = prompt(1, length[i], latent ? 128 : 64, latent ? 128 : 8, qk[i]);
    query.v_head_dim = vo[i];
    query.causal = causal[i] != 0;
    query.serving = false;
    const double flops = attention_work(1, query.heads, query.kv_heads, qk[i], vo[i], length[i],
                                        length[i], query.causal, 2)
                             .flops.base();
    add_prefill(r, flops / (forward[i] * 1e12) * 1e6, query);
    query.backward = true;
    add_prefill(r, 2.5 * flops / (backward[i] * 1e12) * 1e6, query);
  }
}

// Some files of InferSim have no header line; their name tells which it is.
std::string with_header(std::string text, const std::string& name) {
  const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
  const bool numbers = contains(first, ",1,") || contains(first, ",1024,");
  if (!numbers) return text;
  if (contains(name, "mha_decode")) {
    return "dtype,kv_dtype,batch_size,kv_len,latency_us,mfu\n" + text;
  }
  if (contains(name, "mha_prefill")) return "dtype,seq_len,latency_us,mfu\n" + text;
  return text;
}

}  // namespace

MeasuredFile read_measured(const std::string& path, const DeviceSpec& device) {
  const std::string name = std::filesystem::path(path).stem().string();
  const CsvTable csv = CsvTable::parse(with_header(read_file(path), name), path);
  MeasuredFile file;
  const MeasuredReader r{csv, name, device, file, 0};
  if (r.has({"fwd_time_ms", "bwd_time_ms", "q_seqlen"})) {
    read_cudnn(r);
  } else if (r.has({"fwd_tflops", "bwd_tflops", "seqlen"})) {
    read_training_rates(r);
  } else if (r.has({"m", "n", "k"})) {
    read_gemm(r);
  } else if (r.has({"batch_size", "num_heads", "num_kv_heads", "latency_us"})) {
    read_attention_table(r);
  } else if (r.has({"op_name", "num_gpus", "bytes"})) {
    read_nccl(r);
  } else if (r.has({"num_workers", "devices_per_node", "bytes", "median_us"})) {
    read_vidur_network(r);
  } else if (r.has({"kernel_source", "num_gpus", "bytes"})) {
    r.note("all-reduce kernels of a serving engine, not NCCL's: left out");
  } else if (r.has({"num_tokens", "num_tensor_parallel_workers", "add_us"}) ||
             r.has({"layer", "time_us"}) || r.has({"prefill_chunk", "n_decode"})) {
    read_layers(csv, name, file);
  } else if (r.has({"mfu", "latency_us"})) {
    read_mha(r);
  } else if (r.has({"kernel", "bytes", "latency_us"})) {
    read_traffic(r, "elementwise");
  } else if (r.has({"kind", "bytes", "latency_us"})) {
    read_traffic(r, "memory");
  } else if (r.has({"direction", "bytes", "latency_us"})) {
    read_copies(r);
  } else if (r.has({"kind", "latency_us"})) {
    read_overheads(r);
  } else {
    std::string columns;
    for (const std::string& column : csv.columns()) {
      columns += (columns.empty() ? "" : ", ") + column;
    }
    throw problem_at(path, 1, "is in no known layout", "its columns are " + columns);
  }
  if (r.untimed > 0) r.note(std::to_string(r.untimed) + " rows without a time left out");
  return file;
}

}  // namespace plumbline
