#include "calibration/fit_streams.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "sim/kernels/problem.h"

namespace plumbline {
namespace {

// What no clock and no copy on this earth lies beyond.
constexpr double kLeastUs = 1e-3, kMostUs = 1e12, kMostBytes = 1e15;

struct Transfers {
  std::vector<Bytes> bytes;
  std::vector<Seconds> times;
  std::vector<std::string> group;  // left out together

  void add(double size, double microseconds, std::string name) {
    bytes.emplace_back(size);
    times.emplace_back(microseconds * 1e-6);
    group.push_back(std::move(name));
  }
};

StreamFit fit(const Transfers& all) {
  StreamFit result;
  result.line = fit_link(all.bytes, all.times);
  const auto [least, most] = std::minmax_element(all.bytes.begin(), all.bytes.end());
  result.smallest = least->base();
  result.largest = most->base();
  std::vector<double> errors;
  for (const std::string& left_out : std::set<std::string>(all.group.begin(), all.group.end())) {
    Transfers rest;
    for (std::size_t i = 0; i < all.bytes.size(); ++i) {
      if (all.group[i] == left_out) continue;
      rest.add(all.bytes[i].base(), all.times[i].base() * 1e6, all.group[i]);
    }
    const std::set<Bytes> sizes(rest.bytes.begin(), rest.bytes.end());
    if (rest.bytes.size() < 3 || sizes.size() < 2) continue;
    const LinkFit line = fit_link(rest.bytes, rest.times);
    for (std::size_t i = 0; i < all.bytes.size(); ++i) {
      if (all.group[i] != left_out) continue;
      errors.push_back((line.latency + all.bytes[i] / line.bandwidth) / all.times[i] - 1);
    }
  }
  result.cross_validated = summarize(errors);
  return result;
}

StreamFit fit_direction(const CsvTable& csv, const std::map<std::string, Transfers>& ways,
                        const std::string& direction) {
  const auto way = ways.find(direction);
  if (way == ways.end()) {
    throw problem_at(csv.file(), 1, "has no copies " + direction, "it needs them to be a link");
  }
  return fit(way->second);
}

double seconds_at(const StreamFit& fit, double bytes) {
  return (fit.line.latency + Bytes(bytes) / fit.line.bandwidth).base();
}

CopyFit fit_send_recv(const CsvTable& csv) {
  const auto workers = csv.numbers_in("num_workers", 2, 1e6),
             local = csv.numbers_in("devices_per_node", 1, 1e6),
             bytes = csv.numbers_in("bytes", 1, kMostBytes),
             time = csv.numbers_in("median_us", kLeastUs, kMostUs);
  Transfers all;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if ((local[i] >= workers[i]) != (local[0] >= workers[0])) {
      csv.fail(i, "crosses nodes where other rows do not", "a file for each link");
    }
    all.add(bytes[i], time[i], std::to_string(bytes[i]));
  }
  return {"send_recv", fit(all), 0, 0};
}

}  // namespace

StreamFit fit_streaming(const CsvTable& csv) {
  const auto bytes = csv.numbers_in("bytes", 1, kMostBytes),
             time = csv.numbers_in("latency_us", kLeastUs, kMostUs);
  const std::size_t kernel = csv.column("kernel");
  Transfers all;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    all.add(bytes[i], time[i], std::string(csv.text(i, kernel)));
  }
  return fit(all);
}

std::vector<OverheadFit> fit_overheads(const CsvTable& csv) {
  const auto time = csv.numbers_in("latency_us", kLeastUs, kMostUs);
  const std::size_t kind = csv.column("kind");
  const bool spread = csv.has("p10_us") && csv.has("p90_us") && csv.has("windows");
  std::vector<OverheadFit> fits;
  for (std::size_t i = 0; i < time.size(); ++i) {
    OverheadFit fit;
    fit.kind = csv.text(i, kind);
    for (const OverheadFit& before : fits) {
      if (before.kind == fit.kind) csv.fail(i, fit.kind + " stands twice");
    }
    fit.time = Seconds(time[i] * 1e-6);
    fit.relative_standard_error = std::numeric_limits<double>::infinity();
    if (spread) {
      const double windows = csv.number_in(i, csv.column("windows"), 1, 1e9);
      const double low = csv.number_in(i, csv.column("p10_us"), 0, kMostUs),
                   high = csv.number_in(i, csv.column("p90_us"), low, kMostUs);
      if (windows > 1) {
        fit.relative_standard_error = 1.2533 * (high - low) / 2.5631 / std::sqrt(windows) / time[i];
      }
    }
    fits.push_back(std::move(fit));
  }
  return fits;
}

CopyFit fit_copies(const CsvTable& csv, const std::string& operation) {
  if (operation == "send_recv") return fit_send_recv(csv);
  const auto bytes = csv.numbers_in("bytes", 1, kMostBytes),
             time = csv.numbers_in("latency_us", kLeastUs, kMostUs);
  std::map<std::string, Transfers> ways;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ways[std::string(csv.text(i, csv.column("direction")))].add(bytes[i], time[i],
                                                                std::to_string(bytes[i]));
  }
  CopyFit result;
  if (operation == "host_copy") {
    const StreamFit in = fit_direction(csv, ways, "h2d"), out = fit_direction(csv, ways, "d2h");
    const double size = std::max(in.largest, out.largest);
    const bool out_is_slower = seconds_at(out, size) > seconds_at(in, size);
    result.direction = out_is_slower ? "d2h" : "h2d";
    result.one_way = out_is_slower ? out : in;
  } else {
    result.direction = "one_way";
    result.one_way = fit_direction(csv, ways, "one_way");
  }
  const auto both = ways.find("bidirectional");
  if (both == ways.end()) return result;
  const StreamFit busy = fit(both->second);
  const double measured = result.one_way.line.bandwidth / busy.line.bandwidth;
  // Noise may put the two a little the wrong way round; more than that is another link or unit.
  if (measured < 0.95 || measured > 2.1) {
    throw problem_at(
        csv.file(), 0,
        "both ways at once run at " + std::to_string(1 / measured) + " of the bandwidth of one",
        "between a half and the whole is possible");
  }
  result.slowdown = std::clamp(measured, 1.0, 2.0);
  result.slowdown_standard_error = std::hypot(result.one_way.line.relative_standard_error[1],
                                              busy.line.relative_standard_error[1]);
  return result;
}

}  // namespace plumbline
