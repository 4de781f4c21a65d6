// plumbline schema: what a scenario may say, for editors and for people.
#include <memory>
#include <ostream>

#include "schedules/catalog.h"
#include "sim/cli/command.h"
#include "sim/cli/scenario_option.h"
#include "sim/plan/software.h"
#include "sim/scenario/schema.h"

namespace plumbline {
namespace {

constexpr const char* kFooter = R"(Examples:
  plumbline schema > plumbline.schema.json
  # yaml-language-server: $schema=plumbline.schema.json      (first line of a scenario)
  plumbline schema --format markdown)";

int print_schema(const std::string& format, const Console& console) {
  if (format == "markdown") {
    console.out << scenario_reference();
    return kDone;
  }
  if (format != "json") {
    throw InputError(
        {option_problem("--format", "no format is called '" + format + "'", "json or markdown")});
  }
  std::vector<std::string_view> schedules, software;
  for (const ScheduleEntry& entry : all_schedules()) schedules.push_back(entry.name);
  for (const SoftwareFacts& era : all_software()) software.push_back(era.name);
  console.out << scenario_schema(schedules, software);
  return kDone;
}

}  // namespace

Command schema_command(CLI::App& parent) {
  const auto format = std::make_shared<std::string>("json");
  CLI::App* app = parent.add_subcommand("schema", "Print what a scenario may say");
  app->add_option("--format", *format, "JSON Schema, or a table")
      ->type_name("json|markdown")
      ->capture_default_str();
  app->footer(kFooter);
  return {app, [format](const Console& console) { return print_schema(*format, console); }, false};
}

}  // namespace plumbline
