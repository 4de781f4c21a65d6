#include "sim/scenario/keys.h"

#include <algorithm>
#include <array>

#include "sim/scenario/key_makers.h"
#include "sim/scenario/serving_keys.h"
#include "sim/scenario/words.h"

namespace plumbline {
namespace {

using namespace key_makers;

constexpr std::array kKeys{
    quiet(word("schema", words::kVersion, "plumbline.scenario/1", "The version of this format.")),
    computed("the file's name", text("name", "What the run is called in reports.")),

    required(text("model", "A name in models/, or the path of a model YAML or of a config.json.")),
    Key{.path = "model",
        .type = KeyType::kMapping,
        .doc = "Dimensions in place (the keys of models/*.yaml), or {hf: config.json}.",
        .checked_elsewhere = true},

    required(text("cluster", "A name in hardware_profiles/ (plumbline list clusters) or a path.")),
    Key{.path = "cluster",
        .type = KeyType::kMapping,
        .doc = "GPUs of one kind in nodes.",
        .checked_elsewhere = true},
    text("cluster.name", "A named cluster to start from, or what this one is called."),
    text("cluster.gpu", "A GPU's name (plumbline list gpus), or the path of a profile."),
    integer("cluster.gpus_per_node", "8", 1, 1024, "GPUs of one node."),
    integer("cluster.nodes", "1", 1, 1 << 20, "Nodes."),
    text("cluster.intra_node", "The link inside a node (plumbline list links)."),
    computed("none, with one node",
             text("cluster.inter_node", "The link between nodes; one node needs none.")),
    computed("gpus_per_node", integer("cluster.gpus_per_nvlink_domain", "", 1, 1 << 20,
                                      "GPUs that reach each other over intra_node; 72 for NVL72.")),
    computed("a NIC per GPU", integer("cluster.nics_per_node", "", 1, 1024, "NICs of one node.")),
    text("cluster.host_link", "The link of a GPU to host memory; activation_offload needs it."),
    computed("the profile's",
             number("cluster.power_limit_w", "", 1, 1e5, "Power limit of a GPU, watts.")),

    mapping("parallelism", "Sizes of the groups that share the work."),
    quiet(integer("parallelism.tensor", "1", 1, kMostRanks, "Tensor-parallel ranks.")),
    quiet(integer("parallelism.pipeline", "1", 1, kMostRanks, "Pipeline ranks.")),
    computed(
        "1, or what the schedule's placement needs",
        integer("parallelism.virtual_stages", "", 1, 1024, "Stages (chunks) of a pipeline rank.")),
    computed("GPUs / (tensor x pipeline x context)",
             integer("parallelism.data", "", 1, kMostRanks, "Data-parallel replicas.")),
    quiet(integer("parallelism.context", "1", 1, kMostRanks, "Ranks that split the sequence.")),
    quiet(integer("parallelism.expert", "1", 1, kMostRanks,
                  "Expert-parallel ranks, taken out of data x context.")),
    quiet(computed("tensor, or 1 where expert x tensor does not divide a stage's GPUs",
                   integer("parallelism.expert_tensor", "", 1, kMostRanks,
                           "Tensor-parallel ranks inside an expert (Megatron's default)."))),
    boolean("parallelism.sequence_parallel", "false",
            "Norms and dropout split along the sequence in the tensor group (Megatron)."),
    integer("parallelism.zero_stage", "1", 0, 3,
            "What data-parallel ranks split: 1 optimizer, 2 + gradients, 3 + weights."),
    quiet(computed("[tensor, context, expert, data, pipeline]",
                   word_list("parallelism.order", words::kDimensions,
                             "Order of ranks over the GPUs, fastest first."))),
    quiet(word("parallelism.context_communication", words::kContextCommunication, "p2p",
               "p2p: a ring of key-value blocks; a2a: Ulysses' all-to-all of heads.")),

    computed("1f1b", text("schedule", "A pipeline schedule's name (plumbline list schedules).")),
    mapping("schedule", "A schedule with options, or one that a CSV spells out."),
    text("schedule.name", "The schedule's name."),
    text("schedule.csv", "Path of a CSV in PyTorch's pipelining notation, a row per rank."),
    computed("the published rule",
             integer("schedule.max_live_activations", "", 1, 1e6,
                     "Search for the best order within so many live activations per rank.")),
    computed("50", integer("schedule.search_budget", "", 1, 1e6,
                           "What zb_auto's search may spend, in millions of units of work.")),
    computed("pipeline", integer("schedule.microbatch_group_size", "", 1, 1e6,
                                 "Micro-batches per chunk in a row (interleaved_1f1b).")),
    computed("1", number("schedule.kept_for_weight_grad", "", 0, 1,
                         "Share of an activation that W still needs after I (zb_h1, zb_h2).")),

    quiet(boolean("schedule.eager", "false", "Twice the forwards ahead (1f1b: eager-1F1B).")),
    quiet(boolean("schedule.delay_weight_grad", "false",
                  "Weight gradients run when the input gradient is on its way (1f1b).")),

    mapping("training", "One optimizer step; a scenario has this or serving."),
    required(integer("training.sequence_length", "", 1, 1e9, "Tokens of a sequence.")),
    integer("training.micro_batch_size", "1", 1, 1e6, "Sequences of a micro-batch."),
    required(
        integer("training.global_batch_size", "", 1, 1e9, "Sequences of a step, all replicas.")),
    word("training.precision", words::kPrecision, "bf16", "What the matrix products compute in."),
    word("training.recompute", words::kRecompute, "none",
         "selective: attention's core again in the backward; full: every layer."),
    mapping("training.recompute", "Recomputation in Megatron's terms."),
    word("training.recompute.granularity", words::kRecompute, "", "none, selective or full."),
    computed("all", integer("training.recompute.layers_per_stage", "", 1, 1e6,
                            "With full: layers of a stage that are recomputed.")),
    word_list("training.recompute.modules", words::kModules,
              "With selective: what is recomputed, in Megatron-Core's names."),
    mapping("training.activation_offload", "Activations wait in host memory between F and B."),
    number("training.activation_offload.share", "", 0, 1,
           "Share of every stage's activations that is copied to the host."),
    list("training.activation_offload.share", KeyType::kNumberList, 0, 1,
         "The same for each stage, in stage order."),
    quiet(integer("training.activation_offload.reload_ahead", "2", 0, 1e6,
                  "Operations of the rank that a copy back may run beside, before its B.")),
    quiet(boolean("training.optimizer_post_validation", "false",
                  "A rank's optimizer follows its own last gradient; the norm is checked later.")),
    word("training.attention", words::kAttention, "flash", "The attention kernel."),
    computed("as attention says",
             quiet(word("training.attention_backend", words::kAttentionBackend, "",
                        "Megatron-Core's name for it: flash, fused and auto are flash, unfused and "
                        "local unfused."))),
    word("training.layers_per_stage", words::kLayerSplit, "uniform",
         "uniform: as many on each stage; balanced: the slowest stage as fast as can be."),
    list("training.layers_per_stage", KeyType::kIntegerList, 0, 1e6,
         "Layers of each of the pipeline x virtual_stages stages, in stage order."),
    integer("training.num_layers_in_first_pipeline_stage", "", 1, 1e6,
            "Layers of pipeline rank 0, all its virtual stages together."),
    integer("training.num_layers_in_last_pipeline_stage", "", 1, 1e6,
            "Layers of the last pipeline rank, all its virtual stages together."),
    quiet(boolean("training.account_for_embedding_in_pipeline_split", "false",
                  "Counts the embedding as a layer of the first stage.")),
    quiet(boolean("training.account_for_loss_in_pipeline_split", "false",
                  "Counts the loss as a layer of the last stage.")),
    computed(
        "current releases on that GPU's generation",
        text("training.software", "A named set of the facts below (plumbline list software).")),
    computed(kEra, word("training.tensor_overlap", words::kTensorOverlap, "",
                        "Which tensor-parallel collectives hide behind matrix products.")),
    computed(kEra,
             boolean("training.data_overlap", "", "Gradient reduction runs beside the backward.")),
    computed(kEra, boolean("training.param_gather_overlap", "",
                           "The parameter all-gather runs beside the next forward.")),
    computed(kEra, boolean("training.gradient_accumulation_fusion", "",
                           "Weight gradients accumulate inside the matrix product.")),
    computed(kEra, word("training.gradient_dtype", words::kGradient, "", "Main gradients.")),
    computed(kEra, word("training.gradient_reduce_dtype", words::kGradient, "",
                        "Gradients on the wire.")),
    computed(kEra, word("training.cross_entropy", words::kCrossEntropy, "",
                        "The loss over the split vocabulary.")),
    computed(kEra,
             word("training.softmax", words::kSoftmax, "", "The softmax of unfused attention.")),
    computed(kEra, boolean("training.fused_elementwise", "",
                           "bias-gelu and bias-dropout-add in one kernel each.")),
    computed(kEra, boolean("training.dropout", "", "Dropout is on.")),
    computed(kEra, word("training.pipeline_transfer", words::kPipelineTransfer, "",
                        "Whether sender and receiver wait for a transfer between stages.")),
    computed(kEra, boolean("training.pipeline_scatter_gather", "",
                           "A hop sends 1/tensor per GPU and gathers inside the node.")),
    computed(kEra, word("training.saved_tensors", words::kSavedTensors, "",
                        "Which tensors a layer keeps for its backward.")),
    computed(kEra, number("training.extra_score_bytes", "", 0, 64,
                          "Saved bytes per attention score beyond what the kernels account for.")),
    computed(kEra, boolean("training.weight_grad_dummies", "",
                           "A dummy gradient per weight shape is kept (TE 2.3 and later).")),
    computed(kEra, word("training.fp8_recipe", words::kFp8Recipe, "", "Scaling of 8-bit formats.")),
    computed(kEra, boolean("training.fp8_param_gather", "",
                           "The parameter all-gather moves 8-bit weights.")),
    computed(kEra, boolean("training.recompute_last_stage", "",
                           "false: the last stage's last layers are not recomputed.")),
    computed(kEra, number("training.optimizer_bytes_per_param", "", 0, 1e4,
                          "Memory traffic of the optimizer step, bytes per local parameter.")),
    computed(kEra, number("training.host_us_per_layer", "", 0, 1e6,
                          "Host time to launch a layer, forward and backward each, microseconds.")),
    mapping("training.host_us_per_layer", "The same, told apart."),
    computed(kEra, number("training.host_us_per_layer.forward", "", 0, 1e6, "Microseconds.")),
    computed(kEra, number("training.host_us_per_layer.backward", "", 0, 1e6, "Microseconds.")),
    mapping("training.moe", "Mixture-of-experts routing."),
    computed(kEra, number("training.moe.capacity_factor", "", 0, 1e3,
                          "Tokens an expert takes over its even share; 0 drops none.")),
    computed(kEra, number("training.moe.imbalance", "", 1, 1e4,
                          "Tokens of the busiest expert rank over the mean.")),

    quiet(integer("seed", "1", 0, 9e15, "Seeds whatever is random.")),
    mapping("cost", "Prices."),
    number("cost.usd_per_gpu_hour", "", 0, 1e6, "US dollars per GPU and hour."),

    Key{.path = "sweep",
        .type = KeyType::kMapping,
        .doc = "Points for plumbline sweep, {over: {KEY: VALUES}, where: CONDITIONS}; the other "
               "commands take the scenario as it stands.",
        .checked_elsewhere = true},

    mapping("measured", "What was observed, for plumbline validate."),
    measured("measured.iteration_time_s", "Seconds per step."),
    measured("measured.tokens_per_s", "Tokens per second, whole job."),
    measured("measured.tokens_per_s_per_gpu", "Tokens per second and GPU."),
    measured("measured.samples_per_s", "Sequences per second, whole job."),
    measured("measured.model_tflops_per_gpu", "Model TFLOP/s of a GPU, recomputation not counted."),
    number("measured.mfu", "", 0, 1, "Model FLOP/s over the dense peak."),
    number("measured.bubble_fraction", "", 0, 1, "Idle share of the compute phase."),
    measured("measured.ttft_s", "Serving: time to first token, seconds."),
    mapping("measured.ttft_s", "The same, by statistic."),
    measured("measured.ttft_s.mean", "Seconds."),
    measured("measured.ttft_s.p50", "Seconds."),
    measured("measured.ttft_s.p90", "Seconds."),
    measured("measured.ttft_s.p99", "Seconds."),
    measured("measured.tpot_s", "Serving: time per output token after the first, seconds."),
    mapping("measured.tpot_s", "The same, by statistic."),
    measured("measured.tpot_s.mean", "Seconds."),
    measured("measured.tpot_s.p50", "Seconds."),
    measured("measured.tpot_s.p90", "Seconds."),
    measured("measured.tpot_s.p99", "Seconds."),
    measured("measured.e2e_s", "Serving: arrival to last token, seconds."),
    mapping("measured.e2e_s", "The same, by statistic."),
    measured("measured.e2e_s.mean", "Seconds."),
    measured("measured.e2e_s.p50", "Seconds."),
    measured("measured.e2e_s.p90", "Seconds."),
    measured("measured.e2e_s.p99", "Seconds."),
    quiet(word("measured.statistic", words::kStatistic, "mean",
               "What a latency given as one number is: the requests' mean or a percentile.")),
    text("measured.requests",
         "Serving: a CSV with ttft_s, tpot_s and e2e_s of every request of the trace, in its "
         "order; the trace itself where it has these columns."),
    text("measured.cases",
         "Serving: a CSV of closed loops: tensor, expert, prompt_tokens, output_tokens, users, "
         "ttft_s, tpot_s. Each row is a steady state of vLLM's batching by itself: "
         "serving.requests is not run."),
    measured("measured.peak_memory_gib", "Peak allocated memory of the fullest rank, GiB."),
    list("measured.peak_memory_gib", KeyType::kNumberList, 0, kAny,
         "Peak allocated memory of each pipeline rank, GiB."),
    measured("measured.peak_reserved_gib", "Peak reserved memory of the fullest rank, GiB."),
    list("measured.peak_reserved_gib", KeyType::kNumberList, 0, kAny,
         "Peak reserved memory of each pipeline rank, GiB."),
    quiet(word("measured.flops", words::kFlops, "full_attention",
               "How the measured FLOP/s count attention: the full square or its causal half.")),
    quiet(boolean("measured.gate", "true", "false: shown by validate, kept out of its summary.")),
    text("measured.source", "Where it was published."),
    text("measured.notes", "What a reader should know about it."),
};

constexpr auto kAllKeys = [] {
  std::array<Key, kKeys.size() + kServingKeys.size()> all{};
  std::ranges::copy(kServingKeys, std::ranges::copy(kKeys, all.begin()).out);
  return all;
}();

}  // namespace

std::span<const Key> all_keys() { return kAllKeys; }

const Key* find_key(std::string_view path) {
  const auto it = std::ranges::find(kAllKeys, path, &Key::path);
  return it == kAllKeys.end() ? nullptr : &*it;
}

}  // namespace plumbline
