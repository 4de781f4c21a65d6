// When the stages of one replica's pipeline run its steps, and why they stand idle.
//
// Steps pass the stages in the order in which they were submitted, so each is timed as soon as it
// is: start = max(arrival, end of the step before), the recurrence of the engine's static pass.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/sim_time.h"
#include "sim/serving/step.h"

namespace plumbline {

enum class IdleCause : std::uint8_t {
  kLackOfWork,      ///< too few requests to keep every stage busy; filling and draining
  kHost,            ///< the engine's process was not ready with the step
  kHop,             ///< activations or tokens were on their way
  kStageImbalance,  ///< another stage takes longer for the same step (the vocabulary head)
  kPrefillDecode,   ///< steps with and without prefill take different times
  kCohortDrift,     ///< requests are unevenly spread over the steps in flight
};
inline constexpr std::size_t kIdleCauses = 6;
using IdleByCause = std::array<SimTime, kIdleCauses>;

/// A step on a stage, for traces.
struct StageSpan {
  SimTime start = 0, end = 0;
  std::uint32_t step = 0;
  std::int32_t stage = 0;
  std::int32_t decodes = 0, chunks = 0;
  std::int64_t tokens = 0;
};

struct StageUse {
  SimTime first_start = 0, last_end = 0, busy = 0;
  std::int64_t steps = 0;
  IdleByCause idle{};  ///< between its steps
};

class Pipeline {
 public:
  struct Options {
    int stages = 1;
    /// Added to every hop between stages: see StageHandover::kSynchronous.
    bool host_on_hops = false;
    bool keep_spans = false;
  };

  /// `prices` must outlive the pipeline.
  Pipeline(const StepPrices& prices, const Options& options);

  /// Why stage 0 had to wait for a step, should it have had to.
  struct Wait {
    SimTime host = 0;                          ///< the last part of it
    IdleCause cause = IdleCause::kLackOfWork;  ///< of the rest; kStageImbalance: to be told apart
  };

  /// One step, its work on every rank that steps together; `ready` is when stage 0 may launch it.
  /// @returns when its tokens are back
  SimTime submit(std::span<const StepWork* const> ranks, SimTime ready, SimTime host, Wait wait);

  const std::vector<StageUse>& use() const { return use_; }
  /// What the stages' busy time is spent on, by stage.
  const std::vector<StepTimes>& parts() const { return parts_; }
  const std::vector<StageSpan>& spans() const { return spans_; }

 private:
  void price(std::span<const StepWork* const> ranks);
  void explain_first(SimTime gap, const Wait& wait, IdleByCause& causes) const;
  void explain_next(std::size_t stage, SimTime gap, bool chunked, IdleByCause& causes) const;

  const StepPrices& prices_;
  Options options_;
  std::vector<StageUse> use_;
  // Of the last steps, newest last: what each stage took.  As many as there are stages.
  std::vector<std::vector<SimTime>> recent_;
  std::vector<Seconds> times_;         // of this step, as priced
  std::vector<StepTimes> parts_;       // of all steps, by stage
  std::vector<SimTime> now_, before_;  // this step's stage times, and the last one's
  std::vector<SimTime> recent_sum_;
  std::vector<char> recent_chunked_;
  std::size_t oldest_ = 0;
  SimTime hops_ = 0;  // of the last step, all
  bool last_chunked_ = false;
  std::uint32_t steps_ = 0;
  std::vector<StageSpan> spans_;
};

}  // namespace plumbline
