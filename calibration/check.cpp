#include "calibration/check.h"

#include <fmt/format.h>

#include <filesystem>

#include "calibration/measured_samples.h"
#include "sim/cluster/read_profile.h"
#include "sim/kernels/kernel_times.h"
#include "sim/kernels/problem.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

// JSON strings here hold names and sentences: quotes and backslashes are all that needs care.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

}  // namespace

std::string device_profile_path(const std::string& name, const std::string& folder) {
  if (name.find('/') != std::string::npos || fs::path(name).extension() == ".yaml") return name;
  const std::vector<std::string> known = list_devices(folder);
  for (const std::string& device : known) {
    if (device == name) return (fs::path(folder) / (name + ".yaml")).string();
  }
  const std::string_view near = nearest(name, std::span<const std::string>(known));
  std::string hint = near.empty() ? "" : "did you mean '" + std::string(near) + "'? ";
  hint += "there are";
  for (const std::string& device : known) hint += " " + device;
  throw problem_at("", 0, "no GPU is called '" + name + "'", hint);
}

CalibrateCheckReport calibrate_check(const DeviceSpec& device, const std::string& folder,
                                     const std::vector<std::string>& csv_paths) {
  const auto link = [&](const std::string& name, const char* otherwise) {
    return read_link((fs::path(folder) / ((name.empty() ? otherwise : name) + ".yaml")).string());
  };
  const KernelTimes kernels(device, link(device.intra_link, "nvlink4"),
                            link(device.inter_link, "ib_ndr400"));
  CalibrateCheckReport report;
  report.gpu = device.name;
  std::map<std::string, std::vector<double>> errors;
  for (const std::string& path : csv_paths) {
    const MeasuredFile file = read_measured(path, device);
    report.notes.insert(report.notes.end(), file.notes.begin(), file.notes.end());
    for (const MeasuredSample& sample : file.samples) {
      const KernelPrice price = sample.price(kernels);
      errors[sample.operation].push_back(price.burst / sample.time - 1);
      report.by_operation[sample.operation].extrapolated += price.extrapolated ? 1 : 0;
      ++report.samples;
    }
  }
  for (const auto& [operation, list] : errors) {
    report.by_operation[operation].error = summarize(list);
  }
  return report;
}

CalibrateCheckReport calibrate_check(const std::string& gpu_or_profile, const std::string& folder,
                                     const std::vector<std::string>& csv_paths) {
  return calibrate_check(read_device(device_profile_path(gpu_or_profile, folder)), folder,
                         csv_paths);
}

std::string to_json(const CalibrateCheckReport& report) {
  std::string out = fmt::format("{{\n  \"gpu\": {},\n  \"samples\": {},\n  \"by_operation\": {{",
                                quoted(report.gpu), report.samples);
  const char* separator = "\n";
  for (const auto& [operation, check] : report.by_operation) {
    out += fmt::format(
        "{}    {}: {{\"n\": {}, \"median_abs_error\": {}, \"p90_abs_error\": {}, \"bias\": {}, "
        "\"extrapolated\": {}}}",
        separator, quoted(operation), check.error.n, check.error.median_abs, check.error.p90_abs,
        check.error.bias, check.extrapolated);
    separator = ",\n";
  }
  out += report.by_operation.empty() ? "},\n  \"notes\": [" : "\n  },\n  \"notes\": [";
  separator = "";
  for (const std::string& note : report.notes) {
    out += separator + quoted(note);
    separator = ", ";
  }
  return out + "]\n}\n";
}

std::string to_text(const CalibrateCheckReport& report) {
  std::string out = fmt::format("{}: {} samples, predicted / measured - 1 in per cent\n\n",
                                report.gpu, report.samples);
  out += fmt::format("{:<24} {:>8} {:>8} {:>8} {:>8} {:>13}\n", "operation", "n", "|median|",
                     "|p90|", "bias", "extrapolated");
  for (const auto& [operation, check] : report.by_operation) {
    out += fmt::format("{:<24} {:>8} {:>8.1f} {:>8.1f} {:>+8.1f} {:>13}\n", operation,
                       check.error.n, 100 * check.error.median_abs, 100 * check.error.p90_abs,
                       100 * check.error.bias, check.extrapolated);
  }
  for (const std::string& note : report.notes) out += "note: " + note + "\n";
  return out;
}

}  // namespace plumbline
