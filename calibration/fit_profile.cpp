#include "calibration/fit_profile.h"

#include <filesystem>
#include <utility>

#include "calibration/profile_file.h"
#include "sim/cluster/read_profile.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/problem.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

/// Fits, naming the file in problems that know none.
template <typename Fit>
auto located(const SampleSource& source, Fit&& fit) {
  try {
    return fit();
  } catch (const InputError& error) {
    std::vector<Diagnostic> problems = error.diagnostics();
    for (Diagnostic& problem : problems) {
      if (problem.at.file.empty()) problem.at.file = source.csv.file();
    }
    throw InputError(std::move(problems));
  }
}

/// What a profile's fits share while they are made.
struct Fitting {
  FitProfileResult result;
  std::string gemm, attention, layouts, platform;
  CollectiveTable collectives;

  std::string take(FittedSection section) {
    result.rows.insert(result.rows.end(), section.rows.begin(), section.rows.end());
    return std::move(section.yaml);
  }
  std::string fitted(const std::string& collective) const {
    const auto under = [](const char* key, const std::string& entries) {
      return entries.empty() ? "" : "  " + std::string(key) + ":\n" + entries;
    };
    return under("gemm", gemm) + attention + under("collective", collective) +
           under("layouts", layouts) + platform;
  }
};

void fit_device_source(const DeviceSpec& device, const SampleSource& source, Fitting& fitting) {
  const std::string& operation = source.file.operation;
  if (operation == "gemm") {
    fitting.gemm += fitting.take(fit_products(source.file.dtype, source.csv).section);
  } else if (operation == "attention_prefill" || operation == "attention_decode") {
    fitting.attention += fitting.take(fit_attention(operation, source.csv, device));
  } else if (operation == "collective") {
    if (source.file.link != device.intra_link) {
      fitting.result.notes.push_back(source.shown + ": of " + source.file.link +
                                     ", not the usual fabric: no errors are stated");
      return;
    }
    CollectiveTable read = read_collectives(source.csv);
    // As prices do: a later file only adds group sizes.
    for (std::size_t i = 0; i < fitting.collectives.size(); ++i) {
      fitting.collectives[i].merge(read[i]);
    }
  } else if (operation == "elementwise") {
    fitting.platform += fitting.take(fit_streaming_section(source.csv));
  } else if (operation == "overhead") {
    fitting.platform += fitting.take(fit_overhead_section(source.csv));
  } else if (operation == "host_copy" || operation == "peer_copy" || operation == "send_recv") {
    throw problem_at(source.csv.file(), 0, "is of a link, not of a GPU",
                     "fit a link's profile with it: plumbline calibrate fit LINK.yaml FILE.csv");
  }
}

// Backward products last: they are held against the forward ones, and their accumulation against
// the streaming bandwidth.
void fit_layouts(const DeviceSpec& device, const std::vector<SampleSource>& sources,
                 Fitting& fitting) {
  BytesPerSecond streaming = device.memory_bandwidth_streaming.value;
  for (const SampleSource& source : sources) {
    if (source.file.operation == "elementwise") streaming = streaming_bandwidth(source.csv);
  }
  for (const SampleSource& source : sources) {
    const std::string& operation = source.file.operation;
    if (operation != "gemm_nn" && operation != "gemm_nt") continue;
    if (source.file.dtype != "bf16") {
      fitting.result.notes.push_back(source.shown + ": a profile's layout factors are those of " +
                                     "bf16 products: not fitted");
      continue;
    }
    const SampleSource* tn = nullptr;
    for (const SampleSource& other : sources) {
      if (other.file.operation == "gemm" && other.file.dtype == source.file.dtype) tn = &other;
    }
    if (!tn) {
      throw problem_at(source.csv.file(), 0, "has no products in TN to be held against",
                       "give their file as well");
    }
    fitting.layouts += located(source, [&] {
      const GemmFit fit = fit_products(source.file.dtype, tn->csv).fit;
      return fitting.take(
          fit_product_layout(operation, source.file.dtype, source.csv, fit, tn->csv, streaming));
    });
  }
}

bool is_link(const std::string& profile_path) {
  return read_file(profile_path).find("schema: plumbline.link/1") != std::string::npos;
}

std::vector<SampleSource> sources_of(const std::vector<SampleFile>& listed,
                                     const FitProfileOptions& options,
                                     const std::vector<std::string>& dtypes,
                                     const std::string& link) {
  const std::string folder = fs::path(options.profile_path).parent_path().string();
  std::vector<SampleSource> sources;
  for (const SampleFile& file : listed) {
    if (!file.inherited) sources.push_back(open_samples(file, folder));
  }
  for (const std::string& path : options.csv_paths) {
    SampleFile file = classify_samples(CsvTable::parse(read_file(path), path), dtypes);
    if (file.operation == "collective") file.link = link;
    add_or_replace(sources, open_samples(std::move(file), folder));
  }
  return sources;
}

FitProfileResult fit_link_profile(const FitProfileOptions& options) {
  const LinkSpec link = read_link(options.profile_path);
  const std::string hand = hand_written(options.profile_path);
  const std::vector<SampleSource> sources = sources_of(link.samples, options, {}, "");
  Fitting fitting;
  for (const SampleSource& source : sources) {
    const std::string& operation = source.file.operation;
    if (operation == "collective")
      continue;  // priced by the samples; a GPU's profile states errors
    if (operation != "host_copy" && operation != "peer_copy" && operation != "send_recv") {
      throw problem_at(source.csv.file(), 0, "is of a GPU, not of a link",
                       "fit the GPU's profile with it");
    }
    fitting.platform +=
        located(source, [&] { return fitting.take(fit_copy_section(source.csv, operation)); });
  }
  fitting.result.text = profile_text(hand, sources, fitting.platform);
  return fitting.result;
}

}  // namespace

FitProfileResult fit_profile(const FitProfileOptions& options) {
  if (is_link(options.profile_path)) return fit_link_profile(options);
  const DeviceSpec device = read_device(options.profile_path);
  const std::string hand = hand_written(options.profile_path);
  std::vector<std::string> dtypes;
  for (const auto& [dtype, unused] : device.peak_flops) dtypes.push_back(dtype);
  const std::vector<SampleSource> sources =
      sources_of(device.samples, options, dtypes, device.intra_link);
  Fitting fitting;
  for (const SampleSource& source : sources) {
    located(source, [&] { fit_device_source(device, source, fitting); });
  }
  fit_layouts(device, sources, fitting);
  const std::string collective = fitting.take(fit_collective_table(fitting.collectives));
  fitting.result.text = profile_text(hand, sources, fitting.fitted(collective));
  return fitting.result;
}

}  // namespace plumbline
