#include "sim/cli/sweep_worker.h"

#include <algorithm>
#include <utility>

#include "sim/cli/sweep_rows.h"

namespace plumbline {

std::vector<Override> SweepWorker::settings(const std::vector<Override>& point) const {
  std::vector<Override> all = task_.settings;
  all.insert(all.end(), point.begin(), point.end());
  return all;
}

bool SweepWorker::leaves_out(const Scenario& scenario) const {
  return !std::ranges::all_of(
      task_.where, [&](const Condition& condition) { return condition.holds(scenario); });
}

bool SweepWorker::leaves_out(std::size_t index) {
  try {
    return leaves_out(reader_.read(settings(task_.product.point(index))));
  } catch (const InputError&) {
    return false;
  }
}

PointOutcome SweepWorker::run(std::size_t index) {
  PointOutcome outcome;
  const std::vector<Override> point = task_.product.point(index);
  try {
    const Scenario scenario = reader_.read(settings(point));
    outcome.left_out = leaves_out(scenario);
    if (outcome.left_out) return outcome;
    const Result result = session_.simulate(scenario).result;
    if (task_.csv) outcome.csv = sweep_row(point, result);
    if (task_.json) outcome.json = sweep_json(point, result);
    std::vector<std::string> values;
    for (const Override& value : point) values.push_back(value.second);
    outcome.figures = figures_of(result, index, std::move(values));
  } catch (const InputError& error) {
    if (task_.csv) outcome.csv = sweep_row(point, error);
    if (task_.json) outcome.json = sweep_json(point, error);
    outcome.error = error;
  }
  return outcome;
}

}  // namespace plumbline
