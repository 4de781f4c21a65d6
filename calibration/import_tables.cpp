// CSV tables of other tools: CUTLASS's profiler, AIConfigurator, Vidur, and plain ones.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "calibration/import_formats.h"

namespace plumbline::importing {
namespace {

constexpr const char* kGemmHeader = "m,n,k,latency_us";

/// Products by dtype, with the fastest rate seen.
class Products {
 public:
  explicit Products(std::string header = kGemmHeader) : header_(std::move(header)) {}
  void add(const std::string& dtype, double m, double n, double k, double us,
           const std::string& more = "") {
    auto it = by_dtype_.try_emplace(dtype, header_).first;
    it->second.add(cell(m) + "," + cell(n) + "," + cell(k) + more, us);
    best_ = std::max(best_, 2 * m * n * k / (us * 1e-6));
  }
  void finish(const ImportOptions& options, ImportResult& result) const {
    check_rate(options, best_);
    for (const auto& [dtype, rows] : by_dtype_) {
      result.tables.push_back(rows.table("gemm_" + dtype));
      if (rows.repeated() > 0) {
        result.notes.push_back(std::to_string(rows.repeated()) +
                               " shapes stand there more than once: their median is kept");
      }
    }
  }

 private:
  std::string header_;
  std::map<std::string, Rows> by_dtype_;
  double best_ = 0;
};

void note_left_out(ImportResult& result, int rows, const char* why) {
  if (rows > 0) result.notes.push_back(std::to_string(rows) + " rows left out: " + why);
}

std::string unit_note(const ImportOptions& options, const char* otherwise) {
  const std::string unit = options.time_unit.empty() ? otherwise : options.time_unit;
  return "times read as " + unit + (unit == "us" ? "" : ", turned into microseconds");
}

// "row"/"column" of A and B: x [m,k] times w^T is A row, B column.
std::string layout_of(std::string_view a, std::string_view b) {
  const bool a_row =
      a.find("row") != std::string_view::npos || a.find(":t") != std::string_view::npos;
  const bool b_row =
      b.find("row") != std::string_view::npos || b.find(":t") != std::string_view::npos;
  if (a_row) return b_row ? "nn" : "tn";
  return b_row ? "nt" : "tt";
}

}  // namespace

// Runtime is milliseconds; GFLOPs and Flops say the same again.  One row per kernel: a library
// picks the fastest.
ImportResult read_cutlass(const ImportOptions& options, const CsvTable& csv) {
  ImportResult result;
  result.software = "cutlass_profiler";
  const double unit = microseconds_per(options, "ms");
  const auto m = csv.numbers("m"), n = csv.numbers("n"), k = csv.numbers("k");
  const std::size_t a = csv.column("A"), b = csv.column("B"), time = csv.column("Runtime");
  const bool status = csv.has("Status"), rated = csv.has("GFLOPs"),
             batched = csv.has("batch_count");
  struct Best {
    double us;
    std::string dtype, layout;
    double m, n, k;
  };
  std::map<std::string, Best> best;
  int failed = 0, batches = 0, other = 0, kernels = 0;
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    if (status && csv.text(i, csv.column("Status")) != "success") {
      ++failed;
      continue;
    }
    if (batched && csv.number(i, csv.column("batch_count")) > 1) {
      ++batches;
      continue;
    }
    const double us = unit * csv.number(i, time);
    if (!(us > 0)) {
      ++failed;
      continue;
    }
    if (rated) {
      const double rate = csv.number(i, csv.column("GFLOPs")) * 1e9;
      const double from_time = 2 * m[i] * n[i] * k[i] / (us * 1e-6);
      // Flops count the epilogue too: 2 m n (k + 1).
      if (rate > 0 && std::abs(std::log(from_time / rate)) > 0.1) {
        refuse(options,
               fmt::format("row {}: Runtime and GFLOPs differ by a factor of {:.3g}", i + 2,
                           rate / from_time),
               "give --time-unit if Runtime is not in milliseconds");
      }
    }
    const std::string dtype = dtype_of(csv.text(i, a)),
                      layout = layout_of(csv.text(i, a), csv.text(i, b));
    if (dtype.empty() || layout == "tt") {
      ++other;
      continue;
    }
    ++kernels;
    const std::string key = dtype + layout + cell(m[i]) + "," + cell(n[i]) + "," + cell(k[i]);
    const auto [it, fresh] = best.try_emplace(key, Best{us, dtype, layout, m[i], n[i], k[i]});
    if (!fresh) it->second.us = std::min(it->second.us, us);
  }
  Products products("m,n,k,layout,latency_us");
  for (const auto& [key, shape] : best) {
    products.add(shape.dtype, shape.m, shape.n, shape.k, shape.us, "," + shape.layout);
  }
  products.finish(options, result);
  result.notes.push_back(unit_note(options, "ms"));
  result.notes.push_back(
      fmt::format("{} kernels on {} shapes: the fastest of each is kept", kernels, best.size()));
  note_left_out(result, failed, "without success or time");
  note_left_out(result, batches, "batched products");
  note_left_out(result, other, "an operand type or layout that is not priced here");
  return result;
}

