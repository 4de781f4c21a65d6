// plumbline calibrate import: other tools' measurements as sample CSVs.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>

#include "calibration/check.h"
#include "calibration/import.h"
#include "sim/cli/calibrate_parts.h"
#include "sim/cli/scenario_option.h"
#include "sim/cluster/read_profile.h"
#include "sim/report/text.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

struct Options {
  ImportOptions import;
  std::string gpu, out, name;
};

constexpr const char* kFooter =
    R"(The format is told by the content: nccl-tests (text or -J JSON), cutlass_profiler CSV,
AIConfigurator's *_perf tables, Vidur's mlp.csv and all_reduce.csv, torch.profiler traces, tables
with m, n, k and a time. Every conversion is printed and written beside the samples.

Examples:
  plumbline calibrate import all_reduce.txt --out my_gpu/samples --name my_gpu
  plumbline calibrate import gemm_perf.csv
  plumbline calibrate import data.csv --header m,k,n,latency_us,mfu --gpu h20_sxm_96g)";

/// Whole or not at all, as every output.
void write_whole(const fs::path& path, const std::string& text) {
  const fs::path partial = path.string() + ".partial";
  std::ofstream file(partial, std::ios::binary);
  file << text;
  file.close();
  std::error_code error;
  if (file) fs::rename(partial, path, error);
  if (!file || error) {
    throw InputError({option_problem("--out", "cannot write " + path.string())});
  }
}

int run(Options options, const Console& console) {
  std::error_code error;
  if (!options.out.empty() && !fs::is_directory(options.out, error)) {
    throw InputError({option_problem("--out", options.out + " is no folder", "create it first")});
  }
  if (!options.gpu.empty()) {
    const DeviceSpec device =
        read_device(device_profile_path(options.gpu, console.folders.hardware_profiles));
    for (const char* dtype : {"bf16", "fp16"}) {
      const auto peak = device.peak_flops.find(dtype);
      if (peak != device.peak_flops.end() && options.import.peak_flops <= 0) {
        options.import.peak_flops = peak->second.base();
      }
    }
  }
  const ImportResult result = import_samples(options.import);
  const std::string prefix =
      options.name.empty() ? fs::path(options.import.path).stem().string() : options.name;
  std::vector<std::string> files;
  Columns columns({false, true});
  columns.add({"file", "rows"});
  for (const ImportedTable& table : result.tables) {
    files.push_back(prefix + "_" + table.name + ".csv");
    columns.add({files.back(), std::to_string(table.rows)});
  }
  if (!options.out.empty()) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      write_whole(fs::path(options.out) / files[i], result.tables[i].csv);
    }
    write_whole(fs::path(options.out) / (prefix + "_provenance.yaml"),
                import_provenance(result, options.import.path, files));
  }
  console.out << result.format << (result.hardware.empty() ? "" : ", " + result.hardware) << "\n"
              << columns.text(console.style);
  for (const std::string& note : result.notes) console.out << "note: " << note << "\n";
  if (options.out.empty()) console.out << "Nothing was written; --out FOLDER does.\n";
  return kDone;
}

}  // namespace

Command calibrate_import_command(CLI::App& parent) {
  const auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("import", "Other tools' measurements as sample CSVs");
  ImportOptions& import = options->import;
  app->add_option("FILE", import.path, "What the tool wrote")->required();
  app->add_option("--format", import.format, "Of the file; told by its content otherwise")
      ->check(CLI::IsMember(
          std::vector<std::string>(std::begin(kImportFormats), std::end(kImportFormats))));
  app->add_option("--operation", import.operation, "The collective, where the file does not say")
      ->check(CLI::IsMember({"all_reduce", "all_gather", "reduce_scatter", "alltoall"}));
  app->add_option("--dtype", import.dtype, "Of products, where the file does not say");
  app->add_option("--time-unit", import.time_unit, "Of times that are not in the format's own")
      ->check(CLI::IsMember({"us", "ms", "s"}));
  app->add_option("--header", import.header, "Columns of a table without a header line")
      ->type_name("A,B,...");
  app->add_option("--gpu", options->gpu, "Its peaks tell the dtype of a table with mfu")
      ->type_name("GPU|PROFILE.yaml");
  app->add_option("--out", options->out, "Folder for the CSVs and their provenance")
      ->type_name("FOLDER");
  app->add_option("--name", options->name, "Front of the files' names (the input's)");
  app->footer(kFooter);
  return {app, [options](const Console& console) { return run(*options, console); }};
}

}  // namespace plumbline
