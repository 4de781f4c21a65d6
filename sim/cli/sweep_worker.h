// One point of a sweep, from its place in the product to the texts that are written of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sim/cli/sweep_axes.h"
#include "sim/cli/sweep_front.h"
#include "sim/cli/sweep_rows.h"
#include "sim/cli/sweep_where.h"
#include "sim/run/session.h"
#include "sim/scenario/scenario_reader.h"

namespace plumbline {

/// What all points share.
struct SweepTask {
  std::string scenario;
  DataFolders folders;
  std::vector<Override> settings;  ///< of --set, under those of the point
  SweepProduct product;
  std::vector<Condition> where;
  SweepKind kind;
  bool csv = false, json = false;  ///< which texts are wanted
};

struct PointOutcome {
  bool left_out = false;  ///< by `where`
  std::string csv, json;
  std::optional<SweepFigures> figures;
  std::optional<InputError> error;
};

/// Simulates points; keeps what they share.  One per thread.
class SweepWorker {
 public:
  explicit SweepWorker(const SweepTask& task) : task_(task), reader_(task.scenario, task.folders) {}

  PointOutcome run(std::size_t index);
  /// Whether `where` leaves the point out.  An invalid point is kept, for its reason.
  bool leaves_out(std::size_t index);

 private:
  std::vector<Override> settings(const std::vector<Override>& point) const;
  bool leaves_out(const Scenario& scenario) const;
  void train(const Scenario& scenario, std::size_t index, const std::vector<Override>& point,
             PointOutcome& outcome);
  void serve(const Scenario& scenario, std::size_t index, const std::vector<Override>& point,
             PointOutcome& outcome);

  const SweepTask& task_;
  ScenarioReader reader_;
  SimulationSession session_;
};

}  // namespace plumbline
