// Samples -> the fitted end of a hardware profile, of a GPU or of a link.
//
// A profile is written by hand down to the line kFittedMarker; what follows is this program's: the
// list of sample files with their SHA-256, and per kernel form the constants, their relative
// standard errors, the error on the samples and the error on sites left out. The same samples give
// the same bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "calibration/fit_sections.h"
#include "calibration/profile_file.h"

namespace plumbline {

struct FitProfileOptions {
  std::string profile_path;
  /// Files to add: each replaces the listed one of the same operation, dtype and fabric (and, of
  /// collectives, with an operation in common). The header tells the operation, the name the dtype;
  /// they must lie below the profile's folder.
  std::vector<std::string> csv_paths;
};

struct FitProfileResult {
  std::string text;  ///< of the whole profile; nothing is written
  std::vector<FittedRow> rows;
  std::vector<std::string> notes;  ///< files that are named and not fitted, and why
};

/// @throws InputError for a profile or sample that cannot be read, a layout that is no sample's
///         own, or too few samples; a wrong SHA-256 in the profile is not one: it is written anew
FitProfileResult fit_profile(const FitProfileOptions& options);

}  // namespace plumbline
