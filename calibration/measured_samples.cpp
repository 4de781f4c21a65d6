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
#include "sim/kernels/csv_table.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/problem.h"

namespace plumbline {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// One file while it is read.
struct Reader {
  const CsvTable& csv;
  const std::string name;  ///< of the file, without folder and extension
  const DeviceSpec& device;
  MeasuredFile& out;

  bool has(std::initializer_list<std::string_view> columns) const {
    return std::all_of(columns.begin(), columns.end(), [&](auto c) { return csv.has(c); });
  }
  template <typename Price>
  void add(std::string operation, double microseconds, Price price) const {
    if (!(microseconds > 0)) return;
    out.samples.push_back({std::move(operation), Seconds(microseconds * 1e-6), std::move(price)});
  }
  void note(const std::string& sentence) const { out.notes.push_back(name + ": " + sentence); }
};

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

void read_gemm(const Reader& r) {
  const CsvTable& csv = r.csv;
  const bool vidur = csv.has("median_us");
  const std::vector<double> m = csv.numbers("m"), n = csv.numbers("n"), k = csv.numbers("k"),
                            time = csv.numbers(vidur ? "median_us" : "latency_us");
  const std::string named = dtype_in_name(r.name);
  for (std::size_t i = 0; i < m.size(); ++i) {
    std::string dtype = named;
    if (csv.has("dtype")) {
      dtype = dtype_in_name(csv.text(i, csv.column("dtype")));
    } else if (csv.has("mfu")) {
      const double mfu = csv.number(i, csv.column("mfu"));
      if (!(mfu > 0)) continue;
      dtype = dtype_of_peak(2 * m[i] * n[i] * k[i] / (time[i] * 1e-6) / mfu, r.device);
    }
    GemmLayout layout = GemmLayout::kTn;
    if (csv.has("layout")) {
      const std::string_view word = csv.text(i, csv.column("layout"));
      if (word == "nn" || word == "NN") layout = GemmLayout::kNn;
      if (word == "nt" || word == "NT") layout = GemmLayout::kNt;
    }
    const bool accumulate = csv.has("accumulate") && csv.number(i, csv.column("accumulate")) != 0;
    const std::string priced = csv.has("layout") ? dtype : serving_dtype(dtype, r.device);
    r.add("gemm_" + dtype, time[i],
          [priced, m = m[i], n = n[i], k = k[i], layout, accumulate](const KernelTimes& kernels) {
            GemmQuery query;
            query.dtype = priced;
            query.m = m;
            query.n = n;
            query.k = k;
            query.layout = layout;
            query.accumulate_fp32 = accumulate;
            return kernels.gemm(query);
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

void add_prefill(const Reader& r, double time, const AttentionQuery& query) {
  r.add(query.backward ? "attention_backward" : "attention_prefill", time,
        [query](const KernelTimes& kernels) { return kernels.attention(query); });
}

void add_decode(const Reader& r, double time, const DecodeQuery& query) {
  r.add("attention_decode", time,
        [query](const KernelTimes& kernels) { return kernels.attention_decode(query); });
}

void read_attention_table(const Reader& r) {
  const CsvTable& csv = r.csv;
  const bool prefill = csv.has("isl");
  const auto batch = csv.numbers("batch_size"), length = csv.numbers(prefill ? "isl" : "kv_len"),
             heads = csv.numbers("num_heads"), kv_heads = csv.numbers("num_kv_heads"),
             time = csv.numbers("latency_us");
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

void read_mha(const Reader& r) {
  const auto heads = heads_in_name(r.name);
  if (!heads || !contains(r.name, "mha")) {
    r.note("only mha files are priced: latent and sparse attention have no form here");
    return;
  }
  const auto [q, kv, dim] = *heads;
  const CsvTable& csv = r.csv;
  const auto time = csv.numbers("latency_us");
  if (csv.has("seq_len")) {
    const auto length = csv.numbers("seq_len");
    for (std::size_t i = 0; i < time.size(); ++i) {
      add_prefill(r, time[i], prompt(1, length[i], q, kv, dim));
    }
    return;
  }
  const auto batch = csv.numbers("batch_size"), length = csv.numbers("kv_len");
  for (std::size_t i = 0; i < time.size(); ++i) {
    DecodeQuery query = token(batch[i], length[i], q, kv, dim);
    query.dtype = csv.text(i, csv.column("kv_dtype")) == "fp8" ? "fp8" : "bf16";
    add_decode(r, time[i], query);
  }
}

// The benchmark of cudnn-frontend; a run that failed has an infinite time and no rate.
void read_cudnn(const Reader& r) {
  const CsvTable& csv = r.csv;
  const auto column = [&](std::string_view name) { return csv.column(name); };
  int skipped = 0;
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    const std::string_view dtype = csv.text(i, column("data_type"));
    if (csv.text(i, column("success")) != "True" || dtype != "bfloat16") {
      ++skipped;  // attention in fp8 is slower in the backward on Hopper: training keeps bf16
      continue;
    }
    AttentionQuery query =
        prompt(csv.number(i, column("batch_size")), csv.number(i, column("q_seqlen")),
               csv.number(i, column("num_q_heads")), csv.number(i, column("num_kv_heads")),
               csv.number(i, column("head_dim_qk")));
    query.v_head_dim = csv.number(i, column("head_dim_vo"));
    query.kv_tokens = csv.number(i, column("kv_seqlen"));
    query.causal = csv.text(i, column("attn_mask")) != "no_mask";
    query.serving = false;
    add_prefill(r, 1e3 * csv.number(i, column("fwd_time_ms")), query);
    query.backward = true;
    add_prefill(r, 1e3 * csv.number(i, column("bwd_time_ms")), query);
  }
  if (skipped > 0) r.note(std::to_string(skipped) + " rows that failed or are not bf16 left out");
}

void read_training_rates(const Reader& r) {
  const CsvTable& csv = r.csv;
  const auto qk = csv.numbers("head_dim_qk"), vo = csv.numbers("head_dim_vo"),
             causal = csv.numbers("causal"), length = csv.numbers("seqlen"),
             forward = csv.numbers("fwd_tflops"), backward = csv.numbers("bwd_tflops");
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

constexpr std::array<std::pair<std::string_view, Collective>, 4> kCollectives{
    {{"all_reduce", Collective::kAllReduce},
     {"all_gather", Collective::kAllGather},
     {"reduce_scatter", Collective::kReduceScatter},
     {"alltoall", Collective::kAllToAll}}};

void add_collective(const Reader& r, std::string_view name, double time, double bytes, double ranks,
                    double per_node) {
  for (const auto& [known, op] : kCollectives) {
    if (known != name) continue;
    const CollectiveQuery query{op, Bytes(bytes), static_cast<int>(ranks),
                                static_cast<int>(per_node), 0};
    r.add(std::string(name), time,
          [query](const KernelTimes& kernels) { return kernels.collective(query); });
  }
}

void read_nccl(const Reader& r) {
  const CsvTable& csv = r.csv;
  const auto ranks = csv.numbers("num_gpus"), bytes = csv.numbers("bytes"),
             time = csv.numbers("latency_us");
  const std::size_t op = csv.column("op_name");
  for (std::size_t i = 0; i < time.size(); ++i) {
    add_collective(r, csv.text(i, op), time[i], bytes[i], ranks[i], ranks[i]);
  }
}

void read_vidur_network(const Reader& r) {
  const CsvTable& csv = r.csv;
  const auto ranks = csv.numbers("num_workers"), local = csv.numbers("devices_per_node"),
             bytes = csv.numbers("bytes"), time = csv.numbers("median_us");
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (contains(r.name, "all_reduce")) {
      add_collective(r, "all_reduce", time[i], bytes[i], ranks[i], local[i]);
    } else {
      const bool same_node = local[i] >= ranks[i];
      r.add("send_recv", time[i], [size = bytes[i], same_node](const KernelTimes& kernels) {
        return kernels.send_recv(Bytes(size), same_node);
      });
    }
  }
}

void read_traffic(const Reader& r, const char* operation) {
  const auto bytes = r.csv.numbers("bytes"), time = r.csv.numbers("latency_us");
  for (std::size_t i = 0; i < time.size(); ++i) {
    r.add(operation, time[i], [size = bytes[i]](const KernelTimes& kernels) {
      return kernels.elementwise(Bytes(size));
    });
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
  const Reader r{csv, name, device, file};
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
  } else {
    std::string columns;
    for (const std::string& column : csv.columns()) {
      columns += (columns.empty() ? "" : ", ") + column;
    }
    throw problem_at(path, 1, "is in no known layout", "its columns are " + columns);
  }
  return file;
}

}  // namespace plumbline
