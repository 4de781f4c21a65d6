// A profile on disk as a fit sees it: what a person wrote, down to kFittedMarker, and the sample
// files it names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/csv_table.h"

namespace plumbline {

inline constexpr std::string_view kFittedMarker =
    "# Below: written by `plumbline calibrate fit`, from the samples it names.";

/// A sample file with its content.
struct SampleSource {
  SampleFile file;
  std::string shown;  ///< path as the profile writes it
  CsvTable csv;
};

/// What a file is to a fit, by its header and its name (of a GPU's profile: gemm, gemm_nn, gemm_nt,
/// attention_*, collective, elementwise, overhead; of a link's: collective, host_copy, peer_copy,
/// send_recv). `link` stays empty.
/// @param dtypes that the name may contain; bf16 otherwise
/// @throws InputError for a file nothing is fitted to, and for one that was measured to be
/// predicted:
///         held_out, head and sustained in its name, or a row whose `role` is not fit
SampleFile classify_samples(const CsvTable& csv, const std::vector<std::string>& dtypes);

/// Reads a listed or given file, with its checksum as it is now.
/// @throws InputError when it does not lie below `folder`
SampleSource open_samples(SampleFile file, const std::string& folder);

/// Adds a file, or puts it where the listed one of the same kernels stands: the same operation,
/// dtype and fabric, of collectives with an operation in common.
void add_or_replace(std::vector<SampleSource>& sources, SampleSource source);

/// The text above the marker. @throws InputError for samples that no marker stands above
std::string hand_written(const std::string& profile_path);

/// The whole profile again: hand-written part, marker, `samples:` and what `fitted:` holds.
std::string profile_text(const std::string& hand, const std::vector<SampleSource>& sources,
                         const std::string& fitted);

}  // namespace plumbline
