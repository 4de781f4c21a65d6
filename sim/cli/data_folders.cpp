#include "sim/cli/data_folders.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "sim/core/diagnostic.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

bool holds_data(const fs::path& folder) {
  std::error_code error;
  return fs::is_directory(folder / "models", error) &&
         fs::is_directory(folder / "hardware_profiles", error);
}

}  // namespace

std::string data_folder() {
  std::vector<fs::path> places;
  const char* variable = std::getenv("PLUMBLINE_DATA");
  if (variable != nullptr && *variable != '\0') {
    places.emplace_back(variable);  // whoever sets it means it: no other place is looked at
  } else {
    std::error_code error;
    const fs::path executable = fs::read_symlink("/proc/self/exe", error);
    if (!error) places.push_back(executable.parent_path().parent_path() / "share" / "plumbline");
    places.emplace_back(PLUMBLINE_SOURCE_DIR);
  }
  for (const fs::path& place : places) {
    if (holds_data(place)) return place.string();
  }
  Diagnostic missing;
  for (const fs::path& place : places) {
    missing.problem +=
        (missing.problem.empty() ? "no models/ and hardware_profiles/ in " : ", ") + place.string();
  }
  missing.hint = "the environment variable PLUMBLINE_DATA names their folder";
  throw InputError({missing});
}

}  // namespace plumbline