namespace {

void add_aic_gemm(const ImportOptions& options, const CsvTable& csv, double unit,
                  ImportResult& result) {
  Products products;
  const auto m = csv.numbers("m"), n = csv.numbers("n"), k = csv.numbers("k"),
             time = csv.numbers("latency");
  int other = 0;
  for (std::size_t i = 0; i < m.size(); ++i) {
    const std::string dtype =
        csv.has("gemm_dtype") ? dtype_of(csv.text(i, csv.column("gemm_dtype"))) : options.dtype;
    if (dtype.empty() || !(time[i] > 0)) {
      ++other;
      continue;
    }
    products.add(dtype, m[i], n[i], k[i], unit * time[i]);
  }
  products.finish(options, result);
  note_left_out(result, other, "a dtype that is not priced here, or no time");
}

void add_aic_attention(const ImportOptions& options, const CsvTable& csv, double unit,
                       ImportResult& result) {
  const bool decode =
      csv.has("op_name") && csv.rows() > 0 &&
      csv.text(0, csv.column("op_name")).find("generation") != std::string_view::npos;
  Rows rows(decode ? "batch_size,kv_len,num_heads,num_kv_heads,latency_us"
                   : "batch_size,isl,num_heads,num_kv_heads,latency_us");
  const char* kv_column = csv.has("num_key_value_heads") ? "num_key_value_heads" : "num_kv_heads";
  const auto batch = csv.numbers("batch_size"), length = csv.numbers("isl"),
             heads = csv.numbers("num_heads"), kv = csv.numbers(kv_column),
             time = csv.numbers("latency");
  int other = 0, decoders = 0;
  double best = 0;
  const auto is = [&](std::size_t i, const char* column, double value) {
    return !csv.has(column) || csv.number(i, csv.column(column)) == value;
  };
  for (std::size_t i = 0; i < time.size(); ++i) {
    const bool sixteen = !csv.has("kv_cache_dtype") ||
                         bytes_of(dtype_of(csv.text(i, csv.column("kv_cache_dtype")))) == 2;
    const bool window = !is(i, "window_size", 0);
    if (!sixteen || window || !is(i, "head_dim", 128) || (!decode && !is(i, "step", 0))) {
      ++other;
      continue;
    }
    const bool decoder =
        !decode && csv.has("kernel_source") &&
        csv.text(i, csv.column("kernel_source")).find("decode") != std::string_view::npos;
    if (decoder) {
      ++decoders;
      continue;
    }
    const double step = csv.has("step") ? csv.number(i, csv.column("step")) : 0;
    const double tokens = decode ? length[i] + step : length[i];
    // A cache head of 0 is the old way to say that every head has its own.
    const double kv_heads = kv[i] > 0 ? kv[i] : heads[i];
    const double us = unit * time[i];
    if (!decode)
      best = std::max(best, 2 * batch[i] * heads[i] * tokens * tokens * 128 / (us * 1e-6));
    rows.add(cell(batch[i]) + "," + cell(tokens) + "," + cell(heads[i]) + "," + cell(kv_heads), us);
  }
  check_rate(options, best);
  if (!rows.empty())
    result.tables.push_back(rows.table(decode ? "attention_decode" : "attention_prefill"));
  note_left_out(result, other, "head size other than 128, a window, a prefix or an 8-bit cache");
  note_left_out(result, decoders, "prompts that ran a decode kernel");
  if (rows.repeated() > 0) {
    result.notes.push_back(std::to_string(rows.repeated()) +
                           " shapes stand there more than once: their median is kept");
  }
}

void add_aic_nccl(const ImportOptions& options, const CsvTable& csv, double unit,
                  ImportResult& result) {
  Rows rows("op_name,nccl_dtype,num_gpus,bytes,latency_us");
  const auto elements = csv.numbers("message_size"), gpus = csv.numbers("num_gpus"),
             time = csv.numbers("latency");
  double fastest = 0;
  for (std::size_t i = 0; i < time.size(); ++i) {
    const std::string_view type = csv.text(i, csv.column("nccl_dtype"));
    const double bytes = elements[i] * bytes_of(dtype_of(type));
    fastest = std::max(fastest, bytes / (unit * time[i] * 1e-6));
    rows.add(std::string(csv.text(i, csv.column("op_name"))) + "," + std::string(type) + "," +
                 cell(gpus[i]) + "," + cell(bytes),
             unit * time[i]);
  }
  if (fastest > 5e12 || fastest < 1e9) {
    refuse(options, fmt::format("its largest message would move at {:.2g} GB/s", fastest / 1e9),
           "times are milliseconds and message_size elements there; give --time-unit otherwise");
  }
  result.notes.emplace_back("message_size counts elements: turned into bytes by nccl_dtype");
  result.tables.push_back(rows.table("nccl"));
}

}  // namespace

