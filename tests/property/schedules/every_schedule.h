// Every row of the catalogue in every shape it allows, up to eight ranks.
#pragma once

#include <string>
#include <vector>

#include "schedules/catalog.h"

namespace plumbline::testing {

struct Case {
  std::string name;
  PipelineShape shape;
  ScheduleOptions options;
  std::string label() const;
};

std::vector<Case> every_schedule_in_every_shape();

}  // namespace plumbline::testing
