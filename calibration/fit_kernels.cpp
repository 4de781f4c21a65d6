#include "calibration/fit_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "calibration/least_squares.h"
#include "sim/kernels/coordinates.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/residual_table.h"

namespace plumbline {
namespace {

constexpr double kHuber = 0.15;  // log error: three times the noise between library builds
constexpr int kFolds = 10;

template <typename Sample>
void check(const std::vector<Sample>& samples, std::size_t fewest, const char* what) {
  if (samples.size() < fewest) {
    throw problem_at("", 0,
                     std::string(what) + " has " + std::to_string(samples.size()) +
                         " samples; the fit needs " + std::to_string(fewest));
  }
  for (const Sample& s : samples) {
    if (!(s.time > Seconds(0))) {
      throw problem_at("", 0, std::string(what) + " has a time that is not above zero");
    }
  }
}

// Error of form * exp(neighbours' residual) on samples whose site is left out.
ErrorSummary cross_validate(const std::vector<ResidualTable::Point>& points,
                            const std::vector<double>& log_residual,
                            const std::vector<std::pair<double, double>>& site, int neighbours) {
  std::map<std::pair<double, double>, int> number;
  for (const auto& s : site) number.emplace(s, 0);
  int next = 0;
  for (auto& [unused, index] : number) index = next++;

  std::vector<double> errors;
  for (int fold = 0; fold < kFolds; ++fold) {
    ResidualTable table;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (number.at(site[i]) % kFolds != fold) table.add(points[i], log_residual[i]);
    }
    table.finish();
    if (table.empty()) continue;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (number.at(site[i]) % kFolds != fold) continue;
      const double predicted = table.at(points[i], neighbours).log_residual;
      errors.push_back(std::exp(predicted - log_residual[i]) - 1);
    }
  }
  return summarize(errors);
}

std::vector<double> log_residuals(std::size_t n, const std::function<double(std::size_t)>& form,
                                  const std::function<double(std::size_t)>& time) {
  std::vector<double> r(n);
  for (std::size_t i = 0; i < n; ++i) r[i] = std::log(time(i) / form(i));
  return r;
}

ErrorSummary form_errors(const std::vector<double>& log_residual) {
  std::vector<double> errors;
  for (const double r : log_residual) errors.push_back(std::exp(-r) - 1);
  return summarize(errors);
}

GemmFit gemm_of(const std::vector<double>& p) {
  GemmFit fit;
  fit.flops = FlopsPerSecond(p[0]);
  fit.bytes = BytesPerSecond(p[1]);
  fit.t0 = Seconds(p[2]);
  // Beyond 32 the ridge is a corner, and the data cannot tell how sharp it is.
  fit.p = std::clamp(p[3], 0.5, 32.0);
  return fit;
}

}  // namespace

GemmFitResult fit_gemm(std::string_view dtype, const std::vector<GemmSample>& samples,
                       int neighbours, int row_tile) {
  check(samples, 8, "gemm");
  std::vector<GemmWork> work;
  double best_rate = 0, best_stream = 0, least = samples.front().time.base();
  GemmFit tiles;
  tiles.row_tile = row_tile;
  for (const GemmSample& s : samples) {
    work.push_back(gemm_work(tiles, dtype, s.m, s.n, s.k));
    best_rate = std::max(best_rate, (work.back().flops / s.time).base());
    best_stream = std::max(best_stream, (work.back().bytes / s.time).base());
    least = std::min(least, s.time.base());
  }
  const auto residual = [&](const std::vector<double>& p, double* r) {
    const GemmFit fit = gemm_of(p);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      r[i] = std::log(samples[i].time / gemm_form(fit, work[i]));
    }
  };
  const LeastSquaresFit solved =
      least_squares(residual, {best_rate, best_stream, least, 2.0}, samples.size(), kHuber);

  GemmFitResult result;
  result.fit = gemm_of(solved.parameters);
  result.fit.neighbours = neighbours;
  result.fit.row_tile = row_tile;
  result.relative_standard_error = solved.relative_standard_error;
  const auto r = log_residuals(
      samples.size(), [&](std::size_t i) { return gemm_form(result.fit, work[i]).base(); },
      [&](std::size_t i) { return samples[i].time.base(); });
  std::vector<ResidualTable::Point> points;
  std::vector<std::pair<double, double>> site;
  for (const GemmSample& s : samples) {
    points.push_back(gemm_point(padded_rows(s.m, row_tile), s.n, s.k));
    site.emplace_back(s.n, s.k);
  }
  result.form = form_errors(r);
  result.cross_validated = cross_validate(points, r, site, neighbours);
  return result;
}

