// Requests: when they arrive, how long they are, what they share.
#pragma once

#include <cstdint>
#include <string>

#include "sim/plan/serving_options.h"
#include "sim/serving/scheduler.h"

namespace plumbline {

/// Everything that asks for answers in one run.
struct Traffic {
  Requests requests;  ///< in order of arrival; with a closed loop the arrivals are not known yet
  std::int64_t users = 0;  ///< closed loop; 0: open
  Seconds think_time;      ///< closed loop: mean of the exponential pause; may be 0
};

/// Draws (or reads) the requests. The draw of request i does not depend on how many there are, and
/// lengths do not depend on the arrivals: a search over the rate compares the same requests.
/// @throws InputError when a trace cannot be read, with file and line
Traffic make_traffic(const TrafficOptions& options, std::uint64_t seed);

/// One draw of a length. @param u  an even number in [0, 1); @param normal  a standard normal one
std::int64_t draw_tokens(const TokenDistribution& distribution, double u, double normal);

/// A request trace. The layout is told by the header:
///   this tool's   arrival_s,prompt_tokens,output_tokens[,prefix_id,prefix_tokens,session]
///   Azure's       TIMESTAMP,ContextTokens,GeneratedTokens (timestamps become seconds since the
///   first) BurstGPT's    Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
///   Mooncake's    timestamp,input_length,output_length[,hash_ids] (milliseconds; ids of 512
///   tokens,
///                 separated by blanks or in brackets)
/// Rows are put in order of arrival. A row without output tokens (a failed call of BurstGPT's) is
/// left out.
/// @param limit  first rows to take; 0: all
Requests read_trace(const std::string& path, double time_scale, std::int64_t limit);

}  // namespace plumbline
