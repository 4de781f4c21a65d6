// The design of experiments: which sites a session measures, in which order of importance.
//
// A layer of a transformer runs the same products in three layouts (forward TN, input gradient NN,
// weight gradient NT into fp32), streaming kernels, copies and launches. The design covers their
// space with a grid to fit on, sites of real models that are held out of every fit, and the
// vocabulary head, to which a fit must not extrapolate. Attention is measured by the scripts in
// calibration/pytorch: users run a library's attention, and a kernel of ours would not be it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibration/measure/device.h"
#include "calibration/measure/site.h"

namespace plumbline::measure {

enum class Extent {
  kQuick,  ///< about 30 s: the essential sites of everything
  kFull,   ///< under 3 minutes on an H100
};

struct DesignOptions {
  Extent extent = Extent::kFull;
  std::vector<std::string> only = {};  ///< operations or dtypes; empty: all
  /// Seconds of each sustained site; not given: 6 (quick: none).
  std::optional<double> sustained_s = {};
};

/// Sites in the order of their importance; those larger than the device's memory are left out, and
/// peers and collectives where it has one GPU.
std::vector<Site> design(const DeviceFacts& facts, const DesignOptions& options);

/// The streaming kernels that are measured, and the bytes they move per element of [rows, columns].
struct StreamingKernel {
  std::string_view name;
  double bytes_per_element;
  std::string_view what;  ///< "read x, residual; write sum", for the README
};
std::span<const StreamingKernel> streaming_kernels();

/// What the device needs to hold to run the site with rotated buffers.
double footprint_bytes(const Site& site, const DeviceFacts& facts);

/// A sustained site's seconds are carried in `bytes`, as milliseconds: it moves no payload.
double sustained_seconds(const Site& site);

/// What one site is likely to take, warm-up and set-up included: for budgets and the time left.
double expected_seconds(const Site& site, const DeviceFacts& facts);

}  // namespace plumbline::measure
