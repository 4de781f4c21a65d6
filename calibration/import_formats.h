// The readers behind import_samples, one per tool, and what they share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "calibration/import.h"
#include "sim/kernels/csv_table.h"

namespace plumbline::importing {

[[noreturn]] void refuse(const ImportOptions& options, const std::string& problem,
                         const std::string& hint);

/// Rows under one key, repeated measurements of which count as their median.
class Rows {
 public:
  explicit Rows(std::string header) : header_(std::move(header)) {}
  /// @param key the cells before the time, comma separated
  void add(const std::string& key, double microseconds);
  bool empty() const { return times_.empty(); }
  int repeated() const { return repeated_; }
  ImportedTable table(std::string name) const;

 private:
  std::string header_;
  std::vector<std::string> order_;
  std::map<std::string, std::vector<double>> times_;
  int repeated_ = 0;
};

/// A whole number without a fraction, others with six digits.
std::string cell(double value);

/// Microseconds per unit of the file: `otherwise` unless the options name one.
double microseconds_per(const ImportOptions& options, const char* otherwise);

/// Refuses times under which the fastest product of a file runs slower than any GPU or faster than
/// every one: they are in another unit.
/// @param best_flops_per_s over the whole file
void check_rate(const ImportOptions& options, double best_flops_per_s);

/// "bf16" for bfloat16, BF16, torch.bfloat16, "c10::BFloat16", ...; empty for what is none
std::string dtype_of(std::string_view word);
double bytes_of(std::string_view dtype);

ImportResult read_nccl_text(const ImportOptions& options, const std::string& text);
ImportResult read_nccl_json(const ImportOptions& options, const std::string& text);
ImportResult read_cutlass(const ImportOptions& options, const CsvTable& csv);
ImportResult read_aiconfigurator(const ImportOptions& options, const CsvTable& csv);
ImportResult read_vidur(const ImportOptions& options, const CsvTable& csv);
ImportResult read_plain(const ImportOptions& options, const CsvTable& csv);
ImportResult read_kineto(const ImportOptions& options, const std::string& text);

}  // namespace plumbline::importing
