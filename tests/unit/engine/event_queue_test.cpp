#include "sim/engine/event_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "sim/core/rng.h"

namespace plumbline {
namespace {

TEST(EventQueue, OrdersByTimeThenByTheLowerIdWhateverTheOrderOfPushing) {
  std::vector<EventKey> keys = {event_key(5, 2), event_key(5, 1), event_key(3, 9),
                                event_key(5, ~std::uint64_t{0}), event_key(0, 7)};
  const std::vector<EventKey> expected = {event_key(0, 7), event_key(3, 9), event_key(5, 1),
                                          event_key(5, 2), event_key(5, ~std::uint64_t{0})};
  std::sort(keys.begin(), keys.end());
  do {
    EventQueue queue;
    for (const EventKey key : keys) queue.push(key);
    for (const EventKey key : expected) {
      EXPECT_TRUE(queue.top() == key);
      queue.pop();
    }
    EXPECT_TRUE(queue.empty());
  } while (std::next_permutation(keys.begin(), keys.end()));
}

TEST(EventQueue, KeepsTimeAndId) {
  EXPECT_EQ(event_time(event_key(123456789012345, 42)), 123456789012345);
  EXPECT_EQ(event_id(event_key(123456789012345, 42)), 42u);
}

// Pops leave holes that pushes fill; any mixture must give what a sorted set gives.
TEST(EventQueue, AgreesWithASortedSetOverRandomPushesAndPops) {
  const RandomStream random(3, "queue");
  EventQueue queue;
  std::multiset<EventKey> sorted;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    if (sorted.empty() || random.bits(i) % 5 < (i < 10'000 ? 3u : 2u)) {
      const EventKey key = event_key(static_cast<SimTime>(random.bits(i) % 1000), i % 16);
      queue.push(key);
      sorted.insert(key);
    } else {
      ASSERT_TRUE(queue.top() == *sorted.begin());
      queue.pop();
      sorted.erase(sorted.begin());
    }
    ASSERT_EQ(queue.empty(), sorted.empty());
  }
}

}  // namespace
}  // namespace plumbline
