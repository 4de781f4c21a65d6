// Activations that wait in host memory between a forward and its backward.
//
//   compute    F0 F1 F2 .. B0 F3 B1 F4 B2        what F leaves is copied out when F ends, and
//   copy out      f0 f1 f2       f3    f4        back when the operation `reload_ahead` before
//   copy in           b0 .. b1 .. b2             the one in front of B has ended; B waits for it
//
// Both directions of a rank's host link are streams of their own, which serve one copy at a time.
// An activation that is needed again before it could be away is not moved.
// Source: Wan et al., PipeOffload, arXiv:2503.01328, section 3.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "schedules/schedule.h"
#include "sim/cost/stage_costs.h"
#include "sim/lowering/lower_training.h"
#include "sim/lowering/step_builder.h"

namespace plumbline {

class HostCopies {
 public:
  /// Adds two streams per rank where `costs` has copies.
  HostCopies(const Schedule& schedule, const TrainingCosts& costs, StepBuilder& builder);

  bool any() const { return !ranks_.empty(); }

  /// The forward at `position` of the rank's row has been emitted as `done`.
  void forward_done(int rank, std::uint32_t position, TaskId done);

  /// The unit that begins at `begin` is about to be emitted: its copy back, or kNoTask.
  /// @param row    the position of the operation in the unit
  /// @param tasks  [begin] what the rank has emitted so far
  TaskId reload_before(int rank, std::uint32_t begin, std::uint32_t row,
                       std::span<const TaskId> tasks);

  /// [ranks], or empty
  std::vector<std::vector<HostCopy>> take() &&;

 private:
  struct Rank {
    ResourceId out = kNoResource, in = kNoResource;
    TaskId last_out = kNoTask, last_in = kNoTask;
    std::vector<HostCopy> copies;
    /// [row] of a forward, the position of its backward; of a backward, the index of its copy
    std::vector<std::int32_t> partner;
  };
  const Schedule& schedule_;
  const TrainingCosts& costs_;
  StepBuilder& builder_;
  std::vector<Rank> ranks_;
};

}  // namespace plumbline
