// Reading the sample files a profile names, with their checksums.
#pragma once

#include "sim/cluster/device.h"
#include "sim/kernels/csv_table.h"

namespace plumbline {

/// @throws InputError when the file is missing or its SHA-256 is not the profile's
CsvTable read_samples(const SampleFile& file);

}  // namespace plumbline
