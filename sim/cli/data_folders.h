// Where models/ and hardware_profiles/ are.
#pragma once

#include <string>

namespace plumbline {

/// The folder that holds models/ and hardware_profiles/: what the environment variable
/// PLUMBLINE_DATA names, else share/plumbline beside the executable's bin/, else the source tree
/// that the executable was built from.
/// @throws InputError when none of them has both
std::string data_folder();

}  // namespace plumbline
