// Layers of whole models, as profilers of serving simulators write them: which product or which
// traffic a named layer is.
#pragma once

#include <string>

#include "calibration/measured_samples.h"
#include "sim/kernels/csv_table.h"

namespace plumbline {

/// Adds the rows of Vidur's elementwise_* and LLMServingSim's dense, per_sequence and attention
/// files. A model or layer nobody described is noted and left out.
void read_layers(const CsvTable& csv, const std::string& name, MeasuredFile& out);

}  // namespace plumbline
