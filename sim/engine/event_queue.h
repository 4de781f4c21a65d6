// A priority queue of (time, id): a 4-ary heap of flat 16-byte keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/core/sim_time.h"

namespace plumbline {

// Time in the upper half and id in the lower: one unsigned comparison is the whole tie rule.
__extension__ typedef unsigned __int128 EventKey;

/// REQUIRES: time >= 0
constexpr EventKey event_key(SimTime time, std::uint64_t id) {
  return (static_cast<EventKey>(time) << 64) | id;
}
constexpr SimTime event_time(EventKey key) { return static_cast<SimTime>(key >> 64); }
constexpr std::uint64_t event_id(EventKey key) { return static_cast<std::uint64_t>(key); }

/// Smallest key first, whatever the order of pushing.
///
/// Handling an event usually pushes one or two others.  `pop` therefore leaves a hole at the root
/// which the next `push` fills, so that a pop and a push cost one descent instead of two.
class EventQueue {
 public:
  bool empty() const { return keys_.size() == hole_; }

  void push(EventKey key) {
    if (hole_ != 0) {
      hole_ = 0;
      descend(key);
    } else {
      keys_.push_back(key);
      climb(keys_.size() - 1, key);
    }
  }

  /// REQUIRES: not empty
  EventKey top() {
    close_hole();
    return keys_[0];
  }

  /// REQUIRES: not empty
  void pop() {
    close_hole();
    hole_ = 1;
  }

  void clear() {
    keys_.clear();
    hole_ = 0;
  }

 private:
  void close_hole() {
    if (hole_ == 0) return;
    hole_ = 0;
    const EventKey last = keys_.back();
    keys_.pop_back();
    if (!keys_.empty()) descend(last);
  }

  void climb(std::size_t place, EventKey key) {
    while (place > 0) {
      const std::size_t parent = (place - 1) / 4;
      if (keys_[parent] <= key) break;
      keys_[place] = keys_[parent];
      place = parent;
    }
    keys_[place] = key;
  }

  void descend(EventKey key) {
    const std::size_t size = keys_.size();
    EventKey* keys = keys_.data();
    std::size_t place = 0;
    for (std::size_t child = 1; child < size; child = 4 * place + 1) {
      std::size_t least = child;
      const std::size_t end = std::min(child + 4, size);
      for (std::size_t c = child + 1; c < end; ++c) least = keys[c] < keys[least] ? c : least;
      if (key <= keys[least]) break;
      keys[place] = keys[least];
      place = least;
    }
    keys[place] = key;
  }

  std::vector<EventKey> keys_;
  std::size_t hole_ = 0;  // 1 while keys_[0] has been popped and not yet replaced
};

}  // namespace plumbline
