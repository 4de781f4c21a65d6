#include "calibration/fit_layouts.h"

#include <cmath>
#include <map>
#include <utility>

#include "calibration/least_squares.h"
#include "sim/kernels/coordinates.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/residual_table.h"

namespace plumbline {
namespace {

constexpr double kHuber = 0.15;  // as the fit of products
constexpr std::size_t kFolds = 10;

/// A product in another layout: what it takes in TN, and the time of one byte per output element.
struct Row {
  double measured, tn, per_byte;
  std::pair<double, double> site;
};

double predicted(const std::vector<double>& p, const Row& row) {
  return p[0] * row.tn + (p.size() > 1 ? p[1] * row.per_byte : 0);
}

LeastSquaresFit solve(const std::vector<Row>& rows, bool accumulate) {
  return least_squares(
      [&](const std::vector<double>& p, double* r) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          r[i] = std::log(rows[i].measured / predicted(p, rows[i]));
        }
      },
      accumulate ? std::vector<double>{1, 4} : std::vector<double>{1}, rows.size(), kHuber);
}

ErrorSummary errors_of(const std::vector<double>& p, const std::vector<Row>& rows) {
  std::vector<double> errors;
  for (const Row& row : rows) errors.push_back(predicted(p, row) / row.measured - 1);
  return summarize(errors);
}

}  // namespace

LayoutFit fit_layout(std::string_view dtype, const GemmFit& tn,
                     const std::vector<GemmSample>& tn_samples,
                     const std::vector<GemmSample>& samples, bool accumulate,
                     BytesPerSecond streaming) {
  if (samples.size() < 8) {
    throw problem_at(
        "", 0, "has " + std::to_string(samples.size()) + " samples; the fit of a layout needs 8");
  }
  const auto point = [&](const GemmSample& s) {
    return gemm_point(padded_rows(s.m, tn.row_tile), s.n, s.k);
  };
  const auto form = [&](const GemmSample& s) {
    return gemm_form(tn, gemm_work(tn, dtype, s.m, s.n, s.k)).base();
  };
  ResidualTable table;
  for (const GemmSample& s : tn_samples) table.add(point(s), std::log(s.time.base() / form(s)));
  table.finish();

  std::vector<Row> rows;
  std::map<std::pair<double, double>, std::size_t> sites;
  for (const GemmSample& s : samples) {
    const double price = form(s) * std::exp(table.at(point(s), tn.neighbours).log_residual);
    rows.push_back({s.time.base(), price, s.m * s.n / streaming.base(), {s.n, s.k}});
    sites.emplace(rows.back().site, 0);
  }
  std::size_t next = 0;
  for (auto& [unused, number] : sites) number = next++;
  const LeastSquaresFit all = solve(rows, accumulate);
  LayoutFit fit;
  fit.factor = all.parameters[0];
  if (accumulate) fit.accumulate_bytes = all.parameters[1];
  fit.relative_standard_error = all.relative_standard_error;
  fit.form = errors_of(all.parameters, rows);

  std::vector<double> errors;
  for (std::size_t fold = 0; fold < std::min(kFolds, sites.size()); ++fold) {
    std::vector<Row> seen, unseen;
    for (const Row& row : rows) {
      (sites.at(row.site) % kFolds == fold ? unseen : seen).push_back(row);
    }
    if (seen.size() < 2) continue;
    const std::vector<double> p = solve(seen, accumulate).parameters;
    for (const Row& row : unseen) errors.push_back(predicted(p, row) / row.measured - 1);
  }
  fit.cross_validated = summarize(errors);
  return fit;
}

}  // namespace plumbline
