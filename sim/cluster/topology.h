// A cluster as a graph: which links a message crosses between two GPUs.
//
//   GPU --fabric-- NVSwitch of its domain          (or the node's PCIe root, or its NVLink mesh)
//   GPU --attach-- NIC --network-- the network     (GPU i of a node on NIC i * nics / gpus)
//
// The network is one vertex: rails are assumed to be non-blocking between nodes.  A link is full
// duplex; a route lists the directed links in order, by least latency.
#pragma once

#include <memory>
#include <vector>

#include "sim/cluster/device.h"

namespace plumbline {

enum class VertexKind { kGpu, kSwitch, kNic, kNetwork };

struct TopologyVertex {
  VertexKind kind = VertexKind::kGpu;
  int index = 0;  ///< rank of a GPU, domain of a switch, node * nics_per_node + slot of a NIC
};

struct TopologyLink {
  int from = 0, to = 0;  ///< vertices
  BytesPerSecond bandwidth;
  Seconds latency;
  bool network = false;  ///< leaves the node
};

class Topology {
 public:
  explicit Topology(const Cluster& cluster);
  ~Topology();
  Topology(Topology&&) noexcept;
  Topology& operator=(Topology&&) noexcept;

  const std::vector<TopologyVertex>& vertices() const { return vertices_; }
  const std::vector<TopologyLink>& links() const { return links_; }

  /// Indices of the links from one GPU to another, in order; empty for a GPU to itself.
  /// REQUIRES: both in [0, cluster.gpus())
  std::vector<int> route(int from_gpu, int to_gpu) const;

  /// Whether two GPUs share an NVLink domain (or, without one, a node).
  bool same_domain(int a, int b) const { return domain_of(a) == domain_of(b); }
  int domain_of(int gpu) const { return gpu / domain_size_; }
  int node_of(int gpu) const { return gpu / gpus_per_node_; }

 private:
  struct Graph;
  int add_vertex(VertexKind kind, int index);
  void connect(int a, int b, BytesPerSecond bandwidth, Seconds latency, bool network);

  int gpus_per_node_ = 1;
  int domain_size_ = 1;
  std::vector<TopologyVertex> vertices_;
  std::vector<TopologyLink> links_;
  std::unique_ptr<Graph> graph_;
};

}  // namespace plumbline
