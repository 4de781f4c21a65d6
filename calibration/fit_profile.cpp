#include "calibration/fit_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <utility>

#include "calibration/fit_kernels.h"
#include "sim/cluster/read_profile.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/sha256.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

// How many neighbours correct a shape, and in which tiles rows are computed: what errs least, in
// the mean, on sites left out. The mean, because shapes just beyond a tile are few and err far.
constexpr int kNeighbours[] = {8, 16};
constexpr int kRowTiles[] = {1, 64, 128};

/// A sample file with its content.
struct Source {
  SampleFile file;
  std::string shown;  ///< path as the profile writes it
  CsvTable csv;
};

SampleFile classify(const std::string& path, const CsvTable& csv, const DeviceSpec& device) {
  const std::string name = fs::path(path).stem().string();
  SampleFile file;
  file.path = path;
  file.dtype = "bf16";
  if (csv.has("m") && csv.has("n") && csv.has("k") && csv.has("latency_us")) {
    file.operation = "gemm";
    for (const auto& [dtype, unused] : device.peak_flops) {
      const bool longer = file.dtype != "bf16" && file.dtype.size() > dtype.size();
      if (!longer && name.find(dtype) != std::string::npos) file.dtype = dtype;
    }
  } else if (csv.has("isl")) {
    file.operation = "attention_prefill";
  } else if (csv.has("kv_len") && csv.has("num_heads")) {
    file.operation = "attention_decode";
  } else if (csv.has("fwd_tflops") && csv.has("seqlen")) {
    file.operation = "attention_training";
  } else if (csv.has("op_name") && csv.has("num_gpus")) {
    file.operation = "collective";
    file.dtype.clear();
    file.link = device.intra_link;
  } else {
    throw problem_at(path, 1, "is no sample a profile can be fitted to",
                     "products, attention and collectives are; see calibration/README.md");
  }
  return file;
}

Source open_source(SampleFile file, const fs::path& folder) {
  std::string text = read_file(file.path);
  file.sha256 = sha256_hex(text);
  std::string shown = fs::path(file.path).lexically_relative(folder).generic_string();
  if (shown.empty() || shown.rfind("..", 0) == 0) {
    throw problem_at(file.path, 0, "does not lie below " + folder.string(),
                     "copy it into samples/ beside the profile");
  }
  CsvTable csv = CsvTable::parse(std::move(text), file.path);
  return {std::move(file), std::move(shown), std::move(csv)};
}

// Five digits: an order finer than any constant is known.
std::string number(double value) { return fmt::format("{:.5g}", value); }
std::string share(double value) {
  return std::isfinite(value) ? fmt::format("{:.2g}", value) : "unidentified";
}

// A constant is identified when its standard error leaves its size standing: below a third.
constexpr double kIdentified = 1.0 / 3;
std::string identified(std::initializer_list<const char*> names, const std::vector<double>& se) {
  std::string list;
  std::size_t i = 0;
  for (const char* name : names) {
    if (se[i++] < kIdentified) list += (list.empty() ? "" : ", ") + std::string(name);
  }
  return "identified: [" + list + "]";
}

std::string range(const char* name, const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{}: [{:.0f}, {:.0f}]", name, *low, *high);
}

std::string errors(const char* key, const ErrorSummary& e) {
  return fmt::format("{}: {{n: {}, median: {}, p90: {}}}", key, e.n, share(e.median_abs),
                     share(e.p90_abs));
}

FitProfileResult::Row row(std::string form, const ErrorSummary& fitted,
                          const ErrorSummary& held_out) {
  return {std::move(form),     fitted.n,        fitted.median_abs, fitted.p90_abs,
          held_out.median_abs, held_out.p90_abs};
}

std::string gemm_block(const Source& source, FitProfileResult& result) {
  const auto m = source.csv.numbers("m"), n = source.csv.numbers("n"), k = source.csv.numbers("k"),
             time = source.csv.numbers("latency_us");
  std::vector<GemmSample> samples;
  for (std::size_t i = 0; i < m.size(); ++i) {
    samples.push_back({m[i], n[i], k[i], Seconds(time[i] * 1e-6)});
  }
  GemmFitResult best;
  for (const int row_tile : kRowTiles) {
    for (const int neighbours : kNeighbours) {
      GemmFitResult fit = fit_gemm(source.file.dtype, samples, neighbours, row_tile);
      if (best.relative_standard_error.empty() ||
          fit.cross_validated.mean_abs < best.cross_validated.mean_abs) {
        best = std::move(fit);
      }
    }
  }
  result.rows.push_back(row("gemm " + source.file.dtype, best.form, best.cross_validated));
  const auto& se = best.relative_standard_error;
  return fmt::format(
      "    {}:\n      {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}, p: {}, neighbours: {}, "
      "row_tile: {},\n"
      "       relative_standard_error: {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}, p: {}}},\n"
      "       {},\n       range: {{{}, {}, {}}},\n       {},\n       {}}}\n",
      source.file.dtype, number(best.fit.flops.base()), number(best.fit.bytes.base()),
      number(best.fit.t0.base() * 1e6), number(best.fit.p), best.fit.neighbours, best.fit.row_tile,
      share(se[0]), share(se[1]), share(se[2]), share(se[3]),
      identified({"flops_per_s", "bytes_per_s", "t0_us", "p"}, se), range("m", m), range("n", n),
      range("k", k), errors("error", best.form), errors("cross_validated", best.cross_validated));
}

