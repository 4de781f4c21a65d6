#include "sim/cluster/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plumbline {
namespace {

Cluster cluster(int nodes, int gpus_per_node, int domain, int nics) {
  Cluster c;
  c.nodes = nodes;
  c.gpus_per_node = gpus_per_node;
  c.gpus_per_nvlink_domain = domain;
  c.nics_per_node = nics;
  c.intra_node.name = "fabric";
  c.intra_node.p2p_latency.value = Seconds(8e-6);
  c.intra_node.p2p_bandwidth.value = BytesPerSecond(300e9);
  c.inter_node.name = "network";
  c.inter_node.p2p_latency.value = Seconds(20e-6);
  c.inter_node.p2p_bandwidth.value = BytesPerSecond(20e9);
  c.inter_node.peak = BytesPerSecond(25e9);
  return c;
}

std::vector<VertexKind> kinds(const Topology& topology, int from, int to) {
  std::vector<VertexKind> kinds;
  for (const int link : topology.route(from, to)) {
    kinds.push_back(topology.vertices()[topology.links()[link].to].kind);
  }
  return kinds;
}

using testing::ElementsAre;

TEST(Topology, CrossesTheSwitchOnceInsideANode) {
  const Topology topology(cluster(2, 4, 4, 4));
  EXPECT_THAT(kinds(topology, 0, 3), ElementsAre(VertexKind::kSwitch, VertexKind::kGpu));
  EXPECT_TRUE(topology.same_domain(0, 3));
}

TEST(Topology, LeavesANodeByItsOwnNicAndEntersByThePeers) {
  const Topology topology(cluster(2, 4, 4, 4));
  EXPECT_THAT(kinds(topology, 1, 6), ElementsAre(VertexKind::kNic, VertexKind::kNetwork,
                                                 VertexKind::kNic, VertexKind::kGpu));
  const std::vector<int> route = topology.route(1, 6);
  EXPECT_EQ(topology.vertices()[topology.links()[route[0]].to].index, 1);      // node 0, slot 1
  EXPECT_EQ(topology.vertices()[topology.links()[route[2]].to].index, 4 + 2);  // node 1, slot 2
  EXPECT_FALSE(topology.same_domain(1, 6));
}

TEST(Topology, ItsLatenciesAddUpToTheSendRecvLatencies) {
  const Topology topology(cluster(2, 4, 4, 4));
  const auto latency = [&](int from, int to) {
    Seconds sum;
    for (const int link : topology.route(from, to)) sum += topology.links()[link].latency;
    return sum.base();
  };
  EXPECT_DOUBLE_EQ(latency(0, 1), 8e-6);
  EXPECT_DOUBLE_EQ(latency(0, 4), 20e-6);
}

TEST(Topology, ThereIsNoNetworkInsideAnNvl72Rack) {
  const Topology topology(cluster(18, 4, 72, 4));
  EXPECT_TRUE(topology.same_domain(0, 71));
  EXPECT_THAT(kinds(topology, 0, 71), ElementsAre(VertexKind::kSwitch, VertexKind::kGpu));
  EXPECT_NE(topology.node_of(0), topology.node_of(71));
}

TEST(Topology, GpusShareANicWhereThereAreFewer) {
  const Topology topology(cluster(2, 8, 8, 4));
  const auto first_nic = [&](int gpu) {
    return topology.links()[topology.route(gpu, 8 + gpu).front()].to;
  };
  EXPECT_EQ(first_nic(0), first_nic(1));
  EXPECT_NE(first_nic(1), first_nic(2));
}

TEST(Topology, AGpuReachesItselfOverNothing) {
  const Topology topology(cluster(1, 8, 8, 8));
  EXPECT_TRUE(topology.route(3, 3).empty());
}

}  // namespace
}  // namespace plumbline
