// Other tools' measurements -> this project's sample CSVs, with what was converted said aloud.
//
//   nccl-tests      its output, text or JSON (-J)            -> collectives
//   cutlass         cutlass_profiler --output=...csv         -> products, the fastest kernel a
//   shape aiconfigurator  gemm, context_attention, generation_attention and nccl *_perf tables
//   vidur           mlp.csv, all_reduce.csv, send_recv.csv of its profiler
//   kineto          a PyTorch profiler trace with shapes     -> products and collectives of a layer
//   table           m,n,k (in any order), latency_us and perhaps mfu
//
// Units are where such files differ: milliseconds, elements instead of bytes, algorithm instead of
// bus bandwidth. What a file says of itself twice is checked against itself; what is physically
// impossible is refused with the option that would make it right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace plumbline {

struct ImportOptions {
  std::string path = {};
  std::string format = {};     ///< empty: told by the content
  std::string operation = {};  ///< all_reduce, all_gather, ...: where the file does not say
  std::string dtype = {};      ///< of a table whose rows do not say: "bf16", "fp8", ...
  std::string time_unit = {};  ///< "us", "ms" or "s" where the file's own convention does not hold
  std::string header = {};     ///< the columns of a table that has no header line
  double peak_flops =
      0;  ///< dense, of bf16; tells the dtype of a table with an mfu column; 0: unknown
};

struct ImportedTable {
  std::string name;  ///< what the CSV holds: "gemm_bf16", "nccl", "attention_decode", ...
  std::string csv;   ///< header and rows
  int rows = 0;
};

struct ImportResult {
  std::string format;
  std::vector<ImportedTable> tables;
  std::vector<std::string> notes;  ///< conversions, and what was left out and why
  std::string software, hardware;  ///< as the file says; empty where it does not
  std::string sha256;              ///< of the file that was read
};

/// The formats, as `--format` takes them.
inline constexpr std::string_view kImportFormats[] = {"nccl-tests", "cutlass", "aiconfigurator",
                                                      "vidur",      "kineto",  "table"};

/// @throws InputError for a file of no known format, or whose numbers contradict each other
ImportResult import_samples(const ImportOptions& options);

/// The YAML that stands beside the CSVs: source, checksum, conversions, rows.
/// @param files [tables] the name each table was written under
std::string import_provenance(const ImportResult& result, const std::string& path,
                              const std::vector<std::string>& files);

}  // namespace plumbline
