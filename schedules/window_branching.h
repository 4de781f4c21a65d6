// Refuting an end that windows alone allow: the window of one operation is halved, and both halves
// have to be impossible, each with the same means (shaving is the case where one half is).
#pragma once

#include "schedules/windows.h"

namespace plumbline {

enum class Branching {
  kRefuted,  ///< no order keeps the windows
  kOpen,     ///< every window has shrunk to its operation: an order may well keep them
  kGaveUp,   ///< the budget is spent
};

/// @param windows  in: tight windows; out, when open: those of the order found
/// REQUIRES: `windows` are tight (`solver.tighten` returned true for them)
Branching refute(WindowSolver& solver, const JobShop& shop, Windows& windows, double budget);

}  // namespace plumbline
