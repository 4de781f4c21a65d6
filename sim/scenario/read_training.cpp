#include <algorithm>

#include "sim/plan/software.h"
#include "sim/scenario/read_parts.h"
#include "sim/scenario/words.h"

namespace plumbline {
namespace {

void read_recompute(const KeyReader& keys, TrainingOptions& training) {
  const YamlNode node = keys.node("training.recompute");
  if (!node.is_map()) {
    keys.read_enum("training.recompute", training.recompute);
    return;
  }
  const auto granularity = keys.word("training.recompute.granularity");
  const YamlNode layers = node.child("layers_per_stage");
  const YamlNode modules = node.child("modules");
  if (granularity) training.recompute = static_cast<Recompute>(*granularity);
  if (!keys.stated("training.recompute.granularity")) {
    if (!modules.present()) node.problem("names no granularity and no modules");
    training.recompute = Recompute::kSelective;
  }
  training.recompute_layers_per_stage = keys.small_integer("training.recompute.layers_per_stage");
  if (layers.present() && training.recompute != Recompute::kFull) {
    layers.problem("goes with granularity: full");
  }
  if (!modules.present()) return;
  if (training.recompute != Recompute::kSelective) {
    modules.problem("goes with granularity: selective");
    return;
  }
  for (const std::size_t index : keys.word_list("training.recompute.modules")) {
    training.recompute_modules.emplace_back(words::kModules[index]);
  }
  training.recompute = Recompute::kModules;
}

void read_offload(const KeyReader& keys, TrainingOptions& training) {
  const YamlNode node = keys.node("training.activation_offload");
  if (!node.present()) return;
  ActivationOffload offload;
  const YamlNode share = keys.node("training.activation_offload.share");
  if (share.is_list()) {
    offload.share = keys.number_list("training.activation_offload.share");
  } else if (const auto all = keys.number("training.activation_offload.share")) {
    offload.share = {*all};
  } else if (!share.present()) {
    node.problem("names no share", "{share: 0.5}, or a list with one for each stage");
  }
  keys.read("training.activation_offload.reload_ahead", offload.reload_ahead);
  training.activation_offload = offload;
}

void read_attention(const KeyReader& keys, AttentionKernel& attention) {
  const auto backend = keys.word("training.attention_backend");
  if (!backend) {
    keys.read_enum("training.attention", attention);
    return;
  }
  attention = words::attention_of_backend(*backend);
  if (!keys.stated("training.attention")) return;
  AttentionKernel also = attention;
  keys.read_enum("training.attention", also);
  if (also != attention) {
    keys.node("training.attention_backend")
        .problem("contradicts training.attention", "leave one of the two out");
  }
}

void read_host_time(const KeyReader& keys, SoftwareFacts& facts) {
  const auto us = [](double value) { return Seconds(value * 1e-6); };
  if (keys.node("training.host_us_per_layer").is_map()) {
    if (const auto value = keys.number("training.host_us_per_layer.forward")) {
      facts.host_forward_per_layer = us(*value);
    }
    if (const auto value = keys.number("training.host_us_per_layer.backward")) {
      facts.host_backward_per_layer = us(*value);
    }
  } else if (const auto value = keys.number("training.host_us_per_layer")) {
    facts.host_forward_per_layer = facts.host_backward_per_layer = us(*value);
  }
}

SoftwareFacts read_software(const KeyReader& keys, const std::string& gpu) {
  SoftwareFacts facts = default_software(gpu);
  if (const auto name = keys.text("training.software")) {
    std::vector<std::string_view> known;
    for (const SoftwareFacts& era : all_software()) known.push_back(era.name);
    const auto index = keys.node("training.software").choice(known, "software");
    if (index) facts = all_software()[*index];
  } else if (!keys.stated("training.software")) {
    keys.assume("training.software", facts.name, "default of " + gpu);
  }
  keys.read_enum("training.tensor_overlap", facts.tensor_overlap);
  keys.read("training.data_overlap", facts.data_overlap);
  keys.read("training.param_gather_overlap", facts.param_gather_overlap);
  keys.read("training.gradient_accumulation_fusion", facts.gradient_accumulation_fusion);
  keys.read_enum("training.gradient_dtype", facts.gradient_dtype);
  keys.read_enum("training.gradient_reduce_dtype", facts.gradient_reduce_dtype);
  keys.read_enum("training.cross_entropy", facts.cross_entropy);
  keys.read_enum("training.softmax", facts.softmax);
  keys.read("training.fused_elementwise", facts.fused_elementwise);
  keys.read("training.dropout", facts.dropout);
  keys.read_enum("training.pipeline_transfer", facts.pipeline_transfer);
  keys.read("training.pipeline_scatter_gather", facts.pipeline_scatter_gather);
  keys.read_enum("training.saved_tensors", facts.saved_tensors);
  keys.read("training.extra_score_bytes", facts.extra_score_bytes);
  keys.read("training.weight_grad_dummies", facts.weight_grad_dummies);
  keys.read_enum("training.fp8_recipe", facts.fp8_recipe);
  keys.read("training.fp8_param_gather", facts.fp8_param_gather);
  keys.read("training.recompute_last_stage", facts.recompute_last_stage);
  keys.read("training.optimizer_bytes_per_param", facts.optimizer_bytes_per_param);
  read_host_time(keys, facts);
  keys.read("training.moe.capacity_factor", facts.moe_capacity_factor);
  keys.read("training.moe.imbalance", facts.moe_imbalance);
  return facts;
}

}  // namespace

TrainingOptions read_training(const KeyReader& keys, const std::string& gpu) {
  TrainingOptions training;
  if (const auto value = keys.integer("training.sequence_length"))
    training.sequence_length = *value;
  if (const auto value = keys.integer("training.micro_batch_size")) {
    training.micro_batch_size = *value;
  }
  if (const auto value = keys.integer("training.global_batch_size")) {
    training.global_batch_size = *value;
  }
  keys.read_enum("training.precision", training.precision);
  read_recompute(keys, training);
  read_offload(keys, training);
  keys.read("training.optimizer_post_validation", training.optimizer_post_validation);
  read_attention(keys, training.attention);
  training.software = read_software(keys, gpu);
  return training;
}

LayerSplitOptions read_layer_split(const KeyReader& keys, const ParallelOptions& parallelism) {
  LayerSplitOptions split;
  const YamlNode node = keys.node("training.layers_per_stage");
  if (node.is_list()) {
    split.split = LayerSplit::kGiven;
    split.given = keys.integer_list("training.layers_per_stage");
  } else if (node.present() || parallelism.pipeline > 1) {
    keys.read_enum("training.layers_per_stage", split.split);
  }
  split.first_stage_layers = keys.small_integer("training.num_layers_in_first_pipeline_stage");
  split.last_stage_layers = keys.small_integer("training.num_layers_in_last_pipeline_stage");
  keys.read("training.account_for_embedding_in_pipeline_split", split.account_for_embedding);
  keys.read("training.account_for_loss_in_pipeline_split", split.account_for_loss);
  const bool by_numbers = split.first_stage_layers || split.last_stage_layers;
  if (by_numbers && split.split != LayerSplit::kUniform) {
    node.problem("contradicts training.num_layers_in_..._pipeline_stage",
                 "leave it out, or uniform");
  }
  return split;
}

}  // namespace plumbline
