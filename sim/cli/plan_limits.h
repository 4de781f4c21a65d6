// Which values a plan search tries: `--over PATH=V1,V2,...` and its short forms.
#pragma once

#include <string>
#include <vector>

#include "sim/search/space.h"

namespace plumbline {

/// Replaces lists of `space` by what `words` state ("parallelism.tensor=4,8",
/// "training.recompute=none,full", ranges as in a sweep).
///
/// @throws InputError, told at --over, for a path that the search does not choose (with the nearest
///         that it does) and for values that its setting cannot have
void limit_space(const std::vector<std::string>& words, SearchSpace& space);

/// "8,16,64" as numbers of at least 1; @throws InputError told at `option`
std::vector<int> numbers_of(const std::string& option, const std::string& list);

}  // namespace plumbline
