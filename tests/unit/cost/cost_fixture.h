// Real GPUs and links, and two models that papers timed.
#pragma once

#include <string>

#include "sim/cluster/device.h"
#include "sim/cluster/read_profile.h"
#include "sim/cost/stage_costs.h"
#include "sim/plan/software.h"

namespace plumbline {

inline std::string profile(const std::string& name) {
  std::string path = PLUMBLINE_SOURCE_DIR;
  path += "/hardware_profiles/";
  path += name;
  path += ".yaml";
  return path;
}

inline Cluster cluster_of(const std::string& gpu, const std::string& fabric,
                          const std::string& network, int nodes) {
  Cluster cluster;
  cluster.device = read_device(profile(gpu));
  cluster.intra_node = read_link(profile(fabric));
  cluster.inter_node = read_link(profile(network));
  cluster.nodes = nodes;
  return cluster;
}
inline Cluster selene(int nodes) {
  return cluster_of("a100_sxm_80g", "nvlink3", "ib_hdr200", nodes);
}
inline Cluster eos(int nodes) { return cluster_of("h100_sxm_80g", "nvlink4", "ib_ndr400", nodes); }

/// The 22B GPT of Korthikanti et al., Table 3.
inline ModelSpec gpt_22b() {
  ModelSpec m;
  m.layers = 48;
  m.hidden = 6144;
  m.heads = m.kv_heads = 64;
  m.head_dim = 96;
  m.ffn = 4 * 6144;
  m.vocab = 51200;
  m.activation = Activation::kGelu;
  m.normalization = Normalization::kLayerNorm;
  m.positions = Positions::kLearned;
  m.qkv_bias = m.attention_output_bias = m.mlp_bias = true;
  m.tied_embeddings = true;
  return m;
}

inline ModelSpec llama3_8b() {
  ModelSpec m;
  m.layers = 32;
  m.hidden = 4096;
  m.heads = 32;
  m.kv_heads = 8;
  m.head_dim = 128;
  m.ffn = 14336;
  m.vocab = 128256;
  return m;
}

inline TrainingOptions training_of(const std::string& software, std::int64_t sequence,
                                   std::int64_t micro_batch) {
  TrainingOptions training;
  training.sequence_length = sequence;
  training.micro_batch_size = training.global_batch_size = micro_batch;
  training.software = *find_software(software);
  return training;
}

}  // namespace plumbline
