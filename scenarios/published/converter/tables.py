"""What the sources do not print, or print in their own words, and why we read it so.

Every rule is a row (pattern, value, reason); the first pattern that is found in the text counts.
Nothing here was chosen by looking at a measured time.
"""
import re

# ---------------------------------------------------------------------------------- GPUs
# (pattern of hardware.gpu, profile, GPUs of a node, link inside a node, NVLink domain or None)
GPUS = [
    (r"PCIe", None, "no profile of the PCIe card"),
    (r"TPU", None, "no profile of a TPU"),
    (r"\bP100\b", None, "no profile of the P100"),
    (r"\bGB300\b", "gb300_288g", 4, "nvlink5", 72, "ib_xdr800"),
    (r"\bGB200\b", "gb200_186g", 4, "nvlink5", 72, "ib_ndr400"),
    (r"\bB300\b", "b300_sxm_288g", 8, "nvlink5", None, "ib_xdr800"),
    (r"\bB200\b", "b200_sxm_180g", 8, "nvlink5", None, "ib_ndr400"),
    (r"\bH200\b", "h200_sxm_141g", 8, "nvlink4", None, "ib_ndr400"),
    (r"\bH800\b", "h800_sxm_80g", 8, "nvlink4", None, "ib_ndr400"),
    (r"\bH100\b", "h100_sxm_80g", 8, "nvlink4", None, "ib_ndr400"),
    (r"\bH20\b", "h20_sxm_96g", 8, "nvlink4", None, "ib_ndr400"),
    (r"\bA100\b.*\b40\s*GB|\bA100\b.*-40", "a100_sxm_40g", 8, "nvlink3", None, "ib_hdr200"),
    (r"\bA100\b", "a100_sxm_80g", 8, "nvlink3", None, "ib_hdr200"),
    (r"\bV100\b", "v100_sxm_32g", 8, "nvlink2", None, "ib_edr100"),
    (r"\bL40S\b", "l40s_48g", 8, "pcie4_x16", None, "ib_hdr200"),
    (r"\b4090\b", "rtx_4090_24g", 8, "pcie4_x16", None, "ethernet_100"),
    (r"RTX PRO 6000", "rtx_pro_6000_96g", 8, "pcie5_x16", None, "ib_ndr400"),
]

# ---------------------------------------------------------------------------------- software
# (pattern of the source, era, zero stage unless printed, sequence parallelism unless printed,
#  attention)
SOFTWARE = [
    (r"2104\.04473|Efficient Large-Scale", "megatron_lm_2021", 0, False, "unfused"),
    (r"2205\.05198|Reducing Activation Recomp", "megatron_lm_2022", 0, False, "unfused"),
    (r"MegaScale|2402\.15627", "megatron_lm_2022", 0, True, "unfused"),
    (r"2401\.10241|2405\.15362|[Zz]ero.?[Bb]ubble|Controllable Memory", "zero_bubble_2023", 0, True,
     "unfused"),
    (r"vTrain", "megatron_deepspeed_2022", 0, False, "unfused"),
    (r"BigScience", "megatron_deepspeed_2022", 1, False, "unfused"),
    (r"SimuMax", "megatron_core_plain_2025", 1, True, "flash"),
    (r"torchtitan", "torchtitan_2024", 3, True, "flash"),
    (r"NeMo docs|container 24\.0", "nemo_2024", 1, True, "flash"),
    (r"dgxc-benchmarking recipes v24", "megatron_core_2024", 1, True, "flash"),
    (r"dgxc-benchmarking|Megatron-Bridge", "megatron_core_2025", 1, True, "flash"),
    (r"Megatron-LM (README|examples)", "megatron_core_2024", 1, True, "flash"),
]


def software_by_gpu(profile):
    """An unknown source: the release that was current on that GPU's generation."""
    if profile.startswith(("a100", "v100")):
        return "megatron_lm_2022", 0, False, "unfused"
    if profile.startswith(("h100", "h200", "h800", "h20")):
        return "megatron_core_2024", 1, True, "flash"
    return "megatron_core_2025", 1, True, "flash"


