#include "sim/cli/progress.h"

#include <fmt/format.h>

#include <ostream>
#include <utility>

namespace plumbline {
namespace {

constexpr double kBetweenLines_s = 0.2;

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Progress::Progress(const Console& console, std::string what, std::size_t total)
    : err_(console.err),
      shown_(console.err_is_terminal),
      what_(std::move(what)),
      total_(total),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() {
  if (shown_) err_ << "\r\033[K" << std::flush;
}

void Progress::step() {
  const std::lock_guard lock(mutex_);
  ++done_;
  const Clock::time_point now = Clock::now();
  if (!shown_ || seconds(now - last_) < kBetweenLines_s) return;
  last_ = now;
  const double rate = static_cast<double>(done_) / seconds(now - start_);
  err_ << "\r\033[K"
       << fmt::format("{} of {} {}, {:.3g}/s, {:.0f} s left", done_, total_, what_, rate,
                      static_cast<double>(total_ - done_) / rate)
       << std::flush;
}

}  // namespace plumbline