ImportResult read_aiconfigurator(const ImportOptions& options, const CsvTable& csv) {
  ImportResult result;
  const double unit = microseconds_per(options, "ms");
  const auto first = [&](const char* column) {
    return csv.has(column) && csv.rows() > 0 ? std::string(csv.text(0, csv.column(column))) : "";
  };
  result.software = first("framework") + (first("version").empty() ? "" : " " + first("version"));
  result.hardware = first("device");
  if (csv.has("message_size")) {
    add_aic_nccl(options, csv, unit, result);
  } else if (csv.has("isl")) {
    add_aic_attention(options, csv, unit, result);
  } else if (csv.has("m") && csv.has("n") && csv.has("k")) {
    add_aic_gemm(options, csv, unit, result);
  } else {
    refuse(options, "is a table of AIConfigurator that has no form here",
           "gemm, context_attention, generation_attention and nccl have");
  }
  result.notes.push_back(unit_note(options, "ms"));
  return result;
}

// mlp.csv: a row per token count and tensor-parallel degree, layers as columns of milliseconds.
// The shapes follow from the model's sizes in the same row.
ImportResult read_vidur(const ImportOptions& options, const CsvTable& csv) {
  ImportResult result;
  result.software = "Vidur, torch.profiler";
  const double unit = microseconds_per(options, "ms");
  const auto median = [](const std::string& what) { return "time_stats." + what + ".median"; };
  if (csv.has("num_workers") && csv.has("size")) {
    const bool reduce = csv.has(median("all_reduce"));
    if (!reduce) {
      refuse(options, "is no all_reduce of Vidur: sends are fitted from their own CSV",
             "calibrate check reads rank,num_workers,devices_per_node,bytes,median_us");
    }
    Rows rows("op_name,nccl_dtype,num_gpus,bytes,latency_us");
    const auto workers = csv.numbers("num_workers"), size = csv.numbers("size"),
               time = csv.numbers(median("all_reduce"));
    const auto local = csv.has("devices_per_node") ? csv.numbers("devices_per_node") : workers;
    int small = 0, spanning = 0;
    for (std::size_t i = 0; i < time.size(); ++i) {
      if (local[i] < workers[i]) {
        ++spanning;
      } else if (size[i] < 3e6) {
        ++small;
      } else {
        rows.add("all_reduce,half," + cell(workers[i]) + "," + cell(size[i]), unit * time[i]);
      }
    }
    if (!rows.empty()) result.tables.push_back(rows.table("nccl"));
    note_left_out(result, small, "below 3 MB, where these times include waiting for the last rank");
    note_left_out(result, spanning, "groups over several nodes");
    result.notes.push_back(unit_note(options, "ms"));
    return result;
  }
  const auto tokens = csv.numbers("num_tokens"), tp = csv.numbers("num_tensor_parallel_workers"),
             h = csv.numbers("n_embd"), heads = csv.numbers("n_head"),
             kv = csv.numbers("n_kv_head"), f = csv.numbers("n_expanded_embd");
  const bool gate = csv.has("use_gated_mlp");
  Products products;
  int layers = 0;
  const std::array names{"attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj"};
  for (const char* name : names) {
    if (!csv.has(median(name))) continue;
    ++layers;
    const auto time = csv.numbers(median(name));
    for (std::size_t i = 0; i < time.size(); ++i) {
      if (!(time[i] > 0)) continue;
      const double d = h[i] / heads[i];
      const std::string_view gated = gate ? csv.text(i, csv.column("use_gated_mlp")) : "";
      const double up = gated == "True" || gated == "true" || gated == "1" ? 2 : 1;
      double n = 0, k = 0;
      if (name == names[0]) n = (heads[i] + 2 * kv[i]) * d / tp[i], k = h[i];
      if (name == names[1]) n = h[i], k = heads[i] * d / tp[i];
      if (name == names[2]) n = up * f[i] / tp[i], k = h[i];
      if (name == names[3]) n = h[i], k = f[i] / tp[i];
      products.add(options.dtype.empty() ? "bf16" : options.dtype, tokens[i], n, k, unit * time[i]);
    }
  }
  if (layers == 0) refuse(options, "has none of Vidur's linear layers", "mlp.csv has");
  products.finish(options, result);
  result.notes.push_back(unit_note(options, "ms"));
  result.notes.emplace_back(
      "shapes derived from n_embd, n_head, n_kv_head, n_expanded_embd and tensor parallelism");
  result.notes.emplace_back(
      "eager kernels read to whole microseconds: under 20 us they err by 5 to 25 %");
  if (options.dtype.empty()) {
    result.notes.emplace_back("dtype not stated there: taken as 16 bits, written as bf16");
  }
  return result;
}

