// Each test states the links, the flows' routes, the inequalities and the max-min fair shares.

#include "sim/engine/fluid_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "sim/core/rng.h"

namespace plumbline {
namespace {

// Capacities are bytes per second; a byte at 1e12 bytes/s takes a picosecond.
class Network {
 public:
  explicit Network(const std::vector<double>& capacities) {
    for (const double c : capacities) network_.add_link(c);
  }
  FluidNetwork::FlowSlot add(std::vector<LinkId> route, double bytes = 1.0, SimTime now = 0) {
    routes_.push_back(std::move(route));
    return network_.add(next_id_++, routes_.back(), bytes, now);
  }
  double rate(FluidNetwork::FlowSlot flow) {
    if (network_.changed()) network_.rerate(0);
    return network_.rate(flow);
  }
  FluidNetwork& operator*() { return network_; }
  FluidNetwork* operator->() { return &network_; }

 private:
  FluidNetwork network_;
  std::deque<std::vector<LinkId>> routes_;
  std::uint64_t next_id_ = 0;
};

//   x1 <= 10                                      x1 = 10
TEST(MaxMin, GivesALoneFlowItsLink) {
  Network network({10});
  EXPECT_EQ(network.rate(network.add({0})), 10);
}

//   x1 <= 10,  x1 <= 4,  x1 <= 7                  x1 = 4
TEST(MaxMin, GivesALoneFlowTheNarrowestLinkOfItsRoute) {
  Network network({10, 4, 7});
  EXPECT_EQ(network.rate(network.add({0, 1, 2})), 4);
}

//   x1 + x2 + x3 <= 9                             x1 = x2 = x3 = 3
TEST(MaxMin, SharesALinkEvenly) {
  Network network({9});
  const auto a = network.add({0}), b = network.add({0}), c = network.add({0});
  EXPECT_EQ(network.rate(a), 3);
  EXPECT_EQ(network.rate(b), 3);
  EXPECT_EQ(network.rate(c), 3);
}

//   link 0:  x1 + x2 <= 10                        x2 = x3 = 3  (link 1 fills first)
//   link 1:  x2 + x3 <= 6                         x1 = 10 - 3 = 7
TEST(MaxMin, LeavesToOthersWhatAFlowCannotUse) {
  Network network({10, 6});
  const auto x1 = network.add({0}), x2 = network.add({0, 1}), x3 = network.add({1});
  EXPECT_EQ(network.rate(x1), 7);
  EXPECT_EQ(network.rate(x2), 3);
  EXPECT_EQ(network.rate(x3), 3);
}

// The example of Bertsekas and Gallager, Data Networks, figure 6.9 in spirit: three flows on the
// first link, one of them goes on over a link that a fourth uses.
//   link 0:  x1 + x2 + x3 <= 1                    x1 = x2 = x3 = 1/3
//   link 1:  x3 + x4 <= 1                         x4 = 2/3
TEST(MaxMin, FillsInRounds) {
  Network network({1, 1});
  const auto x1 = network.add({0}), x2 = network.add({0});
  const auto x3 = network.add({0, 1}), x4 = network.add({1});
  EXPECT_DOUBLE_EQ(network.rate(x1), 1.0 / 3);
  EXPECT_DOUBLE_EQ(network.rate(x2), 1.0 / 3);
  EXPECT_DOUBLE_EQ(network.rate(x3), 1.0 / 3);
  EXPECT_DOUBLE_EQ(network.rate(x4), 2.0 / 3);
}

//   link 0 is down:  x1 + x2 <= 0                 x1 = x2 = 0
//   link 1:          x2 + x3 <= 5                 x3 = 5
TEST(MaxMin, StopsWhatCrossesALinkThatIsDown) {
  Network network({8, 5});
  const auto x1 = network.add({0}), x2 = network.add({0, 1}), x3 = network.add({1});
  network->set_speed(0, 0.0);
  EXPECT_EQ(network.rate(x1), 0);
  EXPECT_EQ(network.rate(x2), 0);
  EXPECT_EQ(network.rate(x3), 5);
  network->set_speed(0, 0.5);  // x1 + x2 <= 4:  x1 = x2 = 2, x3 = 3
  EXPECT_EQ(network.rate(x1), 2);
  EXPECT_EQ(network.rate(x3), 3);
}

TEST(MaxMin, GivesBackTheShareOfAFlowThatLeaves) {
  Network network({12});
  const auto a = network.add({0}), b = network.add({0});
  EXPECT_EQ(network.rate(a), 6);
  network->remove(b);
  EXPECT_EQ(network.rate(a), 12);
}

// 1 TB/s carries a byte per picosecond.  a: 100 bytes alone for 40 ps leaves 60; shared with b's
// 30 bytes at half speed until 40 + 60 = 100, when a has 30 left: finished at 130.
TEST(FluidNetwork, RetimesTheRemainingBytesWhenSharesChange) {
  Network network({1e12});
  const auto a = network.add({0}, 100, 0);
  EXPECT_EQ(network->finish(a), 100);
  const auto b = network.add({0}, 30, 40);
  auto first = network->rerate(40);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(event_time(first[0]), 100);
  EXPECT_EQ(event_id(first[0]), 1u) << "b finishes first";
  network->remove(b);
  first = network->rerate(100);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(event_time(first[0]), 130);
  EXPECT_TRUE(network->is_due(a, 0, 130));
  EXPECT_FALSE(network->is_due(a, 0, 100)) << "its first estimate is out of date";
}

TEST(FluidNetwork, LeavesOtherComponentsAlone) {
  Network network({1e12, 1e12});
  const auto left = network.add({0}, 1000, 0);
  const auto right = network.add({1}, 1000, 0);
  const auto more = network.add({1}, 10, 1);
  const auto first = network->rerate(1);
  ASSERT_EQ(first.size(), 1u) << "only the component of link 1 was filled again";
  EXPECT_EQ(network->finish(left), 1000);
  EXPECT_EQ(network->finish(more), 21);
  EXPECT_GT(network->finish(right), 1000);
}

TEST(FluidNetwork, AnnouncesEveryFlowThatFinishesFirst) {
  Network network({1e12});
  network.add({0}, 10, 0);
  network.add({0}, 10, 0);
  network.add({0}, 11, 0);
  EXPECT_EQ(network->rerate(0).size(), 2u);
}

struct RandomFlows {
  std::vector<double> capacities;
  std::vector<std::vector<LinkId>> routes;
};

RandomFlows random_flows(std::uint64_t seed) {
  const RandomStream random(seed, "flows");
  std::uint64_t draw = 0;
  RandomFlows flows;
  for (int l = 0; l < 12; ++l) flows.capacities.push_back(1.0 + random.bits(draw++) % 20);
  for (int f = 0; f < 25; ++f) {
    std::vector<LinkId> route;
    for (std::uint64_t hops = 1 + random.bits(draw++) % 3; route.size() < hops;) {
      const LinkId link = static_cast<LinkId>(random.bits(draw++) % 12);
      if (std::find(route.begin(), route.end(), link) == route.end()) route.push_back(link);
    }
    flows.routes.push_back(route);
  }
  return flows;
}

// What characterises the max-min fair rates (Bertsekas and Gallager, section 6.5.2): every flow
// crosses a link that is full and on which no flow is faster.
TEST(MaxMin, GivesEveryFlowABottleneck) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RandomFlows flows = random_flows(seed);
    Network network(flows.capacities);
    std::vector<FluidNetwork::FlowSlot> slots;
    for (const auto& route : flows.routes) slots.push_back(network.add(route));
    std::vector<double> used(flows.capacities.size(), 0), fastest(flows.capacities.size(), 0);
    for (std::size_t f = 0; f < slots.size(); ++f) {
      for (const LinkId l : flows.routes[f]) {
        used[l] += network.rate(slots[f]);
        fastest[l] = std::max(fastest[l], network.rate(slots[f]));
      }
    }
    for (std::size_t l = 0; l < used.size(); ++l) ASSERT_LE(used[l], flows.capacities[l] + 1e-9);
    for (std::size_t f = 0; f < slots.size(); ++f) {
      const auto& route = flows.routes[f];
      EXPECT_TRUE(std::any_of(route.begin(), route.end(),
                              [&](LinkId l) {
                                return used[l] >= flows.capacities[l] - 1e-9 &&
                                       network.rate(slots[f]) >= fastest[l] - 1e-9;
                              }))
          << "seed " << seed << ", flow " << f;
    }
  }
}

TEST(MaxMin, DoesNotRememberTheFlowsThatHaveLeft) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RandomFlows flows = random_flows(seed);
    Network busy(flows.capacities), fresh(flows.capacities);
    std::vector<FluidNetwork::FlowSlot> in_busy, in_fresh;
    for (const auto& route : flows.routes) in_busy.push_back(busy.add(route));
    for (std::size_t f = 0; f < in_busy.size(); ++f) {
      busy.rate(in_busy[f]);
      f % 3 == 0 ? busy->remove(in_busy[f]) : in_fresh.push_back(fresh.add(flows.routes[f]));
    }
    std::size_t kept = 0;
    for (std::size_t f = 0; f < in_busy.size(); ++f) {
      if (f % 3 == 0) continue;
      EXPECT_NEAR(busy.rate(in_busy[f]), fresh.rate(in_fresh[kept++]), 1e-9) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace plumbline
