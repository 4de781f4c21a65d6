#include "sim/report/json_frame.h"

#include <utility>

namespace plumbline {

void write_strings(JsonWriter& json, std::string_view key, const std::vector<std::string>& list) {
  json.key(key).begin_array();
  for (const std::string& text : list) json.value(std::string_view(text));
  json.end_array();
}

void open_result(JsonWriter& json, const Result& result) {
  json.begin_object();
  json.member("schema", "plumbline.result/1");
  json.member("scenario", std::string_view(result.scenario));
  json.member("fits", result.fits);
  write_strings(json, "assumptions", result.assumptions);
  json.key("outside_calibration").begin_object();
  json.member("share_of_time", result.outside_calibration.share_of_time);
  write_strings(json, "operations", result.outside_calibration.operations);
  json.end_object();
}

std::string close_result(JsonWriter json, const EngineResult& engine) {
  json.key("engine").begin_object();
  json.member("tasks", engine.tasks);
  json.member("executor", std::string_view(engine.executor));
  json.member("wall_s", engine.wall_s);
  json.member("reason", std::string_view(engine.reason));
  json.end_object();
  json.end_object();
  return std::move(json).take();
}

}  // namespace plumbline
