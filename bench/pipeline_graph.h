// One-forward-one-backward pipelines as task graphs, built without any layer above the engine.
#pragma once

#include "sim/engine/task_graph.h"

namespace plumbline {

/// What carries a message between two stages.
enum class Hop {
  kDelay,  ///< a task on no resource: links of unlimited width
  kQueue,  ///< an exclusive resource per direction, first come first served
  kFlow,   ///< a fluid link that both directions share
};

/// The tasks of a step: a forward and a backward per stage and micro-batch, and a transfer per
/// message, 2 * stages * mbs + 2 * (stages - 1) * mbs in all.
///
/// @param jitter  durations vary by up to this share, evenly (0: all alike, so that ties abound)
TaskGraph one_f_one_b_graph(int num_stages, int num_microbatches, Hop hop, double jitter);

}  // namespace plumbline
