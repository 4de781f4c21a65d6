// Work on several threads whose results arrive in order.
#pragma once

#include <cstddef>
#include <functional>

namespace plumbline {

/// Calls `work(i)` for 0 .. count-1 on `threads` threads, and `done(i)` for each, one at a time and
/// in ascending order, as soon as it and all before it are finished.  What comes out therefore does
/// not depend on `threads`.  The first exception ends the work and is rethrown.
///
/// No thread runs ahead by more than 64 items per thread, so what waits for its turn stays small.
void in_order(std::size_t count, int threads, const std::function<void(std::size_t)>& work,
              const std::function<void(std::size_t)>& done);

/// The same with work that keeps something between its items: `make_work` is called once in every
/// thread, and what it returns is called there alone.
void in_order_by_workers(std::size_t count, int threads,
                         const std::function<std::function<void(std::size_t)>()>& make_work,
                         const std::function<void(std::size_t)>& done);

/// Hardware threads, at least 1.
int processors();

}  // namespace plumbline
