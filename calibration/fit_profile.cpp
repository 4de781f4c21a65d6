#include "calibration/fit_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include "calibration/fit_sections.h"
#include "sim/cluster/read_profile.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/sha256.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

/// A sample file with its content.
struct Source {
  SampleFile file;
  std::string shown;  ///< path as the profile writes it
  CsvTable csv;
};

std::set<std::string_view> operations_in(const CsvTable& csv) {
  std::set<std::string_view> names;
  const std::size_t column = csv.column("op_name");
  for (std::size_t row = 0; row < csv.rows(); ++row) names.insert(csv.text(row, column));
  return names;
}

SampleFile classify(const std::string& path, const CsvTable& csv, const DeviceSpec& device) {
  const std::string name = fs::path(path).stem().string();
  SampleFile file;
  file.path = path;
  file.dtype = "bf16";
  if (csv.has("m") && csv.has("n") && csv.has("k") && csv.has("latency_us")) {
    file.operation = "gemm";
    for (const auto& [dtype, unused] : device.peak_flops) {
      const bool longer = file.dtype != "bf16" && file.dtype.size() > dtype.size();
      if (!longer && name.find(dtype) != std::string::npos) file.dtype = dtype;
    }
  } else if (csv.has("isl")) {
    file.operation = "attention_prefill";
  } else if (csv.has("kv_len") && csv.has("num_heads")) {
    file.operation = "attention_decode";
  } else if (csv.has("fwd_tflops") && csv.has("seqlen")) {
    file.operation = "attention_training";
  } else if (csv.has("op_name") && csv.has("num_gpus")) {
    file.operation = "collective";
    file.dtype.clear();
    file.link = device.intra_link;
    const auto names = operations_in(csv);
    for (const std::string_view name : names) {
      if (!collective_called(name)) {
        throw problem_at(path, 1, "has a collective called '" + std::string(name) + "'",
                         "all_reduce, all_gather, reduce_scatter, alltoall, custom_all_reduce");
      }
    }
    if (names.size() > 1 && names.count("custom_all_reduce")) {
      throw problem_at(path, 1, "holds NCCL's collectives and an engine's own all-reduce",
                       "a file for each: they replace one another's samples otherwise");
    }
  } else {
    throw problem_at(path, 1, "is no sample a profile can be fitted to",
                     "products, attention and collectives are; see calibration/README.md");
  }
  return file;
}

Source open_source(SampleFile file, const fs::path& folder) {
  std::string text = read_file(file.path);
  file.sha256 = sha256_hex(text);
  std::string shown = fs::path(file.path).lexically_relative(folder).generic_string();
  if (shown.empty() || shown.rfind("..", 0) == 0) {
    throw problem_at(file.path, 0, "does not lie below " + folder.string(),
                     "copy it into samples/ beside the profile");
  }
  CsvTable csv = CsvTable::parse(std::move(text), file.path);
  return {std::move(file), std::move(shown), std::move(csv)};
}

/// Whether a given file takes a listed one's place: the same file, or the same kernels again. An
/// engine's all-reduce and NCCL's collectives are different kernels of one fabric.
bool replaces(const Source& given, const Source& listed) {
  if (given.shown == listed.shown) return true;
  const SampleFile &a = given.file, &b = listed.file;
  if (a.operation != b.operation || a.dtype != b.dtype || a.link != b.link) return false;
  if (a.operation != "collective") return true;
  const auto ours = operations_in(given.csv), theirs = operations_in(listed.csv);
  return std::any_of(ours.begin(), ours.end(), [&](auto name) { return theirs.count(name) > 0; });
}

/// `model: {...}` of layers that belong to one model, as the reader of profiles takes it.
std::string model_block(const ModelShape& m) {
  if (m.name.empty()) return "";
  std::string text = ",\n     model: {name: " + m.name;
  const auto add = [&](const char* key, double value) {
    if (value > 0) text += fmt::format(", {}: {:.0f}", key, value);
  };
  if (m.tensor > 1) add("tensor", m.tensor);
  add("hidden", m.hidden);
  add("heads", m.heads);
  add("kv_heads", m.kv_heads);
  add("head_dim", m.head_dim);
  add("ffn", m.ffn);
  add("vocab", m.vocab);
  add("experts", m.experts);
  add("expert_ffn", m.expert_ffn);
  add("top_k", m.top_k);
  return text + "}";
}

std::string sample_block(const std::vector<Source>& sources) {
  if (sources.empty()) return "";
  std::string text = "samples:\n";
  for (const Source& source : sources) {
    text += "  - {operation: " + source.file.operation;
    if (!source.file.dtype.empty()) text += ", dtype: " + source.file.dtype;
    if (!source.file.link.empty()) text += ", link: " + source.file.link;
    text += fmt::format(", file: {}{},\n     sha256: {}}}\n", source.shown,
                        model_block(source.file.model), source.file.sha256);
  }
  return text;
}

}  // namespace

FitProfileResult fit_profile(const FitProfileOptions& options) {
  const DeviceSpec device = read_device(options.profile_path);
  const fs::path folder = fs::path(options.profile_path).parent_path();
  std::string hand = read_file(options.profile_path);
  const std::size_t marker = hand.find(kFittedMarker);
  if (marker != std::string::npos) {
    hand.erase(marker);
  } else if (hand.find("\nsamples:") != std::string::npos ||
             hand.find("\nfitted:") != std::string::npos) {
    throw problem_at(options.profile_path, 0, "has samples or fitted, but no line says whose",
                     "put this line above them: " + std::string(kFittedMarker));
  }
  if (!hand.empty() && hand.back() != '\n') hand += '\n';

  std::vector<Source> sources;
  for (const SampleFile& file : device.samples) {
    if (!file.inherited) sources.push_back(open_source(file, folder));
  }
  for (const std::string& path : options.csv_paths) {
    const CsvTable csv = CsvTable::parse(read_file(path), path);
    Source source = open_source(classify(path, csv, device), folder);
    const auto same = std::find_if(sources.begin(), sources.end(),
                                   [&](const Source& s) { return replaces(source, s); });
    if (same == sources.end()) {
      sources.push_back(std::move(source));
    } else {
      *same = std::move(source);
    }
  }

  FitProfileResult result;
  const auto take = [&](FittedSection section) {
    result.rows.insert(result.rows.end(), section.rows.begin(), section.rows.end());
    return std::move(section.yaml);
  };
  std::string gemm, attention;
  CollectiveTable collectives;
  for (const Source& source : sources) {
    const std::string& operation = source.file.operation;
    if (operation == "gemm") gemm += take(fit_products(source.file.dtype, source.csv));
    if (operation == "attention_prefill" || operation == "attention_decode") {
      attention += take(fit_attention(operation, source.csv, device.multiprocessors));
    }
    if (operation == "collective" && source.file.link == device.intra_link) {
      CollectiveTable read = read_collectives(source.csv);
      // As prices do: a later file only adds group sizes.
      for (std::size_t i = 0; i < collectives.size(); ++i) collectives[i].merge(read[i]);
    }
  }
  const std::string collective = take(fit_collective_table(collectives));
  result.text = hand;
  if (!sources.empty()) result.text += std::string(kFittedMarker) + "\n" + sample_block(sources);
  if (!gemm.empty()) gemm = "  gemm:\n" + gemm;
  const std::string fitted =
      gemm + attention + (collective.empty() ? "" : "  collective:\n" + collective);
  if (!fitted.empty()) result.text += "fitted:\n" + fitted;
  return result;
}

}  // namespace plumbline
