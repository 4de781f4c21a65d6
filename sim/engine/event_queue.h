// A priority queue of (time, id): a 4-ary heap of flat 16-byte keys.
#pragma once

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
  bool empty() const { return size_ == hole_; }

  void push(EventKey key) {
    if (hole_ != 0) {
      hole_ = 0;
      descend(key);
    } else {
      if (size_ + kArity >= keys_.size()) keys_.resize(2 * keys_.size() + 4 * kArity, kAfterAll);
      climb(size_++, key);
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

 private:
  static constexpr std::size_t kArity = 4;
  static constexpr EventKey kAfterAll = ~EventKey{0};

  void close_hole() {
    if (hole_ == 0) return;
    hole_ = 0;
    const EventKey last = keys_[--size_];
    keys_[size_] = kAfterAll;
    if (size_ > 0) descend(last);
  }

  void climb(std::size_t place, EventKey key) {
    while (place > 0) {
      const std::size_t parent = (place - 1) / kArity;
      if (keys_[parent] <= key) break;
      keys_[place] = keys_[parent];
      place = parent;
    }
    keys_[place] = key;
  }

  // `second` where it is less, by arithmetic: which child is least is a coin toss, and a compiler
  // that made it a branch would pay a misprediction at every level.
  static std::size_t lesser(const EventKey* keys, std::size_t first, std::size_t second) {
    const std::size_t take_second = -static_cast<std::size_t>(keys[second] < keys[first]);
    return first ^ ((first ^ second) & take_second);
  }

  void descend(EventKey key) {
    EventKey* const keys = keys_.data();
    std::size_t place = 0;
    for (std::size_t child = 1; child < size_; child = kArity * place + 1) {
      const std::size_t least =
          lesser(keys, lesser(keys, child, child + 1), lesser(keys, child + 2, child + 3));
      if (key <= keys[least]) break;
      keys[place] = keys[least];
      place = least;
    }
    keys[place] = key;
  }

  std::vector<EventKey> keys_;  // beyond size_: kAfterAll, so that every node has four children
  std::size_t size_ = 0;
  std::size_t hole_ = 0;  // 1 while keys_[0] has been popped and not yet replaced
};

}  // namespace plumbline
