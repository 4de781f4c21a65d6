// A training step small enough to reason about, made by the real schedules, lowering and engine,
// with figures of memory and efficiency written by hand.
#pragma once

#include <ostream>
#include <string>

#include "schedules/schedule.h"
#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"
#include "sim/measure/result.h"
#include "sim/report/report.h"

namespace plumbline {

struct ExampleShape {
  std::string schedule = "1f1b";
  int ranks = 4;
  int chunks = 1;
  int microbatches = 8;
  double forward_s = 0.040;  ///< of a stage; the backward takes twice as long
  double last_stage_factor = 1.0;
  double hop_s = 0.001;  ///< latency of a hop
  bool blocking_hops = false;
  bool fold_transfers = false;
  bool data_parallel = true;  ///< reduction, gather and optimizer after the last backward
};

/// What a parameterised test's output calls the shape.
void PrintTo(const ExampleShape& shape, std::ostream* out);

struct ExampleStep {
  Result result;
  Schedule schedule;
  LoweredStep step;
  Timeline timeline;
  ReportInput input() const { return {result, schedule, step, timeline}; }
};

ExampleStep example_step(const ExampleShape& shape = {});

}  // namespace plumbline
