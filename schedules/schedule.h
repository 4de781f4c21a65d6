// A pipeline schedule as a value: for each rank, the ordered list of operations it runs.
//
// Stages are global, 0 .. P*V-1, in the order in which a micro-batch visits them; a schedule
// knows no durations, no bytes and no devices.  Operation letters follow PyTorch's pipelining
// notation: F forward, B full backward, I input gradient, W weight gradient; "3F12" is stage 3,
// micro-batch 12.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline {

enum class OpKind : std::uint8_t {
  kForward,     ///< F
  kBackward,    ///< B: input and weight gradient together
  kInputGrad,   ///< I
  kWeightGrad,  ///< W
};

/// One operation of one rank.
struct Op {
  OpKind kind = OpKind::kForward;
  /// This op and the next of the same rank run as one atomic, overlapped unit (DualPipe's F&B).
  bool overlaps_next = false;
  /// Which copy of the weights (0, or 1 for the second direction of a bidirectional schedule).
  std::uint8_t replica = 0;
  std::int32_t stage = 0;       ///< global stage
  std::int32_t microbatch = 0;  ///< 0 .. M-1

  friend bool operator==(const Op&, const Op&) = default;
};

enum class Placement : std::uint8_t {
  kLoop,           ///< stage s on rank s mod P
  kV,              ///< stage s on rank s, or 2P-1-s for the second half
  kBidirectional,  ///< P stages, each on ranks s and P-1-s (replica 0 and 1)
  kWave,           ///< hanayo: up and down, stage s zigzags over the ranks
  kGiven,          ///< from a CSV: see Schedule::stage_rank
};

/// What a generator is asked for.
struct PipelineShape {
  int stages_per_chunk = 1;  ///< P: pipeline ranks
  int chunks = 1;            ///< V: virtual stages per rank
  int microbatches = 1;      ///< M
  int ranks() const { return stages_per_chunk; }
  /// Of a schedule with one copy of the weights; `Schedule::num_stages` holds for all of them.
  int stages() const { return stages_per_chunk * chunks; }

  friend bool operator==(const PipelineShape&, const PipelineShape&) = default;
};

struct Schedule {
  std::string name;  ///< "1f1b"
  PipelineShape shape;
  Placement placement = Placement::kLoop;
  int replicas = 1;  ///< copies of the weights (2 for dualpipe and chimera)
  /// false for the asynchronous ones: the next iteration's micro-batches follow without a drain,
  /// so their iteration time is the steady-state period, which does not depend on where one cuts.
  bool flushes = true;
  std::string found_by = "rule";  ///< or "search"
  /// [replicas][num_stages] the rank that runs a stage.
  std::vector<std::vector<int>> stage_rank;
  /// [num_ranks] operations in the order in which the rank runs them.
  std::vector<std::vector<Op>> ranks;

  /// [num_ranks] versions of the weights that a rank keeps (PipeDream stashes); empty means one.
  std::vector<int> weight_versions;
  /// [num_ranks] how many updates of its weights a rank makes between a micro-batch's forward and
  /// the update with that micro-batch's gradient, of an asynchronous schedule once it is full.
  std::vector<int> weight_staleness;
  /// The optimizer follows every micro-batch (PipeDream), not every M of them.
  bool updates_every_microbatch = false;

  int num_ranks() const { return static_cast<int>(ranks.size()); }
  int num_stages() const { return static_cast<int>(stage_rank.front().size()); }
};

/// F, B, I or W
char to_letter(OpKind kind);

/// "3F12"
std::string to_string(const Op& op);

/// "0F0 0F1 0B0 0B1"; an overlapped pair is "(0F7;7B3)"
std::string to_string(const std::vector<Op>& ops);

}  // namespace plumbline
