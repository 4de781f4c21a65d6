// Links that concurrent flows share max-min fairly.
//
// Every flow f has one rate x_f, the same on all links of its route, and every link l a capacity
// C_l.  The rates are the max-min fair ones: they satisfy
//
//   sum of x_f over the flows that cross l  <=  C_l        for every link l,
//
// and no rate can grow without taking from a flow that is no faster.  Progressive filling finds
// them: the link with the least capacity per flow fixes the rates of its flows, is taken out
// together with what they use elsewhere, and so on.  Three flows on two links of 10 and 6,
//
//   a: link 0      b: links 0 and 1      c: link 1
//
// get b = c = 3 from link 1 first, then a = 10 - 3 = 7 from link 0.
// Source: Bertsekas and Gallager, Data Networks, 2nd ed., section 6.5.2.
//
// A flow that comes or goes changes only the rates in its own connected component (flows joined by
// links that they share), so only that is filled again.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sim/engine/event_queue.h"
#include "sim/engine/speed_profile.h"
#include "sim/engine/task_graph.h"

namespace plumbline {

/// The flows in flight and their rates. Rates are those of the last `rerate`.
class FluidNetwork {
 public:
  using FlowSlot = std::uint32_t;  ///< an index that is reused once its flow is gone

  std::size_t num_links() const { return links_.size(); }
  LinkId add_link(double bytes_per_second);
  double link_bytes_per_second(LinkId link) const { return links_[link].bytes_per_second; }

  /// Scales the link's capacity from the next `rerate` on; 0 is down.
  void set_speed(LinkId link, double factor);

  /// A flow of `bytes` > 0 over `route`, which must outlive it. `id` is the caller's name for it.
  /// Where nobody else is on its links it is rated at once and nothing else changes; its `finish`
  /// then says when it is through, and is kNever otherwise.
  FlowSlot add(std::uint64_t id, std::span<const LinkId> route, double bytes, SimTime now);
  void remove(FlowSlot slot);

  /// Does this flow finish at exactly this time, by the present rates?
  bool is_due(FlowSlot slot, std::uint64_t id, SimTime time) const {
    return slot < flows_.size() && flows_[slot].id == id && flows_[slot].finish == time;
  }
  bool holds(FlowSlot slot, std::uint64_t id) const {
    return slot < flows_.size() && flows_[slot].id == id && !flows_[slot].route.empty();
  }
  double rate(FlowSlot slot) const { return flows_[slot].rate; }
  SimTime finish(FlowSlot slot) const { return flows_[slot].finish; }

  /// Did anything change since the last `rerate`?
  bool changed() const { return !changed_links_.empty(); }

  /// Fills the changed components again as of `now` and re-times their flows.
  /// @returns for each such component the flows that finish first, as event_key(finish, id); a
  ///          component in which everything is down has none. Valid until the next call.
  std::span<const EventKey> rerate(SimTime now);

 private:
  struct Link {
    double bytes_per_second = 0.0;
    double factor = 1.0;
    double capacity() const { return bytes_per_second * factor; }
    std::vector<FlowSlot> flows;  // in flight, in no order
    std::uint64_t visited = 0;    // the last filling that reached this link
    double left = 0.0;            // while filling: capacity not given away yet
    std::uint32_t unfixed = 0;    // while filling: flows without a rate yet
  };
  struct Flow {
    std::uint64_t id = 0;
    std::span<const LinkId> route;
    double bytes_left = 0.0;  // at `updated`
    double rate = 0.0;        // bytes per second since `updated`; 0 until first rated
    double new_rate = 0.0;
    SimTime updated = 0;
    SimTime finish = kNever;
    std::uint64_t visited = 0;
    bool fixed = false;
  };

  FlowSlot take_slot();
  bool is_alone(std::span<const LinkId> route) const;
  double narrowest(std::span<const LinkId> route) const;
  bool share_one_link(LinkId id) const;
  void collect_component(LinkId from);
  void fill();
  std::size_t fix_flows_of(const Link& bottleneck, double share);
  void retime(Flow& flow, SimTime now);
  void retime_all(std::span<const FlowSlot> slots, SimTime now);

  std::vector<Link> links_;
  std::vector<Flow> flows_;
  std::vector<FlowSlot> free_slots_;
  std::vector<LinkId> changed_links_;
  std::uint64_t filling_ = 0;
  // Scratch, kept to save allocations: the component at hand, its bottleneck heap, the answer.
  std::vector<LinkId> component_links_;
  std::vector<FlowSlot> component_flows_;
  std::vector<std::pair<double, LinkId>> shares_;
  std::vector<EventKey> first_finishes_;
};

}  // namespace plumbline
