// Many scenarios, one after the other: what some of them share is made once.
//
// Two points of a sweep rarely differ in everything.  A session keeps, by value,
//   - the kernel tables of a (GPU, links, power limit),
//   - the layer prices of a (model, tables, sharding, micro-batch, software),
//   - the schedule of a (name, stages, micro-batches, options),
//   - the task graph of a schedule, whose durations are written anew for every point,
//   - the prices of steps and the cache of a served model, whatever its traffic,
// and simulates every point.  Nothing of a result is remembered.
#pragma once

#include <cstdint>
#include <memory>

#include "sim/run/max_rate.h"
#include "sim/run/run.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// Simulates scenarios.  Not to be shared between threads: give each its own.
class SimulationSession {
 public:
  SimulationSession();
  ~SimulationSession();
  SimulationSession(SimulationSession&&) noexcept;
  SimulationSession& operator=(SimulationSession&&) noexcept;

  /// What the free function `simulate` gives, to the bit (engine.wall_s aside), whatever was
  /// simulated before.
  /// @throws InputError when plan, schedule or prices are impossible, located in the scenario; the
  ///         session can be used on
  Run simulate(const Scenario& scenario, const RunOptions& options = {});

  /// What the free functions `serve` and `find_max_rate` give, likewise.
  ServedRun serve(const Scenario& scenario, const ServeOptions& options = {});
  MaxRate find_max_rate(const Scenario& scenario, const ServeOptions& options = {});

  /// How often something was made rather than found.
  struct Made {
    std::int64_t tables = 0;          ///< kernel tables read
    std::int64_t layer_settings = 0;  ///< settings in which layers were priced
    std::int64_t schedules = 0;
    std::int64_t lowered = 0;   ///< task graphs built
    std::int64_t repriced = 0;  ///< points that took a task graph that was there
    std::int64_t served = 0;    ///< served models that were priced
  };
  Made made() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace plumbline
