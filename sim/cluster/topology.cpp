#include "sim/cluster/topology.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/dijkstra_shortest_paths.hpp>
#include <cassert>

namespace plumbline {
namespace {

struct EdgeData {
  int link = 0;
  double weight = 0;  // latency, seconds
};

using BoostGraph =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property, EdgeData>;

}  // namespace

struct Topology::Graph {
  BoostGraph graph;
};

Topology::~Topology() = default;
Topology::Topology(Topology&&) noexcept = default;
Topology& Topology::operator=(Topology&&) noexcept = default;

int Topology::add_vertex(VertexKind kind, int index) {
  vertices_.push_back({kind, index});
  boost::add_vertex(graph_->graph);
  return static_cast<int>(vertices_.size()) - 1;
}

void Topology::connect(int a, int b, BytesPerSecond bandwidth, Seconds latency, bool network) {
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    const EdgeData data{static_cast<int>(links_.size()), latency.base()};
    boost::add_edge(static_cast<std::size_t>(from), static_cast<std::size_t>(to), data,
                    graph_->graph);
    links_.push_back({from, to, bandwidth, latency, network});
  }
}

Topology::Topology(const Cluster& cluster)
    : gpus_per_node_(std::max(1, cluster.gpus_per_node)),
      domain_size_(std::max(1, cluster.gpus_per_nvlink_domain)),
      graph_(std::make_unique<Graph>()) {
  const int gpus = cluster.gpus();
  for (int gpu = 0; gpu < gpus; ++gpu) add_vertex(VertexKind::kGpu, gpu);

  // Half of the send/recv latency on each of the two hops through the switch.
  const LinkSpec& fabric = cluster.intra_node;
  for (int domain = 0; domain * domain_size_ < gpus; ++domain) {
    const int hub = add_vertex(VertexKind::kSwitch, domain);
    const int end = std::min(gpus, (domain + 1) * domain_size_);
    for (int gpu = domain * domain_size_; gpu < end; ++gpu) {
      connect(gpu, hub, fabric.p2p_bandwidth.value, 0.5 * fabric.p2p_latency.value, false);
    }
  }
  if (cluster.nodes <= 1 && domain_size_ >= gpus) return;

  const LinkSpec& nic = cluster.inter_node;
  const int network = add_vertex(VertexKind::kNetwork, 0);
  const int nics = std::max(1, cluster.nics_per_node);
  for (int node = 0; node * gpus_per_node_ < gpus; ++node) {
    const int first = static_cast<int>(vertices_.size());
    for (int slot = 0; slot < nics; ++slot) {
      const int vertex = add_vertex(VertexKind::kNic, node * nics + slot);
      connect(vertex, network, nic.p2p_bandwidth.value, 0.5 * nic.p2p_latency.value, true);
    }
    for (int local = 0; local < gpus_per_node_; ++local) {
      const int slot = static_cast<int>(static_cast<long long>(local) * nics / gpus_per_node_);
      // PCIe between GPU and NIC is as fast as the NIC's line: it never decides.
      connect(node * gpus_per_node_ + local, first + slot, nic.peak, Seconds(), false);
    }
  }
}

std::vector<int> Topology::route(int from_gpu, int to_gpu) const {
  assert(from_gpu >= 0 && from_gpu < static_cast<int>(vertices_.size()));
  assert(to_gpu >= 0 && to_gpu < static_cast<int>(vertices_.size()));
  if (from_gpu == to_gpu) return {};
  const BoostGraph& graph = graph_->graph;
  const std::size_t count = boost::num_vertices(graph);
  std::vector<double> distance(count);
  std::vector<std::size_t> before(count);
  boost::dijkstra_shortest_paths(graph, static_cast<std::size_t>(from_gpu),
                                 boost::weight_map(boost::get(&EdgeData::weight, graph))
                                     .distance_map(boost::make_iterator_property_map(
                                         distance.begin(), boost::get(boost::vertex_index, graph)))
                                     .predecessor_map(boost::make_iterator_property_map(
                                         before.begin(), boost::get(boost::vertex_index, graph))));
  std::vector<int> route;
  for (auto at = static_cast<std::size_t>(to_gpu); at != static_cast<std::size_t>(from_gpu);) {
    if (before[at] == at) return {};  // no way there
    const auto [edge, found] = boost::edge(before[at], at, graph);
    assert(found);
    (void)found;
    route.push_back(graph[edge].link);
    at = before[at];
  }
  std::reverse(route.begin(), route.end());
  return route;
}

}  // namespace plumbline
