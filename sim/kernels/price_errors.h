// How wrong prices may be, by class of kernel, before anything is compared with a run.
#pragma once

#include <string_view>

#include "sim/cluster/device.h"

namespace plumbline {

/// Standard deviations of ln(true time / price).
struct ClassError {
  double common = 0;  ///< of all kernels of the class together
  double kernel = 0;  ///< of each kernel by itself; averages out over different ones
};

/// Matrix products and attention also share the clock that the power limit leaves.
struct PriceErrors {
  double clock = 0;
  ClassError products, attention;
  double memory = 0;  ///< streaming kernels: element-wise, norms, optimizer
  double intra_node = 0, inter_node = 0;
  double host = 0;
};

/// From the profile's held-out errors and the ranges its sources leave open; what a profile does
/// not say comes from the evidence named in the source file.
/// @param dtype of the linear layers' products
PriceErrors price_errors(const Cluster& cluster, std::string_view dtype);

}  // namespace plumbline
