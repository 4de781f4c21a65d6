// B6: how short could a rank's span be, from the start of its first operation to the end of its
// last?  That is what an iteration takes where every rank's optimizer follows its own gradients
// (zero-bubble's post-validation), while the makespan also has the ramp to later ranks.
//
// The first operation of a rank is the forward of its first stage.  Without the stages before it
// the others only get earlier, so with that forward at 0 everything of the remaining stages starts
// at 0 or later; and whatever they leave for after the rank's last operation does not count.  So
// the rank's own operations must keep the windows up to the span, those of others only as far as
// the rank waits for them.  (To require all of them by then would be the makespan of the remaining
// stages, and wrong: ZB-H2's spans are shorter by the ramp.)
#pragma once

#include "schedules/job_shop.h"

namespace plumbline {

/// A span that no order can undercut on `rank`, spending about `budget` units of work; with several
/// chunks per rank the rank's work, but for the rank of the first stage.
/// @param known  a span that some order has there, or more
Ticks span_lower_bound(const JobShop& shop, int rank, Ticks known, double budget);

}  // namespace plumbline
