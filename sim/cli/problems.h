// Wrong input, told with the line it stands on.
#pragma once

#include <string>

#include "sim/core/diagnostic.h"

namespace plumbline {

/// A paragraph per problem,
///
///   a.yaml:12:13: schedule: no schedule is called '1f1v' (did you mean '1f1b'?)
///      12 |   schedule: 1f1v
///         |             ^~~~
///
/// with the source line where it can be read, and a closing line that counts them.
std::string problems_text(const InputError& error);

}  // namespace plumbline
