#include "calibration/fit_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "calibration/fit_collectives.h"
#include "calibration/fit_kernels.h"

namespace plumbline {
namespace {

// How many neighbours correct a shape, and in which tiles rows are computed: what errs least, in
// the mean, on sites left out. The mean, because shapes just beyond a tile are few and err far.
constexpr int kNeighbours[] = {8, 16};
constexpr int kRowTiles[] = {1, 64, 128};

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

FittedRow row(std::string form, const ErrorSummary& fitted, const ErrorSummary& held_out) {
  return {std::move(form),     fitted.n,        fitted.median_abs, fitted.p90_abs,
          held_out.median_abs, held_out.p90_abs};
}

}  // namespace

FittedSection fit_products(const std::string& dtype, const CsvTable& csv) {
  const auto m = csv.numbers("m"), n = csv.numbers("n"), k = csv.numbers("k"),
             time = csv.numbers("latency_us");
  std::vector<GemmSample> samples;
  for (std::size_t i = 0; i < m.size(); ++i) {
    samples.push_back({m[i], n[i], k[i], Seconds(time[i] * 1e-6)});
  }
  GemmFitResult best;
  for (const int row_tile : kRowTiles) {
    for (const int neighbours : kNeighbours) {
      GemmFitResult fit = fit_gemm(dtype, samples, neighbours, row_tile);
      if (best.relative_standard_error.empty() ||
          fit.cross_validated.mean_abs < best.cross_validated.mean_abs) {
        best = std::move(fit);
      }
    }
  }
  FittedSection section;
  section.rows.push_back(row("gemm " + dtype, best.form, best.cross_validated));
  const auto& se = best.relative_standard_error;
  section.yaml = fmt::format(
      "    {}:\n      {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}, p: {}, neighbours: {}, "
      "row_tile: {},\n"
      "       relative_standard_error: {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}, p: {}}},\n"
      "       {},\n       range: {{{}, {}, {}}},\n       {},\n       {}}}\n",
      dtype, number(best.fit.flops.base()), number(best.fit.bytes.base()),
      number(best.fit.t0.base() * 1e6), number(best.fit.p), best.fit.neighbours, best.fit.row_tile,
      share(se[0]), share(se[1]), share(se[2]), share(se[3]),
      identified({"flops_per_s", "bytes_per_s", "t0_us", "p"}, se), range("m", m), range("n", n),
      range("k", k), errors("error", best.form), errors("cross_validated", best.cross_validated));
  return section;
}

FittedSection fit_attention(const std::string& operation, const CsvTable& csv,
                            int multiprocessors) {
  const bool prefill = operation == "attention_prefill";
  const auto batch = csv.numbers("batch_size"), length = csv.numbers(prefill ? "isl" : "kv_len"),
             heads = csv.numbers("num_heads"), kv = csv.numbers("num_kv_heads"),
             time = csv.numbers("latency_us");
  std::vector<AttentionSample> samples;
  for (std::size_t i = 0; i < time.size(); ++i) {
    samples.push_back({batch[i], length[i], heads[i], kv[i], Seconds(time[i] * 1e-6)});
  }
  const AttentionFitResult fit =
      prefill ? fit_prefill(samples) : fit_decode(samples, multiprocessors);
  FittedSection section;
  section.rows.push_back(row(operation, fit.form, fit.cross_validated));
  const auto& se = fit.relative_standard_error;
  const std::string tail = fmt::format(
      "     {},\n     range: {{{}, {}, {}, {}}},\n     {},\n     {}}}\n",
      prefill ? identified({"flops_per_s", "bytes_per_s", "t0_us"}, se)
              : identified({"bytes_per_s", "t0_us", "per_sequence_us"}, se),
      range("batch", batch), range("length", length), range("heads", heads), range("kv_heads", kv),
      errors("error", fit.form), errors("cross_validated", fit.cross_validated));
  if (prefill) {
    section.yaml =
        fmt::format(
            "  attention_prefill:\n    {{flops_per_s: {}, bytes_per_s: {}, t0_us: {},\n"
            "     relative_standard_error: {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}}},\n",
            number(fit.fit.flops.base()), number(fit.fit.bytes.base()),
            number(fit.fit.t0.base() * 1e6), share(se[0]), share(se[1]), share(se[2])) +
        tail;
    return section;
  }
  section.yaml =
      fmt::format(
          "  attention_decode:\n    {{bytes_per_s: {}, t0_us: {}, per_sequence_us: {},\n"
          "     relative_standard_error: {{bytes_per_s: {}, t0_us: {}, per_sequence_us: {}}},\n",
          number(fit.fit.bytes.base()), number(fit.fit.t0.base() * 1e6),
          number(fit.fit.per_sequence.base() * 1e6), share(se[0]), share(se[1]), share(se[2])) +
      tail;
  return section;
}

FittedSection fit_collective_table(const CollectiveTable& table) {
  FittedSection section;
  std::vector<double> sizes, groups;
  for (const CollectiveFitResult& fit : fit_collectives(table)) {
    const std::string name = fmt::format("{}_{}", to_string(fit.op), fit.ranks);
    const std::vector<double> se(fit.line.relative_standard_error,
                                 fit.line.relative_standard_error + 2);
    section.rows.push_back(row(name, fit.line.form, fit.cross_validated));
    if (fit.group_left_out.n > 0) {
      section.rows.push_back(row(name + " from other groups", fit.line.form, fit.group_left_out));
    }
    section.yaml += fmt::format(
        "    {}:\n      {{latency_us: {}, bus_bytes_per_s: {},\n"
        "       relative_standard_error: {{latency_us: {}, bus_bytes_per_s: {}}}, {},\n"
        "       range: {{{}}}, {},\n       {}{}}}\n",
        name, number(fit.line.latency.base() * 1e6), number(fit.bus_bandwidth.base()), share(se[0]),
        share(se[1]), identified({"latency_us", "bus_bytes_per_s"}, se),
        range("bytes", {fit.smallest.base(), fit.largest.base()}), errors("error", fit.line.form),
        errors("cross_validated", fit.cross_validated),
        fit.group_left_out.n > 0 ? ",\n       " + errors("group_left_out", fit.group_left_out)
                                 : "");
  }
  return section;
}

}  // namespace plumbline
