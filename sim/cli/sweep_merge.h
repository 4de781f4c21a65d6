// The CSVs of a sweep's shards, put together as if it had been one.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "sim/cli/sweep_worker.h"

namespace plumbline {

/// Calls `take` with every row in the order of the product.  A point without a row has to be one
/// that `where` leaves out.
/// @param fingerprint  of the task, see sweep_fingerprint.h
/// @throws InputError at --merge when a file is of another sweep or scenario, is given twice, or a
///         point's row is missing
void merge_shards(const SweepTask& task, const std::string& fingerprint,
                  const std::vector<std::string>& files,
                  const std::function<void(std::size_t, const std::string&)>& take);

}  // namespace plumbline