# ---------------------------------------------------------------------------------- precision
# (pattern, precision, recipe of plain fp8 or None)
PRECISION = [
    (r"^MXFP8|^FP8-MX", "mxfp8", None),
    (r"^NVFP4", "nvfp4", None),
    (r"^FP8.*(current|-CS|cs\b|compile)|^FP8-CS", "fp8", "current"),
    (r"^FP8.*(sub-?channel|block|-SC)|^fp8 mixed", "fp8", "blockwise"),
    (r"^FP8", "fp8", ""),  # the era's: delayed until Megatron-Bridge, current from there on
    (r"^BF16", "bf16", None),
    (r"^FP16", "fp16", None),
    (r"^FP32", "fp32", None),
]

# ---------------------------------------------------------------------------------- recompute
RECOMPUTE = [
    (r"^full", "full"),
    (r"^selective", "selective"),
    (r"^RMSNorm and MLA up-proj", ["layernorm", "mla_up_proj"]),
    (r"^none|^no\b|not stated|not printed|^false", "none"),
]

# (pattern of the source, pattern of the model, pattern of the GPU, modules, reason).  Where a
# performance summary says "per recipe", the released recipe of the same name was read.
RECIPES = [
    (r"Megatron-Bridge|dgxc", r"^(deepseek_v3|kimi_k2)", r"^(h100|b200)", ["mla_up_proj", "mlp"],
     "Megatron-Bridge scripts/performance, deepseek_workload_base_configs.py"),
    (r"Megatron-Bridge|dgxc", r"^(deepseek_v3|kimi_k2)", r"", ["mla_up_proj"],
     "Megatron-Bridge scripts/performance, deepseek_workload_base_configs.py"),
]

# ---------------------------------------------------------------------------------- schedules
# (pattern, name in plumbline, virtual stages or None for the printed vpp, live activations:
#  multiple of the pipeline size, or None)
SCHEDULES = [
    (r"^none", "1f1b", 1, None),
    (r"^(interleaved|1f1b.?i\b)", "interleaved_1f1b", None, None),
    (r"^1f1b", "1f1b", 1, None),
    (r"^gpipe", "gpipe", 1, None),
    (r"^zb.?h1", "zb_h1", 1, None),
    (r"^zb.?h2", "zb_h2", 1, None),
    # ZB-1p and ZB-2p are what the authors' search finds within the activations of 1F1B (p
    # micro-batches) and within twice that (Qi et al., section 3.1 and table 4).
    (r"^zb.?1p", "zb_h1", 1, 1),
    (r"^zb.?2p", "zb_h2", 1, 2),
    (r"^(zb.?v|v.?zb)", "zb_v", 2, None),
    (r"^v.?half", "v_half", 2, None),
    (r"^v.?min", "v_min", 2, None),
    (r"^dualpipe.?v", "dualpipe_v", 2, None),
    (r"^dualpipe", "dualpipe", 1, None),
    (r"^chimera", "chimera", 1, None),
    (r"^looped.?bfs", "looped_bfs", None, None),
]

# ---------------------------------------------------------------------------------- models
# A model's printed name, letters and digits only, where models/ spells it differently.
MODEL_NAMES = {
    "llama318b": "llama3_8b", "llama3170b": "llama3_70b", "llama31405b": "llama3_405b",
    "grok1314b": "grok1", "nemotron340b": "nemotron4_340b", "gpt3": "gpt3_175b",
    "llama270bchat": "llama2_70b", "deepseekv3dropless": "deepseek_v3",
}

# Models whose layers the simulator does not describe.
UNDESCRIBED = [
    (r"nemotron.?(3|h)\b|nemotron.?3.?5|nemotron_3", "Mamba layers beside attention"),
    (r"deepseek.?v4", "sparse attention of DeepSeek-V4"),
    (r"qwen3.?next", "linear-attention layers"),
    (r"amoebanet", "a convolutional network"),
]

# How the dense families are built where a run prints dimensions that no file in models/ has.
FAMILIES = [
    (r"llama|mistral", {"activation": "swiglu", "normalization": "rmsnorm", "positions": "rope",
                        "tied_embeddings": False}),
    (r"nemotron", {"activation": "squared_relu", "normalization": "layernorm", "positions": "rope",
                   "tied_embeddings": False}),
]
GPT = {"activation": "gelu", "normalization": "layernorm", "positions": "learned",
       "tied_embeddings": True, "qkv_bias": True, "attention_output_bias": True, "mlp_bias": True}
