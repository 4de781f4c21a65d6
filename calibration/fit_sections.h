// Samples of one kind -> its part of a profile's `fitted:`, as YAML, and the errors it states.
#pragma once

#include <string>
#include <vector>

#include "sim/kernels/collective_times.h"
#include "sim/kernels/csv_table.h"

namespace plumbline {

struct FittedRow {
  std::string form;  ///< "gemm bf16", "attention_prefill", "all_reduce_8"
  int samples = 0;
  double median = 0, p90 = 0;  ///< |error| of the form on its samples
  /// The same with neighbours, on sites left out.
  double cross_validated_median = 0, cross_validated_p90 = 0;
};

struct FittedSection {
  std::string yaml;
  std::vector<FittedRow> rows;
};

/// An entry below `gemm:`. @throws InputError as fit_gemm
FittedSection fit_products(const std::string& dtype, const CsvTable& csv);

/// `attention_prefill:` or `attention_decode:`. @throws InputError as fit_prefill
FittedSection fit_attention(const std::string& operation, const CsvTable& csv, int multiprocessors);

/// The entries below `collective:`, one per operation and group size; each is also predicted from
/// the other group sizes where they reach it. @throws InputError as fit_collectives
FittedSection fit_collective_table(const CollectiveTable& table);

}  // namespace plumbline
