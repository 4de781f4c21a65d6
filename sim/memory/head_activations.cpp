// The vocabulary head on V/t rows.  What the loss keeps of a logit from F until B, and what it
// needs besides while it runs:
//
//   Transformer Engine   the bf16 logit, whose gradient is written in place      2
//   jit-fused            fp32 softmax; the bf16 logit in F, its gradient in B    4 + 2
//   unfused              the same, and an fp32 copy with the maximum subtracted  4 + 6 in F, 2 in B
//   unfused, torch FSDP  fp32 log-softmax; logits and an fp32 copy in F, two
//                        fp32 gradients in B (F.cross_entropy, logits freed)   4 + 6 in F, 8 in B

#include "sim/memory/saved_tensors.h"
#include "sim/memory/static_memory.h"

namespace plumbline {
namespace {

struct LogitBytes {
  double kept, forward, backward;
};

LogitBytes logit_bytes(const SoftwareFacts& facts) {
  switch (facts.cross_entropy) {
    case CrossEntropy::kTransformerEngine:
      return {2.0, 0.0, 0.0};
    case CrossEntropy::kJitFused:
      return {4.0, 2.0, 2.0};
    case CrossEntropy::kUnfused:
      break;
  }
  return {4.0, 6.0, facts.saved_tensors == SavedTensors::kTorchFsdp ? 8.0 : 2.0};
}

}  // namespace

HeadActivations head_activations(const ModelSpec& model, const ParallelPlan& plan,
                                 const TrainingOptions& training) {
  const ActivationShape shape = activation_shape(model, plan, training);
  const SoftwareFacts& facts = training.software;
  const LogitBytes logit = logit_bytes(facts);
  const double value = bytes_of(training.precision);
  const auto h = static_cast<double>(model.hidden);
  const double logits = shape.tokens * shape.vocabulary;
  const double losses = 1.0 + static_cast<double>(model.mtp_layers);
  HeadActivations out;
  out.saved = 2.0 * shape.tokens * value * h / shape.split;  // the norm's input and output
  out.weight_grad = shape.tokens * value * h / shape.split + logits * value;
  out.logits = losses * logits * logit.kept;
  out.forward_peak_logits = logits * logit.forward;
  out.backward_peak_logits = logits * logit.backward;
  // The gradient of the gathered input, and that input itself under sequence parallelism.
  out.backward_peak = shape.tokens * value * h * (shape.split > 1.0 ? 2.0 : 1.0);
  // The weight gradient in 16 bits: a dummy when it is accumulated inside the GEMM.
  if (!facts.gradient_accumulation_fusion || facts.weight_grad_dummies) {
    out.backward_peak += shape.vocabulary * h * value;
  }
  return out;
}

}  // namespace plumbline