GPT_VOCAB = 51200  # GPT-2's 50257 padded to 128 x tensor 8: Megatron-LM's default tokenizer
# (pattern of the source, what differs from GPT, reason)
GPT_CHANGES = [
    (r"2401\.10241|2405\.15362", {"tied_embeddings": False},
     "--untie-embeddings-and-output-weights in the authors' pretrain_zero_bubble.sh"),
    (r"BigScience", {"positions": "alibi", "embedding_norm": True},
     "--position-embedding-type alibi and --embed-layernorm of tr11-176B"),
]
# (pattern of the source, vocabulary that is not printed, reason)
VOCABULARIES = [
    (r"2401\.10241|2405\.15362", 32000,
     "not printed; the authors' scripts train with the SentencePiece model of their sample data "
     "set, for which public users pass --vocab-size 32004"),
    (r"vTrain", 51200, "not printed; GPT-2's 50257 padded to 128 x tensor 8"),
]

# ---------------------------------------------------------------------------------- details
# (pattern of the source, pattern of the id, keys of `training`, keys of `parallelism`, reason)
DETAILS = [
    (r"SimuMax", r"_cef$", {"cross_entropy": "transformer_engine"}, {},
     "_cef: --cross-entropy-loss-fusion with --cross-entropy-fusion-impl te (docs/strategy.md)"),
    (r"SimuMax", r"", {"pipeline_transfer": "blocking"}, {},
     "--no-overlap-p2p-communication (docs/b200/b200_real_repro_guide.md)"),
    (r"SimuMax", r"_cp\d", {}, {"context_communication": "a2a"},
     "cp_comm_type=a2a (docs/b200/b200_real_repro_guide.md)"),
    (r"torchtitan", r"asynctp", {"tensor_overlap": "userbuffers"}, {},
     "asynchronous TP splits the collective around the product as userbuffers does"),
    (r"torchtitan", r"8b-t\da$", {"fused_elementwise": False, "cross_entropy": "unfused"}, {},
     "table row 1: FSDP without torch.compile"),
    (r"torchtitan", r"8b-t\dc$", {"precision": "fp8", "fp8_recipe": "current"}, {},
     "table row 3: FSDP + torch.compile + Float8"),
    (r"2104\.04473", r"zero-3", {"software": "megatron_deepspeed_2022"}, {},
     "the ZeRO-3 rows ran under DeepSpeed"),
    (r"Megatron-Bridge", r"llama3-70b-gb[23]00-64gpu-fp8(cs|cur)?-", {}, {},
     "the recipe's offloading of 20 (GB300) or 40 (GB200) layers' activations to the CPU"),
    (r"", r"tokendrop", {"moe": {"capacity_factor": 1.0}}, {},
     "token drop; the capacity factor is not printed, 1.0 is the recipes'"),
]

# (pattern of the source, pattern of the id, field, value, reason): configuration that a run does
# not print and that we read from its own words; such runs never gate.
INFERRED = [
    (r"MegaScale", r"-Megatron-LM-", "microbatch_size", 1,
     "not printed; 1 as in NVIDIA's own 175B runs (arXiv:2205.05198, table 3)"),
    (r"MegaScale", r"-Megatron-LM-", "recompute", "selective",
     "not printed; Megatron-LM's recipe for 175B (arXiv:2205.05198, table 5)"),
]
OTHER_CATEGORIES = {
    "finetune": "fine-tuning: packed sequences and frozen weights are not described",
    "train-config": "a configuration without a measured step",
}
EXCLUDED = [
    (r"MegaScale", r"-MegaScale-",
     "parallel transformer block and sliding-window attention: not the model that is named"),
]

# DeepSeek-V3's 61 layers over 32 stages, embedding and head alone at the ends; over fewer stages
# the first ones are filled (Megatron-Bridge's pp_layout "Et|(tt|)*30mL", "Et*4|(t*4|)*14tmL").
DEEPSEEK_32 = [1] + [2] * 30 + [0]


def lookup(rows, text, start=1):
    """The rest of the first row whose pattern is found in `text` (case does not count), or None."""
    for row in rows:
        if re.search(row[0], text or "", re.IGNORECASE):
            return row[start:]
    return None
