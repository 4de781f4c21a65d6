#include "calibration/profile_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "sim/kernels/collective_times.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/sha256.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

std::set<std::string_view> words_in(const CsvTable& csv, std::string_view name) {
  std::set<std::string_view> words;
  const std::size_t column = csv.column(name);
  for (std::size_t row = 0; row < csv.rows(); ++row) words.insert(csv.text(row, column));
  return words;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What was held out of the design, or measured in another regime, must not come into a fit by a
// slip of the hand.
void refuse_held_out(const CsvTable& csv, const std::string& name) {
  const char* hint = "`plumbline calibrate check` sets it beside a profile";
  for (const char* word : {"held_out", "_head", "sustained", "memory_hot"}) {
    if (contains(name, word)) {
      throw problem_at(csv.file(), 0,
                       "is called '" + std::string(word) + "': it is not for fitting", hint);
    }
  }
  if (!csv.has("role")) return;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const std::string_view role = csv.text(row, csv.column("role"));
    if (role != "fit") csv.fail(row, "has the role '" + std::string(role) + "', not fit", hint);
  }
}

// "gemm", "gemm_nn" or "gemm_nt": one layout a file, by its column or else its name.
std::string product_kind(const CsvTable& csv, const std::string& name) {
  std::string layout = name.ends_with("_nn") ? "nn" : name.ends_with("_nt") ? "nt" : "tn";
  if (csv.has("layout")) {
    const auto layouts = words_in(csv, "layout");
    if (layouts.size() > 1) {
      throw problem_at(csv.file(), 1, "holds products of several layouts",
                       "a file for each: only tn is what a form is fitted to");
    }
    if (!layouts.empty()) layout = *layouts.begin();
    if (layout != "tn" && layout != "nn" && layout != "nt") {
      throw problem_at(csv.file(), 1, "has a layout called '" + layout + "'", "tn, nn or nt");
    }
  }
  return layout == "tn" ? "gemm" : "gemm_" + layout;
}

std::string dtype_in_name(const CsvTable& csv, const std::string& name,
                          const std::vector<std::string>& dtypes) {
  std::string found = "bf16";
  for (const std::string& dtype : dtypes) {
    const bool longer = found != "bf16" && found.size() > dtype.size();
    if (!longer && contains(name, dtype)) found = dtype;
  }
  if (contains(name, "fp8_split") && found != "fp8_split") {
    throw problem_at(csv.file(), 0, "holds fp8 products with a split accumulator",
                     "state peak_flops: {fp8_split: ...} in the profile; they are slower than fp8");
  }
  return found;
}

void check_collectives(const CsvTable& csv) {
  const auto names = words_in(csv, "op_name");
  for (const std::string_view name : names) {
    if (!collective_called(name)) {
      throw problem_at(csv.file(), 1, "has a collective called '" + std::string(name) + "'",
                       "all_reduce, all_gather, reduce_scatter, alltoall, custom_all_reduce");
    }
  }
  if (names.size() > 1 && names.count("custom_all_reduce")) {
    throw problem_at(csv.file(), 1, "holds NCCL's collectives and an engine's own all-reduce",
                     "a file for each: they are different kernels");
  }
}

bool has_only(const CsvTable& csv, std::string_view column, std::set<std::string_view> known) {
  if (!csv.has(column)) return false;
  for (const std::string_view word : words_in(csv, column)) {
    if (!known.count(word)) return false;
  }
  return csv.rows() > 0;
}

/// An engine's all-reduce and NCCL's collectives are different kernels of one fabric.
bool same_kernels(const SampleSource& given, const SampleSource& listed) {
  if (given.shown == listed.shown) return true;
  const SampleFile &a = given.file, &b = listed.file;
  if (a.operation != b.operation || a.dtype != b.dtype || a.link != b.link) return false;
  if (a.operation != "collective") return true;
  const auto ours = words_in(given.csv, "op_name"), theirs = words_in(listed.csv, "op_name");
  return std::any_of(ours.begin(), ours.end(), [&](auto name) { return theirs.count(name) > 0; });
}

/// `model: {...}` of layers that belong to one model, as the reader of profiles takes it.
std::string model_block(const ModelShape& m) {
  static constexpr std::pair<const char*, double ModelShape::*> kSizes[] = {
      {"hidden", &ModelShape::hidden},     {"heads", &ModelShape::heads},
      {"kv_heads", &ModelShape::kv_heads}, {"head_dim", &ModelShape::head_dim},
      {"ffn", &ModelShape::ffn},           {"vocab", &ModelShape::vocab},
      {"experts", &ModelShape::experts},   {"expert_ffn", &ModelShape::expert_ffn},
      {"top_k", &ModelShape::top_k}};
  if (m.name.empty()) return "";
  std::string text = ",\n     model: {name: " + m.name;
  if (m.tensor > 1) text += fmt::format(", tensor: {}", m.tensor);
  for (const auto& [key, size] : kSizes) {
    if (m.*size > 0) text += fmt::format(", {}: {:.0f}", key, m.*size);
  }
  return text + "}";
}

