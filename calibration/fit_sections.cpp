#include "calibration/fit_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "calibration/fit_collectives.h"
#include "calibration/fit_kernels.h"
#include "calibration/section_text.h"

namespace plumbline {

using namespace section_text;

namespace {

// How many neighbours correct a shape, and in which tiles rows are computed: what errs least, in
// the mean, on sites left out. The mean, because shapes just beyond a tile are few and err far.
constexpr int kNeighbours[] = {8, 16};
constexpr int kRowTiles[] = {1, 64, 128};

}  // namespace

FittedProducts fit_products(const std::string& dtype, const CsvTable& csv) {
  const std::vector<GemmSample> samples = product_samples(csv);
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
  const auto sizes = [&](const char* name, double GemmSample::*size) {
    std::vector<double> values;
    for (const GemmSample& s : samples) values.push_back(s.*size);
    return range(name, values);
  };
  section.yaml = fmt::format(
      "    {}:\n      {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}, p: {}, neighbours: {}, "
      "row_tile: {},\n"
      "       relative_standard_error: {{flops_per_s: {}, bytes_per_s: {}, t0_us: {}, p: {}}},\n"
      "       {},\n       range: {{{}, {}, {}}},\n       {},\n       {}}}\n",
      dtype, number(best.fit.flops.base()), number(best.fit.bytes.base()),
      number(best.fit.t0.base() * 1e6), number(best.fit.p), best.fit.neighbours, best.fit.row_tile,
      share(se[0]), share(se[1]), share(se[2]), share(se[3]),
      identified({"flops_per_s", "bytes_per_s", "t0_us", "p"}, se), sizes("m", &GemmSample::m),
      sizes("n", &GemmSample::n), sizes("k", &GemmSample::k), errors("error", best.form),
      errors("cross_validated", best.cross_validated));
  return {std::move(section), best.fit};
}

FittedSection fit_attention(const std::string& operation, const CsvTable& csv,
                            const DeviceSpec& device) {
  const bool prefill = operation == "attention_prefill";
  const auto size = [&](const char* column) { return csv.numbers_in(column, 1, kMostSize); };
  const auto batch = size("batch_size"), length = size(prefill ? "isl" : "kv_len"),
             heads = size("num_heads"), kv = size("num_kv_heads"),
             time = csv.numbers_in("latency_us", 1e-3, 1e12);
  std::vector<AttentionSample> samples;
  for (std::size_t i = 0; i < time.size(); ++i) {
    samples.push_back({batch[i], length[i], heads[i], kv[i], Seconds(time[i] * 1e-6)});
  }
  const AttentionFitResult fit =
      prefill ? fit_prefill(samples) : fit_decode(samples, device.multiprocessors, device.l2);
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
    const ErrorSummary size_left_out = summarize(fit.size_errors),
                       group_left_out = summarize(fit.group_errors);
    if (fit.op != Collective::kEngineAllReduce) {
      sizes.insert(sizes.end(), fit.size_errors.begin(), fit.size_errors.end());
      groups.insert(groups.end(), fit.group_errors.begin(), fit.group_errors.end());
    }
    const std::string name = fmt::format("{}_{}", to_string(fit.op), fit.ranks);
    const std::vector<double> se(fit.line.relative_standard_error,
                                 fit.line.relative_standard_error + 2);
    section.rows.push_back(row(name, fit.line.form, size_left_out));
    if (group_left_out.n > 0) {
      section.rows.push_back(row(name + " from other groups", fit.line.form, group_left_out));
    }
    section.yaml += fmt::format(
        "    {}:\n      {{latency_us: {}, bus_bytes_per_s: {},\n"
        "       relative_standard_error: {{latency_us: {}, bus_bytes_per_s: {}}}, {},\n"
        "       range: {{{}}}, {},\n       {}{}}}\n",
        name, number(fit.line.latency.base() * 1e6), number(fit.bus_bandwidth.base()), share(se[0]),
        share(se[1]), identified({"latency_us", "bus_bytes_per_s"}, se),
        range("bytes", {fit.smallest.base(), fit.largest.base()}), errors("error", fit.line.form),
        errors("cross_validated", size_left_out),
        group_left_out.n > 0 ? ",\n       " + errors("group_left_out", group_left_out) : "");
  }
  // NCCL's together: what is aimed at.
  if (!sizes.empty()) section.rows.push_back(row("collectives", {}, summarize(sizes)));
  if (!groups.empty()) {
    section.rows.push_back(row("collectives from other groups", {}, summarize(groups)));
  }
  return section;
}

}  // namespace plumbline