std::string attention_block(const Source& source, int multiprocessors, FitProfileResult& result) {
  const bool prefill = source.file.operation == "attention_prefill";
  const auto batch = source.csv.numbers("batch_size"),
             length = source.csv.numbers(prefill ? "isl" : "kv_len"),
             heads = source.csv.numbers("num_heads"), kv = source.csv.numbers("num_kv_heads"),
             time = source.csv.numbers("latency_us");
  std::vector<AttentionSample> samples;
  for (std::size_t i = 0; i < time.size(); ++i) {
    samples.push_back({batch[i], length[i], heads[i], kv[i], Seconds(time[i] * 1e-6)});
  }
  const AttentionFitResult fit =
      prefill ? fit_prefill(samples) : fit_decode(samples, multiprocessors);
  result.rows.push_back(row(source.file.operation, fit.form, fit.cross_validated));
  const auto& se = fit.relative_standard_error;
  const std::string tail = fmt::format(
      "     {},\n     range: {{{}, {}, {}, {}}},\n     {},\n     {}}}\n",
      prefill ? identified({"flops_per_s", "bytes_per_s", "t0_us"}, se)
              : identified({"bytes_per_s", "t0_us", "per_sequence_us"}, se),
      range("batch", batch), range("length", length), range("heads", heads), range("kv_heads", kv),
      errors("error", fit.form), errors("cross_validated", fit.cross_validated));
  if (prefill) {
    return fmt::format(
               "  attention_prefill:\n    {{flops_per_s: {}, bytes_per_s: {}, t0_us: {},\n"
               "     relative_standard_error: {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}}},\n",
               number(fit.fit.flops.base()), number(fit.fit.bytes.base()),
               number(fit.fit.t0.base() * 1e6), share(se[0]), share(se[1]), share(se[2])) +
           tail;
  }
  return fmt::format(
             "  attention_decode:\n    {{bytes_per_s: {}, t0_us: {}, per_sequence_us: {},\n"
             "     relative_standard_error: {{bytes_per_s: {}, t0_us: {}, per_sequence_us: {}}},\n",
             number(fit.fit.bytes.base()), number(fit.fit.t0.base() * 1e6),
             number(fit.fit.per_sequence.base() * 1e6), share(se[0]), share(se[1]), share(se[2])) +
         tail;
}

/// `model: {...}` of layers that belong to one model, as the reader of profiles takes it.
std::string model_block(const ModelShape& m) {
  if (m.name.empty()) return "";
  std::string text = ",\n     model: {name: " + m.name;
  const auto add = [&](const char* key, double value) {
    if (value > 0) text += fmt::format(", {}: {:.0f}", key, value);
  };
  if (m.tensor > 1) add("tensor", m.tensor);
  add("hidden", m.hidden);
  add("heads", m.heads);
  add("kv_heads", m.kv_heads);
  add("head_dim", m.head_dim);
  add("ffn", m.ffn);
  add("vocab", m.vocab);
  add("experts", m.experts);
  add("expert_ffn", m.expert_ffn);
  add("top_k", m.top_k);
  return text + "}";
}

std::string sample_block(const std::vector<Source>& sources) {
  if (sources.empty()) return "";
  std::string text = "samples:\n";
  for (const Source& source : sources) {
    text += "  - {operation: " + source.file.operation;
    if (!source.file.dtype.empty()) text += ", dtype: " + source.file.dtype;
    if (!source.file.link.empty()) text += ", link: " + source.file.link;
    text += fmt::format(", file: {}{},\n     sha256: {}}}\n", source.shown,
                        model_block(source.file.model), source.file.sha256);
  }
  return text;
}

}  // namespace

FitProfileResult fit_profile(const FitProfileOptions& options) {
  const DeviceSpec device = read_device(options.profile_path);
  const fs::path folder = fs::path(options.profile_path).parent_path();
  std::string hand = read_file(options.profile_path);
  const std::size_t marker = hand.find(kFittedMarker);
  if (marker != std::string::npos) {
    hand.erase(marker);
  } else if (hand.find("\nsamples:") != std::string::npos ||
             hand.find("\nfitted:") != std::string::npos) {
    throw problem_at(options.profile_path, 0, "has samples or fitted, but no line says whose",
                     "put this line above them: " + std::string(kFittedMarker));
  }
  if (!hand.empty() && hand.back() != '\n') hand += '\n';

  std::vector<Source> sources;
  for (const SampleFile& file : device.samples) {
    if (!file.inherited) sources.push_back(open_source(file, folder));
  }
  for (const std::string& path : options.csv_paths) {
    const CsvTable csv = CsvTable::parse(read_file(path), path);
    Source source = open_source(classify(path, csv, device), folder);
    const auto same = std::find_if(sources.begin(), sources.end(), [&](const Source& s) {
      return s.file.operation == source.file.operation && s.file.dtype == source.file.dtype &&
             s.file.link == source.file.link;
    });
    if (same == sources.end()) {
      sources.push_back(std::move(source));
    } else {
      *same = std::move(source);
    }
  }

  FitProfileResult result;
  std::string gemm, attention;
  for (const Source& source : sources) {
    if (source.file.operation == "gemm") gemm += gemm_block(source, result);
    if (source.file.operation == "attention_prefill" ||
        source.file.operation == "attention_decode") {
      attention += attention_block(source, device.multiprocessors, result);
    }
  }
  result.text = hand;
  if (!sources.empty()) result.text += std::string(kFittedMarker) + "\n" + sample_block(sources);
  if (!gemm.empty() || !attention.empty()) {
    result.text += "fitted:\n" + (gemm.empty() ? "" : "  gemm:\n" + gemm) + attention;
  }
  return result;
}

}  // namespace plumbline