std::string sample_block(const std::vector<SampleSource>& sources) {
  if (sources.empty()) return "";
  std::string text = "samples:\n";
  for (const SampleSource& source : sources) {
    text += "  - {operation: " + source.file.operation;
    if (!source.file.dtype.empty()) text += ", dtype: " + source.file.dtype;
    if (!source.file.link.empty()) text += ", link: " + source.file.link;
    text += fmt::format(", file: {}{},\n     sha256: {}}}\n", source.shown,
                        model_block(source.file.model), source.file.sha256);
  }
  return text;
}

}  // namespace

SampleFile classify_samples(const CsvTable& csv, const std::vector<std::string>& dtypes) {
  const std::string name = fs::path(csv.file()).stem().string();
  refuse_held_out(csv, name);
  const bool timed = csv.has("latency_us");
  SampleFile file;
  file.path = csv.file();
  if (csv.has("m") && csv.has("n") && csv.has("k") && timed) {
    file.operation = product_kind(csv, name);
    file.dtype = dtype_in_name(csv, name, dtypes);
  } else if (csv.has("isl")) {
    file.operation = "attention_prefill";
    file.dtype = "bf16";
  } else if (csv.has("kv_len") && csv.has("num_heads")) {
    file.operation = "attention_decode";
    file.dtype = "bf16";
  } else if (csv.has("fwd_tflops") && csv.has("seqlen")) {
    file.operation = "attention_training";
    file.dtype = "bf16";
  } else if (csv.has("op_name") && csv.has("num_gpus")) {
    file.operation = "collective";
    check_collectives(csv);
  } else if (has_only(csv, "direction", {"h2d", "d2h", "bidirectional"}) && timed) {
    file.operation = "host_copy";
  } else if (has_only(csv, "direction", {"one_way", "bidirectional"}) && timed) {
    file.operation = "peer_copy";
  } else if (csv.has("num_workers") && csv.has("devices_per_node") && csv.has("median_us") &&
             !contains(name, "all_reduce")) {
    file.operation = "send_recv";
  } else if (csv.has("kernel") && csv.has("bytes") && timed) {
    file.operation = "elementwise";
  } else if (has_only(csv, "kind", {"launch", "graph_node", "event_handover"}) && timed) {
    file.operation = "overhead";
  } else {
    throw problem_at(csv.file(), 1, "is no sample a profile can be fitted to",
                     "see the table of kinds in calibration/README.md");
  }
  return file;
}

SampleSource open_samples(SampleFile file, const std::string& folder) {
  std::string text = read_file(file.path);
  file.sha256 = sha256_hex(text);
  std::string shown = fs::path(file.path)
                          .lexically_normal()
                          .lexically_relative(fs::path(folder).lexically_normal())
                          .generic_string();
  if (shown.empty() || shown.rfind("..", 0) == 0) {
    throw problem_at(file.path, 0, "does not lie below " + folder,
                     "copy it into samples/ beside the profile");
  }
  CsvTable csv = CsvTable::parse(std::move(text), file.path);
  return {std::move(file), std::move(shown), std::move(csv)};
}

void add_or_replace(std::vector<SampleSource>& sources, SampleSource source) {
  const auto same = std::find_if(sources.begin(), sources.end(),
                                 [&](const SampleSource& s) { return same_kernels(source, s); });
  if (same == sources.end()) {
    sources.push_back(std::move(source));
  } else {
    *same = std::move(source);
  }
}

std::string hand_written(const std::string& profile_path) {
  std::string hand = read_file(profile_path);
  const std::size_t marker = hand.find(kFittedMarker);
  if (marker != std::string::npos) {
    hand.erase(marker);
  } else if (hand.find("\nsamples:") != std::string::npos ||
             hand.find("\nfitted:") != std::string::npos) {
    throw problem_at(profile_path, 0, "has samples or fitted, but no line says whose",
                     "put this line above them: " + std::string(kFittedMarker));
  }
  if (!hand.empty() && hand.back() != '\n') hand += '\n';
  return hand;
}

std::string profile_text(const std::string& hand, const std::vector<SampleSource>& sources,
                         const std::string& fitted) {
  std::string text = hand;
  if (!sources.empty()) text += std::string(kFittedMarker) + "\n" + sample_block(sources);
  if (!fitted.empty()) text += "fitted:\n" + fitted;
  return text;
}

}  // namespace plumbline
