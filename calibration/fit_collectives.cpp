#include "calibration/fit_collectives.h"

#include <string>

#include "sim/kernels/problem.h"

namespace plumbline {
namespace {

std::vector<double> without_each_size(const CollectiveCurve& curve) {
  std::vector<double> errors;
  const auto& bytes = curve.bytes();
  for (std::size_t left_out = 1; left_out + 1 < bytes.size(); ++left_out) {
    CollectiveCurve rest;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i != left_out) rest.add(Bytes(bytes[i]), Seconds(curve.seconds()[i]));
    }
    rest.finish();
    errors.push_back(rest.at(Bytes(bytes[left_out])).base() / curve.seconds()[left_out] - 1);
  }
  return errors;
}

// A group below the smallest or beyond twice the largest of the others is not asked for.
std::vector<double> without_group(Collective op, std::map<int, CollectiveCurve> curves, int ranks) {
  const CollectiveCurve curve = curves.at(ranks);
  curves.erase(ranks);
  if (curves.empty() || ranks < curves.begin()->first || ranks > 2 * curves.rbegin()->first) {
    return {};
  }
  std::vector<double> errors;
  for (std::size_t i = 0; i < curve.bytes().size(); ++i) {
    const Seconds predicted =
        collective_time(op, curves, Bytes(curve.bytes()[i]), ranks, Seconds(0));
    errors.push_back(predicted.base() / curve.seconds()[i] - 1);
  }
  return errors;
}

}  // namespace

std::vector<CollectiveFitResult> fit_collectives(const CollectiveTable& table) {
  std::vector<CollectiveFitResult> results;
  for (std::size_t which = 0; which < table.size(); ++which) {
    const auto op = static_cast<Collective>(which);
    for (const auto& [ranks, curve] : table[which]) {
      if (curve.bytes().size() < 3) {
        throw problem_at("", 0,
                         std::string(to_string(op)) + " of " + std::to_string(ranks) +
                             " ranks has " + std::to_string(curve.bytes().size()) +
                             " sizes; the fit needs 3");
      }
      std::vector<Bytes> bytes;
      std::vector<Seconds> times;
      for (std::size_t i = 0; i < curve.bytes().size(); ++i) {
        bytes.emplace_back(curve.bytes()[i]);
        times.emplace_back(curve.seconds()[i]);
      }
      CollectiveFitResult result;
      result.op = op;
      result.ranks = ranks;
      result.line = fit_link(bytes, times);
      result.bus_bandwidth = ring_share(op, ranks) * result.line.bandwidth;
      result.smallest = bytes.front();
      result.largest = bytes.back();
      result.size_errors = without_each_size(curve);
      result.group_errors = without_group(op, table[which], ranks);
      results.push_back(std::move(result));
    }
  }
  return results;
}

}  // namespace plumbline
