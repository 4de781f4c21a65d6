// One problem of an input file as the exception that reports it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/core/diagnostic.h"

namespace plumbline {

/// @param line from 1; 0 names the file as a whole
inline InputError problem_at(std::string file, int line, std::string problem,
                             std::string hint = {}) {
  Diagnostic diagnostic;
  diagnostic.at.file = std::move(file);
  diagnostic.at.line = line;
  diagnostic.at.column = line > 0 ? 1 : 0;
  diagnostic.problem = std::move(problem);
  diagnostic.hint = std::move(hint);
  std::vector<Diagnostic> all;
  all.push_back(std::move(diagnostic));
  return InputError(std::move(all));
}

}  // namespace plumbline
