// A closed loop in its steady state, without simulating it.
//
// C users each wait for their answer and ask again: prompts of equal length, outputs of equal
// length. However the users' phases lie, each step decodes C - 1 to C sequences, and during one
// user's answer every user's prompt is computed once. So with t the time of a step of C decodes and
// inc what one prompt adds to the steps it is computed in,
//
//   E2E = C inc + (osl - 1) t,    TPOT = t + (1 - f) (C - 1) inc / (osl - 1),
//
// E2E whatever the phases, TPOT with f = 0 where they are spread evenly and more where users move
// in waves. Where the cache holds fewer than C users, C' of them run and the others wait: E2E = (C
// / C') (C' inc + (osl - 1) t(C')).
#pragma once

#include <cstdint>

#include "sim/plan/serving_options.h"
#include "sim/serving/step.h"

namespace plumbline {

struct ClosedLoopLoad {
  std::int64_t users = 1;
  std::int64_t prompt_tokens = 1;
  std::int64_t output_tokens = 2;
};

struct ClosedLoopTimes {
  Seconds ttft;  ///< of a user who finds a seat: half a step, the prompt's steps, their return
  Seconds tpot;
  Seconds e2e;
  std::int64_t running = 0;  ///< C'
};

/// REQUIRES: one pipeline stage; resources.fits; output_tokens >= 2
ClosedLoopTimes steady_closed_loop(const ServingOptions& options, const ServingResources& resources,
                                   const StepPrices& prices, const ClosedLoopLoad& load);

}  // namespace plumbline
