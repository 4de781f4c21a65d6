#include "sim/serving/traffic.h"

#include <algorithm>
#include <cmath>

#include "sim/core/rng.h"

namespace plumbline {
namespace {

using Kind = TrafficOptions::Kind;

constexpr double kNormalP99 = 2.3263478740408408;

// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000.
// Every request has 64 draws of its own; a rejection takes the next.
double gamma_draw(double shape, const RandomStream& random, std::uint64_t request) {
  std::uint64_t at = request * 64;
  // A shape below 1 is drawn one higher and scaled by a power of an even number.
  const double scale = shape < 1 ? std::pow(1.0 - random.uniform(at++), 1.0 / shape) : 1.0;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  for (int tries = 0; tries < 20; ++tries) {
    const double x = random.normal(at++);
    const double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
    const double u = 1.0 - random.uniform(at++);
    if (v > 0 && std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return scale * d * v;
  }
  return scale * d;  // 20 rejections at an acceptance above 0.95: never seen
}

// Arrivals of a Poisson process of rate r(t) come where the integral of r reaches the sums of unit
// exponentials.  `advance(t, work)`: when the integral has grown by `work` since t.
template <typename Advance>
void time_by(Requests& requests, const RandomStream& random, const Advance& advance) {
  double t = 0;
  std::uint64_t i = 0;
  for (Request& request : requests.list) {
    t = advance(t, random.exponential(i++));
    request.arrival = to_sim_time(Seconds(t));
  }
}

// Periods of constant or linear rate, repeated: the time at which the integral has grown by `work`.
struct Piece {
  double length, from, to;
};

double advance_over(const std::vector<Piece>& pieces, double period, double t, double work) {
  const double cycle = std::floor(t / period);
  double begin = cycle * period, in_cycle = t - begin;
  while (true) {
    double at = 0;
    for (const Piece& piece : pieces) {
      const double offset = in_cycle - at;
      if (offset < piece.length) {
        const double slope = (piece.to - piece.from) / piece.length;
        const double rate = piece.from + slope * offset, left = piece.length - offset;
        const double area = left * (rate + piece.to) / 2;
        if (area > work) {
          // rate * x + slope * x^2 / 2 = work, the root that stays exact for a slope of 0
          const double root = std::sqrt(std::max(0.0, rate * rate + 2 * slope * work));
          return begin + in_cycle + 2 * work / (rate + root);
        }
        work -= area;
        in_cycle = at + piece.length;
      }
      at += piece.length;
    }
    begin += period;
    in_cycle = 0;
  }
}

void draw_arrivals(Requests& requests, const TrafficOptions& options, const RandomStream& random) {
  switch (options.kind) {
    case Kind::kPoisson:
      time_by(requests, random, [&](double t, double e) { return t + e / options.rate_per_s; });
      break;
    case Kind::kGamma: {
      const double cv = options.coefficient_of_variation;
      double t = 0;
      std::uint64_t i = 0;
      for (Request& request : requests.list) {
        // Gaps of mean 1/rate: shape 1/cv^2, scale cv^2/rate.
        t += (cv == 0 ? 1 : gamma_draw(1 / (cv * cv), random, i) * cv * cv) / options.rate_per_s;
        ++i;
        request.arrival = to_sim_time(Seconds(t));
      }
      break;
    }
    case Kind::kBursts: {
      std::vector<Piece> pieces{{options.on_s, options.rate_per_s, options.rate_per_s}};
      if (options.off_s > 0) {
        pieces.push_back({options.off_s, options.off_rate_per_s, options.off_rate_per_s});
      }
      time_by(requests, random, [&](double t, double e) {
        return advance_over(pieces, options.on_s + options.off_s, t, e);
      });
      break;
    }
    case Kind::kDiurnal: {
      std::vector<Piece> pieces;
      const std::vector<double>& rates = options.rates_per_s;
      for (std::size_t i = 0; i < rates.size(); ++i) {
        pieces.push_back({options.period_s / static_cast<double>(rates.size()), rates[i],
                          rates[(i + 1) % rates.size()]});
      }
      time_by(requests, random,
              [&](double t, double e) { return advance_over(pieces, options.period_s, t, e); });
      break;
    }
    case Kind::kTrace:
    case Kind::kClosedLoop:
      break;
  }
}

}  // namespace

std::int64_t draw_tokens(const TokenDistribution& distribution, double u, double normal) {
  using Shape = TokenDistribution::Kind;
  double tokens = 1;
  switch (distribution.kind) {
    case Shape::kFixed:
      tokens = distribution.fixed;
      break;
    case Shape::kUniform:
      tokens = std::floor(distribution.low + u * (distribution.high - distribution.low + 1));
      break;
    case Shape::kLognormal: {
      // p99 / mean = exp(z s - s^2 / 2) has the smaller root s = z - sqrt(z^2 - 2 ln(p99 / mean)).
      const double log_ratio = std::log(distribution.p99 / distribution.mean);
      const double sigma =
          kNormalP99 - std::sqrt(std::max(0.0, kNormalP99 * kNormalP99 - 2 * log_ratio));
      tokens = distribution.mean * std::exp(sigma * normal - sigma * sigma / 2);
      break;
    }
    case Shape::kExponential:
      tokens = -distribution.mean * std::log1p(-u);
      break;
  }
  if (distribution.max) tokens = std::min(tokens, static_cast<double>(*distribution.max));
  return std::clamp<std::int64_t>(std::llround(std::min(tokens, 1e9)), 1, 1'000'000'000);
}

Traffic make_traffic(const TrafficOptions& options, std::uint64_t seed) {
  Traffic traffic;
  if (options.kind == Kind::kTrace) {
    traffic.requests = read_trace(options.trace, options.time_scale, options.count);
    return traffic;
  }
  Requests& requests = traffic.requests;
  requests.list.resize(static_cast<std::size_t>(options.count));
  draw_arrivals(requests, options, RandomStream(seed, "arrivals"));
  const RandomStream prompts(seed, "prompt tokens"), outputs(seed, "output tokens"),
      prefixes(seed, "prefixes");
  std::uint64_t i = 0;
  for (Request& request : requests.list) {
    const auto draw = [&](const TokenDistribution& tokens, const RandomStream& random) {
      const double normal =
          tokens.kind == TokenDistribution::Kind::kLognormal ? random.normal(i) : 0;
      return static_cast<std::int32_t>(draw_tokens(tokens, random.uniform(i), normal));
    };
    request.prompt_tokens = draw(options.prompt, prompts);
    request.output_tokens = draw(options.output, outputs);
    if (options.prefix && prefixes.uniform(2 * i) < options.prefix->share) {
      const double group =
          prefixes.uniform(2 * i + 1) * static_cast<double>(options.prefix->groups);
      request.prefix = 1 + static_cast<std::uint32_t>(group);
      request.prefix_tokens = static_cast<std::int32_t>(
          std::min<std::int64_t>(options.prefix->tokens, request.prompt_tokens));
    }
    ++i;
  }
  if (options.kind == Kind::kClosedLoop) {
    traffic.users = options.users;
    traffic.think_time = Seconds(options.think_time_s);
  }
  return traffic;
}

}  // namespace plumbline
