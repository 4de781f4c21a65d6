// List scheduling of a pipeline's operations: Giffler and Thompson's active schedules for a job
// shop (Operations Research 8(4), 1960), with a limit on live activations per rank.
#pragma once

#include <optional>

#include "schedules/job_shop.h"

namespace plumbline {

/// An active schedule: of the operations that could delay the one that would end first, the one
/// with the smallest priority goes.
/// @param priority  [chains][micro-batches]
/// @param release   [chains][micro-batches] no start before; nullptr for none
/// @returns nullopt when the limits leave no operation that can start
std::optional<ShopOrder> list_schedule(const JobShop& shop, const TickTimes& priority,
                                       const TickTimes* release = nullptr);

}  // namespace plumbline