namespace {

using AttentionOf = std::function<AttentionFit(const std::vector<double>&)>;
using AttentionForm = std::function<Seconds(const AttentionFit&, std::size_t)>;
using AttentionPoint = std::function<ResidualTable::Point(const AttentionSample&)>;

// Constants that `of` makes of the parameters, the error of `form` with them, and of form and
// neighbours on sites left out.
AttentionFitResult fit_attention_form(const std::vector<AttentionSample>& samples,
                                      const std::vector<double>& start, const AttentionOf& of,
                                      const AttentionForm& form, const AttentionPoint& point,
                                      int neighbours) {
  const auto log_residual = [&](const AttentionFit& fit, std::size_t i) {
    return std::log(samples[i].time / form(fit, i));
  };
  const LeastSquaresFit solved = least_squares(
      [&](const std::vector<double>& p, double* r) {
        const AttentionFit fit = of(p);
        for (std::size_t i = 0; i < samples.size(); ++i) r[i] = log_residual(fit, i);
      },
      start, samples.size(), kHuber);
  AttentionFitResult result;
  result.fit = of(solved.parameters);
  result.relative_standard_error = solved.relative_standard_error;
  std::vector<ResidualTable::Point> points;
  std::vector<std::pair<double, double>> site;
  std::vector<double> residuals;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    points.push_back(point(samples[i]));
    site.emplace_back(samples[i].heads, samples[i].kv_heads);
    residuals.push_back(log_residual(result.fit, i));
  }
  result.form = form_errors(residuals);
  result.cross_validated = cross_validate(points, residuals, site, neighbours);
  return result;
}

}  // namespace

AttentionFitResult fit_prefill(const std::vector<AttentionSample>& samples) {
  check(samples, 8, "attention_prefill");
  std::vector<AttentionWork> work;
  double rate = 0, least = samples.front().time.base();
  for (const AttentionSample& s : samples) {
    work.push_back(
        attention_work(s.batch, s.heads, s.kv_heads, 128, 128, s.length, s.length, true, 2));
    rate = std::max(rate, (work.back().flops / s.time).base());
    least = std::min(least, s.time.base());
  }
  const auto of = [](const std::vector<double>& p) {
    AttentionFit fit;
    fit.flops = FlopsPerSecond(p[0]);
    fit.bytes = BytesPerSecond(p[1]);
    fit.t0 = Seconds(p[2]);
    return fit;
  };
  return fit_attention_form(
      samples, {rate, 1e12, least}, of,
      [&](const AttentionFit& fit, std::size_t i) { return prefill_form(fit, work[i]); },
      [](const AttentionSample& s) {
        return prefill_point(s.batch, s.length, s.heads, s.kv_heads);
      },
      kPrefillNeighbours);
}

AttentionFitResult fit_decode(const std::vector<AttentionSample>& samples, int multiprocessors,
                              Bytes l2) {
  check(samples, 8, "attention_decode");
  double stream = 0, least = samples.front().time.base();
  for (const AttentionSample& s : samples) {
    stream = std::max(stream, 4 * s.batch * s.length * s.kv_heads * 128 / s.time.base());
    least = std::min(least, s.time.base());
  }
  const auto of = [](const std::vector<double>& p) {
    AttentionFit fit;
    fit.flops = FlopsPerSecond(1e20);
    fit.bytes = BytesPerSecond(p[0]);
    fit.t0 = Seconds(p[1]);
    fit.per_sequence = Seconds(p[2]);
    return fit;
  };
  return fit_attention_form(
      samples, {stream, least, 0.3 * least}, of,
      [&](const AttentionFit& fit, std::size_t i) {
        const AttentionSample& s = samples[i];
        return decode_form(fit, s.batch, s.kv_heads, 128, s.length, 2, multiprocessors);
      },
      [&](const AttentionSample& s) {
        return decode_point(s.batch, s.length, s.heads, s.kv_heads,
                            cache_bytes(s.batch, s.length, s.kv_heads, 128, 2), l2);
      },
      kDecodeNeighbours);
}

LinkFit fit_link(const std::vector<Bytes>& bytes, const std::vector<Seconds>& times) {
  std::set<double> sizes;
  double largest = 0, least = 1e30;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sizes.insert(bytes[i].base());
    if (!(times[i] > Seconds(0)) || !(bytes[i] > Bytes(0))) {
      throw problem_at("", 0, "a transfer has a size or a time that is not above zero");
    }
    largest = std::max(largest, (bytes[i] / times[i]).base());
    least = std::min(least, times[i].base());
  }
  if (bytes.size() < 3 || sizes.size() < 2) {
    throw problem_at("", 0, "a link needs at least three samples of two sizes");
  }
  const LeastSquaresFit solved = least_squares(
      [&](const std::vector<double>& p, double* r) {
        for (std::size_t i = 0; i < bytes.size(); ++i) {
          r[i] = (p[0] + bytes[i].base() / p[1]) / times[i].base() - 1;
        }
      },
      {least, largest}, bytes.size(), 1e9);
  LinkFit fit;
  fit.latency = Seconds(solved.parameters[0]);
  fit.bandwidth = BytesPerSecond(solved.parameters[1]);
  for (int i = 0; i < 2; ++i) fit.relative_standard_error[i] = solved.relative_standard_error[i];
  std::vector<double> errors;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    errors.push_back((fit.latency + bytes[i] / fit.bandwidth) / times[i] - 1);
  }
  fit.form = summarize(errors);
  return fit;
}

}  // namespace plumbline
