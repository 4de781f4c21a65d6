// PyTorch's pipeline schedule CSV, in and out.
//
// No header; row i is rank i; a cell is empty (idle) or an operation "{stage}{TYPE}{microbatch}",
// TYPE one of F I B W, or an overlapped pair "(3F1;0B0)OVERLAP_F_B".  A compute_comms file has
// UNSHARD, RESHARD, REDUCE_GRAD, SEND_F, RECV_F, SEND_B and RECV_B besides, which follow from the
// compute order and are left out on reading.  Rows are ragged, line ends CRLF or LF.
// Source: PyTorch, torch/distributed/pipelining/schedules.py (_load_csv, _dump_csv,
// _Action.from_str).
#pragma once

#include <string>
#include <string_view>

#include "schedules/schedule.h"

namespace plumbline {

struct PyTorchCsv {
  /// Named "csv"; P, V, M, placement and replicas are inferred from the rows.
  Schedule schedule;
  /// B means input gradient and BW full backward, as PyTorch wrote them at first.  Told by a BW, or
  /// by a B and a W of the same stage and micro-batch; the schedule has today's letters.
  bool old_notation = false;
  /// Communication operations were there (compute_comms) and were left out.
  bool had_communication = false;
};

/// Reads a schedule.  `file` only names it in diagnostics.
/// @throws InputError with the row, cell and operation of everything that is no operation, stands
///         twice or sits on a second rank, and with the broken promises of the whole (an operation
///         that is missing, a deadlock)
PyTorchCsv parse_pytorch_csv(std::string_view text, const std::string& file);

/// @throws InputError also when the file cannot be read
PyTorchCsv load_pytorch_csv(const std::string& path);

/// The compute_only form without idle cells, a row per rank, LF line ends.
std::string to_pytorch_csv(const Schedule& schedule);

}  // namespace plumbline
