#include "sim/cli/sweep_worker.h"

#include <algorithm>
#include <utility>

#include "sim/run/max_rate.h"

namespace plumbline {
namespace {

std::vector<std::string> values_of(const std::vector<Override>& point) {
  std::vector<std::string> values;
  for (const Override& value : point) values.push_back(value.second);
  return values;
}

}  // namespace

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

void SweepWorker::train(const Scenario& scenario, std::size_t index,
                        const std::vector<Override>& point, PointOutcome& outcome) {
  const Result result = session_.simulate(scenario).result;
  if (task_.csv) outcome.csv = sweep_row(point, result);
  if (task_.json) outcome.json = sweep_json(point, result);
  outcome.figures = figures_of(result, index, values_of(point));
}

void SweepWorker::serve(const Scenario& scenario, std::size_t index,
                        const std::vector<Override>& point, PointOutcome& outcome) {
  ServedRun run;
  if (task_.kind.max_rate) {
    MaxRate found = session_.find_max_rate(scenario);
    run = std::move(found.best);
    run.serving.max_rate = RateSearch{found.rate_per_s, found.next_per_s, found.tries};
  } else {
    run = session_.serve(scenario);
  }
  if (task_.csv) outcome.csv = sweep_row(point, run, task_.kind);
  if (task_.json) outcome.json = sweep_json(point, run);
  outcome.figures = figures_of(run.result, run.serving, index, values_of(point));
}

PointOutcome SweepWorker::run(std::size_t index) {
  PointOutcome outcome;
  const std::vector<Override> point = task_.product.point(index);
  try {
    const Scenario scenario = reader_.read(settings(point));
    outcome.left_out = leaves_out(scenario);
    if (outcome.left_out) return outcome;
    if (task_.kind.serves) {
      serve(scenario, index, point, outcome);
    } else {
      train(scenario, index, point, outcome);
    }
  } catch (const InputError& error) {
    if (task_.csv) outcome.csv = sweep_row(point, error, task_.kind);
    if (task_.json) outcome.json = sweep_json(point, error);
    outcome.error = error;
  }
  return outcome;
}

}  // namespace plumbline
