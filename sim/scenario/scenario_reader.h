// One scenario file, read at many settings: the file is parsed once, and the model, the profiles
// and the cluster are read again only where a setting touches them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace plumbline {

/// Not to be shared between threads: give each its own.
class ScenarioReader {
 public:
  ScenarioReader(std::string path, DataFolders folders);
  ~ScenarioReader();
  ScenarioReader(ScenarioReader&&) noexcept;
  ScenarioReader& operator=(ScenarioReader&&) noexcept;

  /// What read_scenario(path, overrides, folders) gives, whatever was read before, as long as no
  /// file changes.  Overrides of the same paths in the same order are the fast case.
  /// @throws InputError with every problem at once; the reader can be used on
  Scenario read(const std::vector<Override>& overrides);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace plumbline
