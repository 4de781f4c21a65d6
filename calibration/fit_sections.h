// Samples of one kind -> its part of a profile's `fitted:`, as YAML, and the errors it states.
#pragma once

#include <string>
#include <vector>

#include "calibration/fit_kernels.h"
#include "sim/cluster/device.h"
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

/// The products of a file. @throws InputError with the line for a row that is no measurement
std::vector<GemmSample> product_samples(const CsvTable& csv);

struct FittedProducts {
  FittedSection section;  ///< an entry below `gemm:`
  GemmFit fit;
};
/// @throws InputError as product_samples and fit_gemm
FittedProducts fit_products(const std::string& dtype, const CsvTable& csv);

/// The entry `nn:` or `nt:` below `layouts:`.
/// @param operation gemm_nn or gemm_nt
/// @param tn what fit_products made of `tn_csv`
/// @param streaming bandwidth of the accumulation
/// @throws InputError as product_samples and fit_layout; for rows of which only some accumulate
FittedSection fit_product_layout(const std::string& operation, const std::string& dtype,
                                 const CsvTable& csv, const GemmFit& tn, const CsvTable& tn_csv,
                                 BytesPerSecond streaming);

/// `streaming:`, `overhead:`, and `host_copy:`, `peer_copy:` or `send_recv:` of a link.
/// @throws InputError as fit_streaming, fit_overheads, fit_copies
FittedSection fit_streaming_section(const CsvTable& csv);
BytesPerSecond streaming_bandwidth(const CsvTable& csv);
FittedSection fit_overhead_section(const CsvTable& csv);
FittedSection fit_copy_section(const CsvTable& csv, const std::string& operation);

/// `attention_prefill:` or `attention_decode:`. @throws InputError as fit_prefill
FittedSection fit_attention(const std::string& operation, const CsvTable& csv,
                            const DeviceSpec& device);

/// The entries below `collective:`, one per operation and group size; each is also predicted from
/// the other group sizes where they reach it. @throws InputError as fit_collectives
FittedSection fit_collective_table(const CollectiveTable& table);

}  // namespace plumbline
