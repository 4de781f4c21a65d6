// Interleaved 1F1B: every rank holds V chunks, stage = chunk * P + rank, and walks them depth
// first in groups of N micro-batches.  For P = 2, V = 2, M = 4, N = 2 (rank 0 has stages 0 and 2,
// rank 1 has 1 and 3; "2F1" is stage 2, micro-batch 1):
//
//   rank 0:  0F0 0F1 2F0 2F1 0F2 2B0 0F3 2B1 2F2 0B0 2F3 0B1 2B2 2B3 0B2 0B3
//   rank 1:  1F0 1F1 3F0 3B0 3F1 3B1 1F2 1B0 1F3 1B1 3F2 3B2 3F3 3B3 1B2 1B3
//
// A rank runs min(2(P-1-r) + (V-1)N, MV) forwards ahead, then forward and backward in turn.
// PyTorch and Megatron-LM differ in N: PyTorch splits M into max(1, M / P) equal rounds and takes
// V = 1 literally (a doubled warm-up), Megatron-LM uses microbatch_group_size_per_vp_stage, by
// default P, lets the last group be short (but not shorter than P) and turns V = 1 into 1F1B.
// Source: Narayanan et al., arXiv:2104.04473, section 2.2; PyTorch ScheduleInterleaved1F1B;
// Megatron-LM get_schedule_table and get_pp_rank_microbatches.

#include "schedules/interleaved.h"

#include <algorithm>
#include <string>

#include "schedules/build.h"
#include "schedules/generators.h"
#include "schedules/one_f_one_b.h"

namespace plumbline {
namespace {

// P <= N <= M, and a short last group must still fill the pipeline.
void check_group(const PipelineShape& shape, int group) {
  const int ranks = shape.ranks();
  const int total = shape.microbatches;
  const std::string said = "with " + std::to_string(ranks) + " ranks";
  if (total < ranks) {
    refuse_shape("interleaved_1f1b",
                 said + " needs at least as many micro-batches, not " + std::to_string(total),
                 "try " + std::to_string(ranks) + " micro-batches");
  }
  if (group < ranks || group > total) {
    refuse_shape("interleaved_1f1b",
                 said + " and " + std::to_string(total) +
                     " micro-batches takes a microbatch_group_size of " + std::to_string(ranks) +
                     " to " + std::to_string(total) + ", not " + std::to_string(group),
                 "try " + std::to_string(std::clamp(group, ranks, total)));
  }
  const int rest = total % group;
  if (rest != 0 && rest < ranks) {
    const int below = total - rest;
    const int above = below + ranks;
    const int nearest = total - below <= above - total ? below : above;
    refuse_shape("interleaved_1f1b",
                 "leaves a last group of " + std::to_string(rest) + " micro-batches, fewer than " +
                     std::to_string(ranks) + " ranks, with microbatch_group_size " +
                     std::to_string(group),
                 "try " + std::to_string(nearest) + " micro-batches");
  }
}

Schedule interleave(const PipelineShape& shape, int group) {
  Schedule schedule = empty_schedule("interleaved_1f1b", shape, Placement::kLoop);
  const int ranks = shape.ranks();
  const int steps = shape.microbatches * shape.chunks;
  const std::vector<ChunkStep> order = chunk_steps(shape, group);
  for (int rank = 0; rank < ranks; ++rank) {
    const auto forward_step = [&](int k) {
      return forward(order[k].chunk * ranks + rank, order[k].microbatch);
    };
    const auto backward_step = [&](int k) {
      return backward((shape.chunks - 1 - order[k].chunk) * ranks + rank, order[k].microbatch);
    };
    const int warm_up = std::min(2 * (ranks - 1 - rank) + (shape.chunks - 1) * group, steps);
    std::vector<Op>& ops = schedule.ranks[rank];
    ops.reserve(2 * steps);
    for (int k = 0; k < warm_up; ++k) ops.push_back(forward_step(k));
    for (int k = warm_up; k < steps; ++k) {
      ops.push_back(forward_step(k));
      ops.push_back(backward_step(k - warm_up));
    }
    for (int k = steps - warm_up; k < steps; ++k) ops.push_back(backward_step(k));
  }
  return schedule;
}

}  // namespace

std::vector<ChunkStep> chunk_steps(const PipelineShape& shape, int group) {
  std::vector<ChunkStep> steps;
  steps.reserve(static_cast<std::size_t>(shape.microbatches) * shape.chunks);
  for (int first = 0; first < shape.microbatches; first += group) {
    const int last = std::min(first + group, shape.microbatches);
    for (int chunk = 0; chunk < shape.chunks; ++chunk) {
      for (int mb = first; mb < last; ++mb) steps.push_back({chunk, mb});
    }
  }
  return steps;
}

int microbatches_per_round(std::string_view name, const PipelineShape& shape) {
  const int ranks = shape.ranks();
  const int total = shape.microbatches;
  const auto rounds_of = [&](int m) { return std::max(1, m / ranks); };
  if (total % rounds_of(total) != 0) {
    const auto legal = [&](int m) { return m >= 1 && m % rounds_of(m) == 0; };
    int nearest = 0;
    for (int distance = 1; nearest == 0; ++distance) {
      if (legal(total + distance)) nearest = total + distance;
      if (legal(total - distance)) nearest = total - distance;
    }
    refuse_shape(name,
                 "needs micro-batches that are a multiple of their " +
                     std::to_string(rounds_of(total)) + " rounds (" + std::to_string(total) +
                     " / " + std::to_string(ranks) + " ranks), not " + std::to_string(total),
                 "try " + std::to_string(nearest) + " micro-batches");
  }
  return total / rounds_of(total);
}

Schedule interleaved_1f1b(const PipelineShape& shape, const ScheduleOptions& options) {
  const bool megatron = options.microbatch_group_size.has_value() ||
                        options.interleaved_rule == InterleavedRule::kMegatron;
  if (!megatron) return interleave(shape, microbatches_per_round("interleaved_1f1b", shape));

  if (shape.chunks == 1) {
    Schedule plain = one_f_one_b(shape, options);
    plain.name = "interleaved_1f1b";
    return plain;
  }
  const int group = options.microbatch_group_size.value_or(shape.ranks());
  check_group(shape, group);
  return interleave(shape, group);
}

}  // namespace plumbline
