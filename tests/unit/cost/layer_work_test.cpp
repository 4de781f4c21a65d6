// The work of a layer against the closed forms of the papers that first counted it.
#include "models/layer_work.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace plumbline {
namespace {

ModelSpec gpt3() {
  ModelSpec m;
  m.layers = 96;
  m.hidden = 12288;
  m.heads = m.kv_heads = 96;
  m.head_dim = 128;
  m.ffn = 4 * 12288;
  m.vocab = 51200;
  m.activation = Activation::kGelu;
  m.normalization = Normalization::kLayerNorm;
  m.positions = Positions::kLearned;
  m.qkv_bias = m.attention_output_bias = m.mlp_bias = true;
  return m;
}

ModelSpec llama70b() {
  ModelSpec m;
  m.layers = 80;
  m.hidden = 8192;
  m.heads = 64;
  m.kv_heads = 8;
  m.head_dim = 128;
  m.ffn = 28672;
  m.vocab = 128256;
  return m;
}

LayerSharding cut(double sequence, double tensor = 1, double context = 1, double micro_batch = 1) {
  LayerSharding s;
  s.micro_batch = micro_batch;
  s.sequence = sequence;
  s.tensor = tensor;
  s.context = context;
  return s;
}

KernelChoices megatron_2022() {
  KernelChoices c;
  c.flash_attention = false;
  c.transformer_engine = false;
  c.dropout = true;
  return c;
}

double flops(const std::vector<Work>& works) {
  double sum = 0;
  for (const Work& w : works) sum += w.flops();
  return sum;
}

double bytes(const std::vector<Work>& works) {
  double sum = 0;
  for (const Work& w : works) sum += w.bytes;
  return sum;
}

const Work& gemm(const std::vector<Work>& works, Site site) {
  return *std::find_if(works.begin(), works.end(),
                       [&](const Work& w) { return w.site == site && w.kind == WorkKind::kGemm; });
}

// Narayanan et al., SC21, appendix: a layer's forward is 24 B s h^2 + 4 B s^2 h.
TEST(LayerWork, ForwardFlopsOfAGptLayerAreNarayanansFormula) {
  const double b = 2, s = 2048, h = 12288;
  const LayerWork work = layer_work(gpt3(), 0, cut(s, 1, 1, b), megatron_2022());
  EXPECT_DOUBLE_EQ(flops(work.forward), 24 * b * s * h * h + 4 * b * s * s * h);
}

TEST(LayerWork, GradientsTakeTwiceTheForwardsFlops) {
  const LayerWork work = layer_work(gpt3(), 0, cut(2048), megatron_2022());
  EXPECT_DOUBLE_EQ(flops(work.input_grad) + flops(work.weight_grad), 2 * flops(work.forward));
}

TEST(LayerWork, TensorParallelRanksShareTheFlopsEvenly) {
  const LayerWork whole = layer_work(llama70b(), 0, cut(8192), {});
  const LayerWork part = layer_work(llama70b(), 0, cut(8192, 8), {});
  EXPECT_DOUBLE_EQ(8 * flops(part.forward), flops(whole.forward));
  EXPECT_DOUBLE_EQ(8 * flops(part.weight_grad), flops(whole.weight_grad));
}

TEST(LayerWork, ContextParallelRanksShareTheCausalAttentionEvenly) {
  const LayerWork whole = layer_work(llama70b(), 0, cut(8192), {});
  const LayerWork part = layer_work(llama70b(), 0, cut(8192, 1, 4), {});
  EXPECT_DOUBLE_EQ(4 * flops(part.forward), flops(whole.forward));
}

TEST(LayerWork, AWindowedLayerSeesItsWindowAndAFullOneEverything) {
  ModelSpec model = llama70b();
  model.sliding_window = 1024;
  model.full_attention_every = 2;
  const auto keys = [&](std::int64_t layer) {
    const Work work = layer_work(model, layer, cut(8192), {}).attention_core.front();
    return work.kv_tokens * (work.causal ? 0.5 : 1.0);
  };
  // Every query sees 1,024 keys but the first 1,024, which see half of them.
  EXPECT_DOUBLE_EQ(keys(0), 1024 - 1024.0 * 1024.0 / (2 * 8192));
  EXPECT_DOUBLE_EQ(keys(1), 8192 / 2);
}

TEST(LayerWork, UlyssesSharesUnfusedAttentionByHeads) {
  LayerSharding shared = cut(8192, 1, 4);
  shared.ulysses = true;
  KernelChoices unfused;
  unfused.flash_attention = false;
  const LayerWork whole = layer_work(llama70b(), 0, cut(8192), unfused);
  const LayerWork part = layer_work(llama70b(), 0, shared, unfused);
  EXPECT_DOUBLE_EQ(4 * flops(part.attention_core), flops(whole.attention_core));
}

TEST(LayerWork, GemmShapesAreTheOnesInTheFileHeader) {
  const LayerWork work = layer_work(gpt3(), 0, cut(2048, 8), megatron_2022());
  const Work& qkv = gemm(work.forward, Site::kQkv);
  EXPECT_EQ(qkv.m, 2048);
  EXPECT_EQ(qkv.n, 4608);
  EXPECT_EQ(qkv.k, 12288);
  const Work& projection = gemm(work.forward, Site::kProjection);
  EXPECT_EQ(projection.n, 12288);
  EXPECT_EQ(projection.k, 1536);
  const Work& fc1_weight = gemm(work.weight_grad, Site::kFc1);
  EXPECT_EQ(fc1_weight.m, 6144);
  EXPECT_EQ(fc1_weight.n, 12288);
  EXPECT_EQ(fc1_weight.k, 2048);
}

TEST(LayerWork, GroupedQueriesShrinkTheQkvProjection) {
  const LayerWork work = layer_work(llama70b(), 0, cut(4096), {});
  EXPECT_EQ(gemm(work.forward, Site::kQkv).n, (64 + 2 * 8) * 128);
  EXPECT_EQ(gemm(work.forward, Site::kFc1).n, 2 * 28672);
}

// Modern kernels, per token: 2 norms 4h, 2 residuals 6h, SwiGLU 6f, rope 4(a+g)d, v copy 4gd.
TEST(LayerWork, ElementwiseBytesOfALlamaLayerAreTheSumOfItsKernels) {
  const double tokens = 4096, h = 8192, f = 28672, a = 64, g = 8, d = 128;
  const LayerWork work = layer_work(llama70b(), 0, cut(tokens), {});
  EXPECT_DOUBLE_EQ(bytes(work.forward),
                   tokens * (2 * 4 * h + 2 * 6 * h + 6 * f + 4 * (a + g) * d + 4 * g * d));
  EXPECT_DOUBLE_EQ(bytes(work.input_grad), tokens * (2 * 6 * h + 2 * 6 * h + 10 * f +
                                                     4 * (a + g) * d + 4 * (a + 2 * g) * d));
}

// Megatron-LM 2022, per token of S = T h: 2 LN x 4, 2 bias-dropout-add x 7, GeLU 16, copy 4, QKV
// bias 12; scores: softmax 3 and dropout 5 bytes each.
TEST(LayerWork, ElementwiseBytesOfAMegatronGptLayerAreTheSumOfItsKernels) {
  const double s = 2048, h = 12288, a = 96;
  const LayerWork work = layer_work(gpt3(), 0, cut(s), megatron_2022());
  EXPECT_DOUBLE_EQ(bytes(work.forward),
                   s * h * (2 * 4 + 2 * 7 + 16 + 4 + 12) + (3 + 5) * a * s * s);
}

TEST(LayerWork, SequenceParallelismSharesNormsAndResiduals) {
  LayerSharding shared = cut(2048, 8);
  const double without = bytes(layer_work(gpt3(), 0, shared, megatron_2022()).forward);
  shared.sequence_parallel = true;
  const double with = bytes(layer_work(gpt3(), 0, shared, megatron_2022()).forward);
  const double norms_and_residuals = 2048.0 * 12288 * (2 * 4 + 2 * 7);
  EXPECT_DOUBLE_EQ(without - with, norms_and_residuals * 7 / 8);
}

TEST(LayerWork, TheSoftmaxKernelNeedsHeadsInFours) {
  ModelSpec odd = gpt3();
  odd.heads = odd.kv_heads = 90;
  odd.head_dim = 128;
  const LayerWork fused = layer_work(gpt3(), 0, cut(2048), megatron_2022());
  const LayerWork eager = layer_work(odd, 0, cut(2048), megatron_2022());
  const auto softmax = [](const LayerWork& work) {
    return std::find_if(work.forward.begin(), work.forward.end(),
                        [](const Work& w) { return w.what == "softmax"; })
        ->bytes;
  };
  EXPECT_DOUBLE_EQ(softmax(fused), 3.0 * 96 * 2048 * 2048);
  EXPECT_DOUBLE_EQ(softmax(eager), 37.0 * 90 * 2048 * 2048);
}

TEST(LayerWork, RoutedExpertsDoTopKTimesTheWorkOfOne) {
  ModelSpec mixtral = llama70b();
  mixtral.hidden = 4096;
  mixtral.heads = 32;
  MoeSpec moe;
  moe.experts = 8;
  moe.top_k = 2;
  moe.expert_ffn = 14336;
  mixtral.moe = moe;
  LayerSharding s = cut(4096);
  s.expert = 8;
  const LayerWork work = layer_work(mixtral, 0, s, {});
  const double experts =
      gemm(work.forward, Site::kExpertFc1).flops() + gemm(work.forward, Site::kExpertFc2).flops();
  EXPECT_DOUBLE_EQ(experts, 2 * 3 * 2.0 * 4096 * 4096 * 14336);
  EXPECT_DOUBLE_EQ(work.messages.expert_bytes, 2.0 * 4096 * 4096 * 2);
  EXPECT_DOUBLE_EQ(work.expert_parameters, 3.0 * 4096 * 14336);
}

TEST(HeadWork, IsThreeProductsWithThePaddedVocabulary) {
  ModelSpec m = gpt3();
  m.vocab = 50257;
  EXPECT_DOUBLE_EQ(padded_vocab(m, 8), 51200);
  const LayerWork head = head_work(m, cut(2048, 8), {});
  EXPECT_DOUBLE_EQ(flops(head.forward), 2.0 * 2048 * 6400 * 12288);
  EXPECT_DOUBLE_EQ(flops(head.input_grad) + flops(head.weight_grad), 2 * flops(head.forward));
}

}  // namespace
}  // namespace plumbline
