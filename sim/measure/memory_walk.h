// What a rank holds over time, and its peak.
#pragma once

#include <string>
#include <vector>

#include "schedules/schedule.h"
#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"
#include "sim/measure/result.h"
#include "sim/memory/memory_model.h"

namespace plumbline {

struct MemoryPeak {
  MemoryBreakdown bytes;  ///< by cause, at the moment of the peak
  SimTime time = 0;
  std::string operation;               ///< whose start is the moment: "0B0", of a pair "(0F7;7B3)"
  int live_activations = 0;            ///< most at any time, in (stage, micro-batch) pairs
  std::vector<MemoryPoint> over_time;  ///< when asked for: bytes from each moment on
};

/// Walks the operations of a rank in the order of the timeline.
///
/// An activation is there from the start of its F to the end of its B, or W; after I the part
/// that W needs stays.  What an operation needs besides is there while it runs.  What is offloaded
/// is away from the end of its copy to the host until the start of its copy back.  The peak is the
/// first moment with the most bytes.
class MemoryWalk {
 public:
  /// Keeps references.
  MemoryWalk(const LoweredStep& step, const Timeline& timeline, const Schedule& schedule,
             const MemoryModel& memory);

  MemoryPeak peak(int rank, bool over_time) const;

  /// What an operation of one stage and kind changes.
  struct Change {
    Bytes start_activations, start_logits;    ///< come with its start
    Bytes running;                            ///< is there while it runs
    Bytes finish_activations, finish_logits;  ///< go with its end
    int start_live = 0, finish_live = 0;
  };

 private:
  const LoweredStep& step_;
  const Timeline& timeline_;
  const Schedule& schedule_;
  const MemoryModel& memory_;
  std::vector<Change> changes_;  ///< [num_stages][4] by kind
};

}  // namespace plumbline
