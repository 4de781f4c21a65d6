// Plain sentences about a result: why ranks wait, what fills the memory, what to look at first.
#pragma once

#include <string>
#include <vector>

#include "sim/measure/result.h"

namespace plumbline {

/// One cause of idleness over all ranks, largest first; causes under half a percent of the
/// bubble are left out.
struct BubbleCause {
  std::string label;     ///< "warm-up"
  double seconds = 0;    ///< mean over ranks
  double share = 0;      ///< of the idle time
  std::string sentence;  ///< "ranks wait for the first micro-batch to reach them"
};
std::vector<BubbleCause> bubble_causes(const TrainingResult& training);

/// What stands out, a sentence each: the rank that holds the others up, the share of filling and
/// draining, what fills the memory of a plan that does not fit.  May be empty.
std::vector<std::string> observations(const Result& result);

/// "fits: 61.2 of 79.1 GiB on the fullest rank, 17.9 GiB to spare"
std::string memory_verdict(const Result& result);

/// "0-11", "0-2, 24-26", "12 layers in 4 chunks"; with "emb" and "head" where the rank has them.
std::string layers_text(const RankResult& rank);

/// "optimizer 21.3, activations 18.0" (GiB): the largest parts first, at most `count`.
std::string largest_parts_text(const MemoryBreakdown& memory, int count);

/// "drain 0.91 s": the cause of most of a rank's idleness; empty where it never idles.
std::string main_idle_cause(const RankResult& rank);

}  // namespace plumbline