// m, n, k under their names, whatever their order.  An mfu column implies the peak it divides by,
// and so the dtype.
ImportResult read_plain(const ImportOptions& options, const CsvTable& csv) {
  ImportResult result;
  const char* column = nullptr;
  const char* unit_name = "us";
  for (const auto& [name, unit] : {std::pair{"latency_us", "us"},
                                   {"time_us", "us"},
                                   {"median_us", "us"},
                                   {"latency_ms", "ms"},
                                   {"time_ms", "ms"},
                                   {"latency_s", "s"}}) {
    if (!column && csv.has(name)) column = name, unit_name = unit;
  }
  if (!column && csv.has("latency") && !options.time_unit.empty()) column = "latency";
  if (!column) {
    refuse(options, "has no time column whose name carries its unit",
           "latency_us, latency_ms or latency_s; or latency with --time-unit");
  }
  const double unit = microseconds_per(options, unit_name);
  const auto m = csv.numbers("m"), n = csv.numbers("n"), k = csv.numbers("k"),
             time = csv.numbers(column);
  const auto mfu = csv.has("mfu") ? csv.numbers("mfu") : std::vector<double>();
  std::string dtype = options.dtype;
  if (!mfu.empty()) {
    std::vector<double> peaks;
    for (std::size_t i = 0; i < mfu.size(); ++i) {
      if (mfu[i] > 0 && time[i] > 0) {
        peaks.push_back(2 * m[i] * n[i] * k[i] / (unit * time[i] * 1e-6) / mfu[i]);
      }
    }
    if (!peaks.empty()) {
      std::nth_element(peaks.begin(), peaks.begin() + static_cast<long>(peaks.size() / 2),
                       peaks.end());
      const double peak = peaks[peaks.size() / 2];
      result.notes.push_back(fmt::format("mfu implies a peak of {:.0f} TFLOP/s", peak * 1e-12));
      if (options.peak_flops > 0) {
        const double ratio = peak / options.peak_flops;
        const std::string implied = ratio > 1.5 && ratio < 2.7   ? "fp8"
                                    : ratio > 0.7 && ratio < 1.5 ? "bf16"
                                                                 : "";
        if (implied.empty()) {
          refuse(options, fmt::format("its mfu is of {:.2f} times this GPU's bf16 peak", ratio),
                 "is it another GPU's file, or are m, n, k or the times in another order?");
        }
        if (!dtype.empty() && dtype != implied && !(dtype == "fp16" && implied == "bf16")) {
          refuse(options, "is called " + dtype + ", but its mfu is of the " + implied + " peak",
                 "give --dtype " + implied);
        }
        dtype = implied;
        result.notes.push_back("dtype by that peak: " + implied);
      }
    }
  }
  if (dtype.empty()) {
    refuse(options, "does not say the dtype of its products",
           mfu.empty() ? "give --dtype bf16" : "give --dtype, or --gpu to tell it by the peak");
  }
  Products products;
  int empty = 0;
  for (std::size_t i = 0; i < m.size(); ++i) {
    if (time[i] > 0 && m[i] > 0 && n[i] > 0 && k[i] > 0) {
      products.add(dtype, m[i], n[i], k[i], unit * time[i]);
    } else {
      ++empty;
    }
  }
  products.finish(options, result);
  const auto& columns = csv.columns();
  const auto at = [&](const char* name) { return std::find(columns.begin(), columns.end(), name); };
  if (at("k") < at("n")) result.notes.emplace_back("columns stand as m, k, n: written as m, n, k");
  note_left_out(result, empty, "no size or no time");
  result.notes.push_back(unit_note(options, unit_name));
  return result;
}

}  // namespace plumbline::importing
