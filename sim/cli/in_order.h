// Work on several threads whose results arrive in order.
#pragma once

#include <cstddef>
#include <functional>

namespace plumbline {

/// Calls `work(i)` for 0 .. count-1 on `threads` threads, and `done(i)` for each, one at a time and
/// in ascending order, as soon as it and all before it are finished.  What comes out therefore does
/// not depend on `threads`.  The first exception ends the work and is rethrown.
void in_order(std::size_t count, int threads, const std::function<void(std::size_t)>& work,
              const std::function<void(std::size_t)>& done);

/// Hardware threads, at least 1.
int processors();

}  // namespace plumbline
