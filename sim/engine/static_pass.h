// Start times by one sweep in topological order, where nothing has to be arbitrated.
#pragma once

#include <optional>
#include <string>

#include "sim/engine/task_graph.h"
#include "sim/engine/timeline.h"

namespace plumbline {

/// The first place where the sweep's answer may differ from the event loop's.
struct Conflict {
  TaskId earlier = 0;  ///< the lower id
  TaskId later = 0;
  bool on_link = false;     ///< two flows meet on a link; else tasks overtake on a resource
  std::uint32_t where = 0;  ///< the LinkId or ResourceId
};

/// "flows 12 and 57 meet on link 3"
std::string to_string(const Conflict& conflict);

/// Fills the timeline by one sweep over the tasks in id order, or stops at the first conflict.
///
/// The sweep serves every exclusive resource in id order and gives every flow its route's
/// narrowest link alone.  That is the event loop's answer, to the tick, when
///   - on every resource the tasks become ready in id order (a chain of edges is one way), and
///   - on every link each flow becomes ready no earlier than the flow before it has finished;
/// both are checked while sweeping, so the answer is proved by the time it is there.
///
/// @returns nothing when the timeline is the exact answer; otherwise the conflict, and the
///          timeline's contents are not to be used
std::optional<Conflict> static_pass(const TaskGraph& graph, Timeline& timeline);

}  // namespace plumbline
