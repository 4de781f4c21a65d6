// Where the problems that layers below found stand in the scenario's file.

#include <utility>

#include "sim/scenario/scenario.h"

namespace plumbline {

InputError locate(const InputError& error, const Scenario& scenario) {
  std::vector<Diagnostic> located = error.diagnostics();
  for (Diagnostic& diagnostic : located) {
    if (!diagnostic.at.file.empty()) continue;
    diagnostic.at.file = scenario.file;
    for (std::string path = diagnostic.path; !path.empty();) {
      const auto found = scenario.locations.find(path);
      if (found != scenario.locations.end()) {
        diagnostic.at = found->second;
        break;
      }
      const std::size_t dot = path.rfind('.');
      path = dot == std::string::npos ? std::string() : path.substr(0, dot);
    }
  }
  return InputError(std::move(located));
}

}  // namespace plumbline
