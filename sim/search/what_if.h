// Named what-ifs: "nvlink*2", "ib*0.5", "gpu=b200_sxm_180g", "fail 1 node", alone or combined with
// commas.
#pragma once

#include <optional>
#include <string>

#include "sim/kernels/kernel_times.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// A scenario under other circumstances.
struct WhatIf {
  std::string text;     ///< as asked: "nvlink*2, fail 1 node"
  Scenario scenario;    ///< its assumptions say what was changed
  HardwareScale scale;  ///< for RunOptions
  int nodes = 1;        ///< nodes there are; the plan may use fewer
};

/// Reads and applies `text`, a list of
///   gemm*K        matrix products and attention K times as fast
///   memory*K      memory bandwidth of element-wise kernels and the optimizer
///   intra_node*K  transfers inside a node, latency and bandwidth; or the link's name or kind
///                 (nvlink, nvlink4, pcie)
///   inter_node*K  between nodes, likewise (network, ib, ib_ndr400, roce, ethernet)
///   gpu=NAME      another GPU in the same nodes and on the same links and software
///   intra_node=NAME, inter_node=NAME   another link
///   nodes=N       a cluster of N nodes
///   fail N nodes  N nodes fewer
/// Where the number of nodes changes, tensor, pipeline and context parallelism stay and as many
/// replicas run as the nodes have room for; a batch that they do not divide is made smaller.
///
/// @param keep_plan  false: only `nodes` says that their number changed, the scenario has the old
/// one
/// @throws InputError, told at --what-if, with every term that is unknown or impossible and the
///         nearest that is not
WhatIf what_if(const Scenario& base, const std::string& text, const DataFolders& folders,
               bool keep_plan = true);

/// The same groups on so many nodes, as described above; nullopt where not one replica has room.
std::optional<Scenario> on_nodes(const Scenario& base, int nodes);

}  // namespace plumbline
