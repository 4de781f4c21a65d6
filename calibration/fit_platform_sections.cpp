// The parts of `fitted:` that come from layouts, streaming kernels, launches and copies.
#include <fmt/format.h>

#include <algorithm>

#include "calibration/fit_layouts.h"
#include "calibration/fit_sections.h"
#include "calibration/fit_streams.h"
#include "calibration/section_text.h"
#include "sim/kernels/problem.h"

namespace plumbline {

using namespace section_text;

std::vector<GemmSample> product_samples(const CsvTable& csv) {
  const auto m = csv.numbers_in("m", 1, kMostSize), n = csv.numbers_in("n", 1, kMostSize),
             k = csv.numbers_in("k", 1, kMostSize), time = csv.numbers_in("latency_us", 1e-3, 1e12);
  std::vector<GemmSample> samples;
  for (std::size_t i = 0; i < m.size(); ++i) {
    samples.push_back({m[i], n[i], k[i], Seconds(time[i] * 1e-6)});
  }
  return samples;
}

FittedSection fit_product_layout(const std::string& operation, const std::string& dtype,
                                 const CsvTable& csv, const GemmFit& tn, const CsvTable& tn_csv,
                                 BytesPerSecond streaming) {
  bool accumulate = false;
  if (csv.has("accumulate")) {
    const auto flags = csv.numbers_in("accumulate", 0, 1);
    accumulate = !flags.empty() && flags[0] != 0;
    for (std::size_t i = 0; i < flags.size(); ++i) {
      if ((flags[i] != 0) != accumulate) {
        csv.fail(i, "accumulates where other rows do not", "a file for each");
      }
    }
  }
  const LayoutFit fit =
      fit_layout(dtype, tn, product_samples(tn_csv), product_samples(csv), accumulate, streaming);
  const auto& se = fit.relative_standard_error;
  FittedSection section;
  section.rows.push_back(row(operation + " " + dtype, fit.form, fit.cross_validated));
  section.yaml = fmt::format(
      "    {}:\n      {{factor: {}{},\n       relative_standard_error: {{factor: {}{}}}, {},\n"
      "       {}, {}}}\n",
      operation.substr(operation.size() - 2), number(fit.factor),
      accumulate ? ", accumulate_bytes: " + number(fit.accumulate_bytes) : "", share(se[0]),
      accumulate ? ", accumulate_bytes: " + share(se[1]) : "",
      accumulate ? identified({"factor", "accumulate_bytes"}, se) : identified({"factor"}, se),
      errors("error", fit.form), errors("cross_validated", fit.cross_validated));
  return section;
}

namespace {

// latency_us and bytes_per_s of a line, what they are worth, and where they were seen.
std::string line_text(const StreamFit& fit, const std::string& more, const std::string& more_se) {
  const std::vector<double> se(fit.line.relative_standard_error,
                               fit.line.relative_standard_error + 2);
  return fmt::format(
      "{{latency_us: {}, bytes_per_s: {}{},\n"
      "     relative_standard_error: {{latency_us: {}, bytes_per_s: {}{}}},\n"
      "     {}, range: {{{}}},\n     {}, {}}}\n",
      number(fit.line.latency.base() * 1e6), number(fit.line.bandwidth.base()), more, share(se[0]),
      share(se[1]), more_se, identified({"latency_us", "bytes_per_s"}, se),
      range("bytes", {fit.smallest, fit.largest}), errors("error", fit.line.form),
      errors("cross_validated", fit.cross_validated));
}

}  // namespace

FittedSection fit_streaming_section(const CsvTable& csv) {
  const StreamFit fit = fit_streaming(csv);
  return {"  streaming:\n    " + line_text(fit, "", ""),
          {row("streaming", fit.line.form, fit.cross_validated)}};
}

BytesPerSecond streaming_bandwidth(const CsvTable& csv) {
  return fit_streaming(csv).line.bandwidth;
}

FittedSection fit_overhead_section(const CsvTable& csv) {
  std::vector<std::string> values, shares;
  std::vector<const char*> names;
  std::vector<double> se;
  const std::vector<OverheadFit> fits = fit_overheads(csv);
  std::vector<std::string> keys;
  for (const OverheadFit& fit : fits) keys.push_back(fit.kind + "_us");
  for (std::size_t i = 0; i < fits.size(); ++i) {
    names.push_back(keys[i].c_str());
    se.push_back(fits[i].relative_standard_error);
    values.push_back(keys[i] + ": " + number(fits[i].time.base() * 1e6));
    shares.push_back(keys[i] + ": " + share(se.back()));
  }
  FittedSection section;
  section.yaml =
      fmt::format("  overhead:\n    {{{},\n     relative_standard_error: {{{}}},\n     {}}}\n",
                  fmt::join(values, ", "), fmt::join(shares, ", "), identified(names, se));
  return section;
}

FittedSection fit_copy_section(const CsvTable& csv, const std::string& operation) {
  const CopyFit fit = fit_copies(csv, operation);
  std::string more = ", direction: " + fit.direction, more_se;
  if (fit.slowdown > 0) {
    more += ", bidirectional_slowdown: " + number(fit.slowdown);
    more_se = ", bidirectional_slowdown: " + share(fit.slowdown_standard_error);
  }
  return {
      "  " + operation + ":\n    " + line_text(fit.one_way, more, more_se),
      {row(operation + " " + fit.direction, fit.one_way.line.form, fit.one_way.cross_validated)}};
}

}  // namespace plumbline
