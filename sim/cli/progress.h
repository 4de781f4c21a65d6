// How far long work has come, on a terminal; nothing where stderr is none.
#pragma once

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <mutex>
#include <string>

#include "sim/cli/command.h"

namespace plumbline {

/// "12 of 107 scenarios, 3.1/s, 31 s left", rewritten in place.  Safe to call from threads.
class Progress {
 public:
  Progress(const Console& console, std::string what, std::size_t total);
  ~Progress();
  void step();

 private:
  using Clock = std::chrono::steady_clock;
  std::ostream& err_;
  const bool shown_;
  const std::string what_;
  const std::size_t total_;
  std::size_t done_ = 0;
  const Clock::time_point start_;
  Clock::time_point last_;
  std::mutex mutex_;
};

}  // namespace plumbline
