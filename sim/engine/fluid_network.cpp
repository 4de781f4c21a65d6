#include "sim/engine/fluid_network.h"

#include <algorithm>
#include <functional>

#include "sim/engine/transfer_time.h"

namespace plumbline {

LinkId FluidNetwork::add_link(double bytes_per_second) {
  links_.emplace_back();
  links_.back().bytes_per_second = bytes_per_second;
  return static_cast<LinkId>(links_.size() - 1);
}

void FluidNetwork::set_speed(LinkId link, double factor) {
  links_[link].factor = factor;
  changed_links_.push_back(link);
}

FluidNetwork::FlowSlot FluidNetwork::take_slot() {
  if (free_slots_.empty()) {
    flows_.emplace_back();
    return static_cast<FlowSlot>(flows_.size() - 1);
  }
  const FlowSlot slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

bool FluidNetwork::is_alone(std::span<const LinkId> route) const {
  return std::all_of(route.begin(), route.end(),
                     [this](LinkId link) { return links_[link].flows.size() == 1; });
}

double FluidNetwork::narrowest(std::span<const LinkId> route) const {
  double least = links_[route[0]].capacity();
  for (const LinkId link : route) least = std::min(least, links_[link].capacity());
  return least;
}

FluidNetwork::FlowSlot FluidNetwork::add(std::uint64_t id, std::span<const LinkId> route,
                                         double bytes, SimTime now) {
  const FlowSlot slot = take_slot();
  Flow& flow = flows_[slot];
  flow.id = id;
  flow.route = route;
  flow.bytes_left = bytes;
  flow.rate = 0.0;
  flow.updated = now;
  flow.finish = kNever;
  for (const LinkId link : route) links_[link].flows.push_back(slot);
  if (is_alone(route)) {
    flow.new_rate = narrowest(route);
    retime(flow, now);
  } else {
    changed_links_.insert(changed_links_.end(), route.begin(), route.end());
  }
  return slot;
}

void FluidNetwork::remove(FlowSlot slot) {
  Flow& flow = flows_[slot];
  for (const LinkId link : flow.route) {
    std::vector<FlowSlot>& flows = links_[link].flows;
    *std::find(flows.begin(), flows.end(), slot) = flows.back();
    flows.pop_back();
    if (!flows.empty()) changed_links_.push_back(link);
  }
  flow.finish = kNever;
  flow.route = {};
  free_slots_.push_back(slot);
}

// Breadth first over "crosses" and "is crossed by"; the two lists are their own queues.
void FluidNetwork::collect_component(LinkId from) {
  component_links_.assign(1, from);
  component_flows_.clear();
  links_[from].visited = filling_;
  for (std::size_t i = 0; i < component_links_.size(); ++i) {
    for (const FlowSlot slot : links_[component_links_[i]].flows) {
      Flow& flow = flows_[slot];
      if (flow.visited == filling_) continue;
      flow.visited = filling_;
      flow.fixed = false;
      component_flows_.push_back(slot);
      for (const LinkId link : flow.route) {
        if (links_[link].visited == filling_) continue;
        links_[link].visited = filling_;
        component_links_.push_back(link);
      }
    }
  }
}

std::size_t FluidNetwork::fix_flows_of(const Link& bottleneck, double share) {
  std::size_t num_fixed = 0;
  for (const FlowSlot slot : bottleneck.flows) {
    Flow& flow = flows_[slot];
    if (flow.fixed) continue;
    flow.fixed = true;
    ++num_fixed;
    flow.new_rate = share;
    for (const LinkId link : flow.route) {
      links_[link].left -= share;
      --links_[link].unfixed;
    }
  }
  return num_fixed;
}

// A link's share only grows while others are filled, so the heap may hold old shares: a link whose
// share has grown since is put back instead of used.
void FluidNetwork::fill() {
  shares_.clear();
  for (const LinkId id : component_links_) {
    Link& link = links_[id];
    link.left = link.capacity();
    link.unfixed = static_cast<std::uint32_t>(link.flows.size());
    if (link.unfixed > 0) shares_.emplace_back(link.left / link.unfixed, id);
  }
  std::make_heap(shares_.begin(), shares_.end(), std::greater<>());
  for (std::size_t unfixed = component_flows_.size(); unfixed > 0;) {
    std::pop_heap(shares_.begin(), shares_.end(), std::greater<>());
    const auto [old_share, id] = shares_.back();
    shares_.pop_back();
    Link& link = links_[id];
    if (link.unfixed == 0) continue;
    const double share = std::max(0.0, link.left / link.unfixed);
    if (share > old_share) {
      shares_.emplace_back(share, id);
      std::push_heap(shares_.begin(), shares_.end(), std::greater<>());
    } else {
      unfixed -= fix_flows_of(link, share);
    }
  }
}

// The commonest component by far: one link, and flows that cross no other.
bool FluidNetwork::share_one_link(LinkId id) const {
  const std::vector<FlowSlot>& flows = links_[id].flows;
  return std::all_of(flows.begin(), flows.end(),
                     [this](FlowSlot slot) { return flows_[slot].route.size() == 1; });
}

// A flow whose rate stays is left alone: rounding must not move the finish of a flow because of
// events that do not concern it.
void FluidNetwork::retime(Flow& flow, SimTime now) {
  if (flow.new_rate == flow.rate) return;
  const double elapsed = to_seconds(now - flow.updated).base();
  flow.bytes_left = std::max(0.0, flow.bytes_left - flow.rate * elapsed);
  flow.updated = now;
  flow.rate = flow.new_rate;
  if (flow.finish == now || flow.bytes_left == 0.0) {
    flow.finish = now;
  } else {
    flow.finish = flow.rate > 0.0 ? now + transfer_time(flow.bytes_left, flow.rate) : kNever;
  }
}

// Appends the flows that finish first, all of them, so that what ends together needs no filling in
// between.
void FluidNetwork::retime_all(std::span<const FlowSlot> slots, SimTime now) {
  SimTime first = kNever;
  for (const FlowSlot slot : slots) {
    retime(flows_[slot], now);
    first = std::min(first, flows_[slot].finish);
  }
  if (first == kNever) return;
  for (const FlowSlot slot : slots) {
    if (flows_[slot].finish == first) {
      first_finishes_.push_back(event_key(first, flows_[slot].id));
    }
  }
}

std::span<const EventKey> FluidNetwork::rerate(SimTime now) {
  ++filling_;
  first_finishes_.clear();
  for (const LinkId changed : changed_links_) {
    Link& link = links_[changed];
    if (link.visited == filling_) continue;
    if (share_one_link(changed)) {
      link.visited = filling_;
      const double share = link.capacity() / static_cast<double>(link.flows.size());
      for (const FlowSlot slot : link.flows) flows_[slot].new_rate = share;
      retime_all(link.flows, now);
    } else {
      collect_component(changed);
      fill();
      retime_all(component_flows_, now);
    }
  }
  changed_links_.clear();
  return first_finishes_;
}

}  // namespace plumbline
