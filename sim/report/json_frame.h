// What every `plumbline.result/1` begins and ends with, whatever was simulated.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/measure/result.h"
#include "sim/report/json_writer.h"

namespace plumbline {

void write_strings(JsonWriter& json, std::string_view key, const std::vector<std::string>& list);

/// Opens the document and writes "schema" to "outside_calibration".
void open_result(JsonWriter& json, const Result& result);
/// Writes "engine" and closes the document. @returns its text
std::string close_result(JsonWriter json, const EngineResult& engine);

}  // namespace plumbline
