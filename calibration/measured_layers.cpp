#include "calibration/measured_layers.h"

#include <array>
#include <cmath>
#include <string_view>

namespace plumbline {
namespace {

/// What a profiled model's layers are made of.
struct Model {
  std::string_view word;  ///< in the file's name
  double hidden, heads, kv_heads, head_dim, ffn, vocab;
};
constexpr std::array kModels{
    Model{"llama31_8b", 4096, 32, 8, 128, 14336, 128256},
    Model{"qwen3_32b", 5120, 64, 8, 128, 25600, 151936},
    Model{"qwen3_30b_a3b", 2048, 32, 4, 128, 768, 151936},
    Model{"llama2_70b", 8192, 64, 8, 128, 28672, 32000},
};

const Model* model_in(const std::string& name) {
  for (const Model& model : kModels) {
    if (name.find(model.word) != std::string::npos) return &model;
  }
  return nullptr;
}

void add_gemm(MeasuredFile& out, double microseconds, double m, double n, double k) {
  if (!(microseconds > 0)) return;
  out.samples.push_back(
      {"gemm_bf16", Seconds(microseconds * 1e-6), [m, n, k](const KernelTimes& t) {
         GemmQuery query;
         query.dtype = "bf16";
         query.m = m;
         query.n = n;
         query.k = k;
         return t.gemm(query);
       }});
}

void add_traffic(MeasuredFile& out, double microseconds, double bytes) {
  if (!(microseconds > 0)) return;
  out.samples.push_back({"elementwise", Seconds(microseconds * 1e-6),
                         [bytes](const KernelTimes& t) { return t.elementwise(Bytes(bytes)); }});
}

// One layer of a model on `tokens` rows under tensor parallelism; false for an unknown layer.
bool add_layer(MeasuredFile& out, const Model& m, std::string_view layer, double tp, double tokens,
               double time) {
  const double qkv = (m.heads + 2 * m.kv_heads) * m.head_dim / tp;
  if (layer == "qkv_proj" || layer == "attn_pre_proj") {
    add_gemm(out, time, tokens, qkv, m.hidden);
  } else if (layer == "o_proj" || layer == "attn_post_proj") {
    add_gemm(out, time, tokens, m.hidden, m.heads * m.head_dim / tp);
  } else if (layer == "gate_up_proj" || layer == "mlp_up_proj") {
    add_gemm(out, time, tokens, 2 * m.ffn / tp, m.hidden);
  } else if (layer == "down_proj" || layer == "mlp_down_proj") {
    add_gemm(out, time, tokens, m.hidden, m.ffn / tp);
  } else if (layer == "lm_head") {
    add_gemm(out, time, tokens, m.vocab / tp, m.hidden);
  } else if (layer == "layernorm" || layer == "final_layernorm") {
    add_traffic(out, time, 8 * m.hidden * tokens);  // residual added: two reads, two writes
  } else if (layer == "input_layernorm" || layer == "post_attention_layernorm") {
    add_traffic(out, time, 4 * m.hidden * tokens);
  } else if (layer == "act_fn" || layer == "mlp_act") {
    add_traffic(out, time, 6 * m.ffn / tp * tokens);
  } else if (layer == "add") {
    add_traffic(out, time, 6 * m.hidden * tokens);
  } else if (layer == "rotary_emb" || layer == "attn_rope") {
    add_traffic(out, time, 4 * (m.heads + m.kv_heads) * m.head_dim / tp * tokens);
  } else if (layer == "qk_norm") {
    add_traffic(out, time, 4 * (m.heads + m.kv_heads) * m.head_dim / tp * tokens);
  } else {
    return false;
  }
  return true;
}

double tensor_parallel(const std::string& name) {
  return name.find("_tp2") != std::string::npos ? 2 : 1;
}

void read_layer_rows(const CsvTable& csv, const Model& model, const std::string& name,
                     MeasuredFile& out) {
  const std::size_t layer = csv.column("layer");
  const auto rows = csv.numbers_in(csv.has("tokens") ? "tokens" : "sequences", 1, 1e12),
             time = csv.numbers_in("time_us", 0, 1e12);
  int skipped = 0;
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (!add_layer(out, model, csv.text(i, layer), tensor_parallel(name), rows[i], time[i])) {
      ++skipped;
    }
  }
  if (skipped > 0) {
    out.notes.push_back(name + ": " + std::to_string(skipped) +
                        " rows of embedding, sampler and the like left out");
  }
}

void read_layer_columns(const CsvTable& csv, const Model& model, MeasuredFile& out) {
  const auto tokens = csv.numbers_in("num_tokens", 1, 1e12),
             tp = csv.numbers_in("num_tensor_parallel_workers", 1, 1e6);
  for (const std::string& column : csv.columns()) {
    const std::size_t suffix = column.rfind("_us");
    if (suffix == std::string::npos || suffix + 3 != column.size()) continue;
    const std::string layer = column.substr(0, suffix);
    const auto time = csv.numbers_in(column, 0, 1e12);
    for (std::size_t i = 0; i < time.size(); ++i) {
      add_layer(out, model, layer, tp[i], tokens[i], time[i]);
    }
  }
}

void read_mixed_attention(const CsvTable& csv, const Model& model, const std::string& name,
                          MeasuredFile& out) {
  const auto chunk = csv.numbers_in("prefill_chunk", 0, 1e9),
             before = csv.numbers_in("kv_prefill", 0, 1e9),
             decoding = csv.numbers_in("n_decode", 0, 1e9),
             length = csv.numbers_in("kv_decode", 0, 1e9),
             time = csv.numbers_in("time_us", 0, 1e12);
  const double tp = tensor_parallel(name);
  int mixed = 0;
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (!(time[i] > 0)) {
      continue;
    } else if (chunk[i] > 0 && decoding[i] > 0) {
      ++mixed;
    } else if (chunk[i] > 0) {
      AttentionQuery query;
      query.dtype = "bf16";
      query.heads = model.heads / tp;
      query.kv_heads = model.kv_heads / tp;
      query.head_dim = query.v_head_dim = model.head_dim;
      query.query_tokens = chunk[i];
      query.kv_tokens = chunk[i] + before[i];
      query.serving = true;
      out.samples.push_back({"attention_prefill", Seconds(time[i] * 1e-6),
                             [query](const KernelTimes& t) { return t.attention(query); }});
    } else if (decoding[i] > 0 && length[i] > 0) {
      DecodeQuery query;
      query.batch = decoding[i];
      query.heads = model.heads / tp;
      query.kv_heads = model.kv_heads / tp;
      query.head_dim = model.head_dim;
      query.kv_tokens = length[i];
      out.samples.push_back({"attention_decode", Seconds(time[i] * 1e-6),
                             [query](const KernelTimes& t) { return t.attention_decode(query); }});
    }
  }
  if (mixed > 0) {
    out.notes.push_back(name + ": " + std::to_string(mixed) +
                        " batches that mix prompts and tokens left out");
  }
}

}  // namespace

void read_layers(const CsvTable& csv, const std::string& name, MeasuredFile& out) {
  const Model* model = model_in(name);
  if (!model) {
    out.notes.push_back(name + ": the name tells no model whose layers are known: left out");
  } else if (csv.has("prefill_chunk")) {
    read_mixed_attention(csv, *model, name, out);
  } else if (csv.has("layer")) {
    read_layer_rows(csv, *model, name, out);
  } else {
    read_layer_columns(csv, *model, out);
  }
}

}  // namespace plumbline
