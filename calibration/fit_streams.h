// What `plumbline-measure` writes beside products -> constants: streaming kernels, launches, copies
// over a link.
#pragma once

#include <string>
#include <vector>

#include "calibration/fit_kernels.h"
#include "sim/kernels/csv_table.h"

namespace plumbline {

/// t = latency + bytes / bandwidth over memory-bound kernels of one process.
struct StreamFit {
  LinkFit line;
  double smallest = 0, largest = 0;  ///< bytes
  ErrorSummary cross_validated;      ///< streaming: kernels left out; links: sizes left out
};

/// `*_elementwise.csv`: all kernels together, because a run has one streaming bandwidth.
/// @throws InputError with the line for a row that is no measurement; for fewer than three samples
StreamFit fit_streaming(const CsvTable& csv);

/// One line of `*_overhead.csv`: a time that has no size.
struct OverheadFit {
  std::string kind;  ///< launch, graph_node, event_handover
  Seconds time;
  /// Of a median of `windows` from their 10th and 90th percentile, taken as normal:
  /// 1.2533 * (p90 - p10) / 2.5631 / sqrt(windows); infinite where the file does not say.
  double relative_standard_error = 0;
};
/// @throws InputError with the line for a row that is no measurement or a kind that stands twice
std::vector<OverheadFit> fit_overheads(const CsvTable& csv);

/// A link by what crossed it: `*_host.csv`, `*_peer.csv` or `*_send_recv.csv`.
struct CopyFit {
  std::string direction;  ///< of `one_way`: h2d, d2h, one_way or send_recv
  StreamFit one_way;      ///< of host copies the slower direction
  /// Bandwidth of one way over that of each while both are busy, 1 to 2; 0: not measured.
  double slowdown = 0;
  double slowdown_standard_error = 0;  ///< relative
};
/// @param operation host_copy, peer_copy or send_recv
/// @throws InputError as above; for both ways at once that are faster than one, or that take more
///         than twice as long; for send_recv inside and between nodes in one file
CopyFit fit_copies(const CsvTable& csv, const std::string& operation);

}  // namespace plumbline
