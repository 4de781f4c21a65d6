// The files of a session: one of raw measurements, and what is made of it.
//
//   FOLDER/raw.csv            a row per measurement, appended and flushed as it comes:
//                             site,attempt,stopped,flags,median_us,p10_us,p90_us,windows,first_us,
//                             sm_mhz,power_w,raw_us (raw_us: the windows, joined by ';')
//   FOLDER/NAME_gemm_bf16.csv, NAME_elementwise.csv, ...
//                             projections in the layouts that `plumbline calibrate` reads
//   FOLDER/provenance.yaml    the device, libraries, command, seed, and SHA-256 of every CSV
//
// The raw file alone says everything: a session is resumed from it, replayed from it as a device,
// and projected anew. A row cut off by a crash is dropped, with a note.
#pragma once

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "calibration/measure/session.h"

namespace plumbline::measure {

/// A session's folder.
struct RecordContents {
  std::vector<Measurement> measurements;  ///< in the order of the file
  std::vector<std::string> notes;
};

/// One line of raw.csv, with its newline.
std::string raw_row(const Measurement& measurement);
std::string raw_header();

/// @throws InputError for a header of another kind or a whole row that does not read
RecordContents parse_raw(const std::string& text, const std::string& path);

/// Opens raw.csv for appending: what is whole stays, a cut-off row is removed.
class RawFile {
 public:
  /// @throws InputError when the folder cannot be written
  explicit RawFile(const std::string& folder);
  const RecordContents& contents() const { return contents_; }
  void append(const Measurement& measurement);

 private:
  std::string path_;
  RecordContents contents_;
  std::ofstream out_;
};

/// File name -> text, per operation, dtype, layout and role; a repeated site's last attempt counts,
/// samples faster than the card can be are left out.
///   NAME_gemm_DTYPE.csv            TN: what `calibrate fit` takes
///   NAME_gemm_DTYPE_{nn,nt}.csv    the other layouts (column `accumulate`)
///   NAME_gemm_DTYPE_{held_out,head}.csv   for `calibrate check`
///   NAME_elementwise.csv, NAME_memory.csv (cold), NAME_memory_hot.csv, NAME_nccl.csv,
///   NAME_send_recv.csv, NAME_host.csv, NAME_overhead.csv, NAME_sustained.csv
std::map<std::string, std::string> projections(const std::string& name,
                                               const std::vector<Measurement>& measurements);

struct Provenance {
  DeviceFacts facts;
  std::string command;
  std::string program;  ///< "plumbline-measure 0.1.0"
  std::string when;     ///< ISO date, or empty
  std::uint64_t seed = 1;
  std::string end;                    ///< complete, stopped, budget
  std::vector<std::string> left_out;  ///< "SITE: why"
};

std::string provenance_yaml(const Provenance& provenance,
                            const std::map<std::string, std::string>& files);

/// Writes projections and provenance, each as a whole.
void write_projections(const std::string& folder, const std::string& name,
                       const std::vector<Measurement>& measurements, const Provenance& provenance);

/// The `uuid:` line of a provenance, or "".
std::string uuid_in(const std::string& provenance_text);

}  // namespace plumbline::measure
