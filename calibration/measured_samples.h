// Files of measured kernels, in the layouts that public collections and plumbline-measure write.
//
// The header line tells the layout; the file's name tells what no column says:
//
//   m,n,k,latency_us            products (AIConfigurator; also m,k,n,latency_us,mfu of InferSim and
//                               model,op,tp,m,n,k,median_us,std_us of Vidur). The name tells the
//                               dtype (bfloat16, fp8, ...; bf16 otherwise); with an mfu column the
//                               peak it implies tells it. Optional: layout (tn|nn|nt), accumulate.
//   batch_size,isl,num_heads,num_kv_heads,latency_us        prompts (attention_prefill)
//   batch_size,kv_len,num_heads,num_kv_heads,latency_us     attention_decode
//   dtype,kv_dtype,batch_size,kv_len,latency_us,mfu         attention_decode, heads in the name
//                                                           (mha_decode_GPU_HEADS-KVHEADS-DIM)
//   dtype,seq_len,latency_us,mfu                            attention_prefill, heads in the name
//   ...,q_seqlen,kv_seqlen,...,fwd_time_ms,bwd_time_ms      cudnn-frontend's training benchmark:
//                                                           attention_prefill, attention_backward
//   head_dim_qk,head_dim_vo,causal,seqlen,fwd_tflops,...    the same as this project keeps it
//   op_name,nccl_dtype,num_gpus,bytes,latency_us            collectives (nccl-tests' sizes)
//   rank,num_workers,devices_per_node,bytes,..,median_us,.. Vidur's all_reduce or send_recv
//   num_tokens,num_tensor_parallel_workers,emb_us,...       Vidur's layers: norm, activation, add
//   layer,tokens,time_us                                    LLMServingSim's layers, model in the
//   name layer,sequences,time_us                                 its head
//   prefill_chunk,kv_prefill,n_decode,kv_decode,time_us     its attention, unmixed batches
//   kernel,bytes,latency_us                                 elementwise: bytes of traffic
//   kind,bytes,latency_us                                   memory: a device-to-device copy's bytes
//
// Columns may stand in any order and others may stand beside them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/cluster/device.h"
#include "sim/kernels/kernel_times.h"

namespace plumbline {

struct MeasuredSample {
  std::string operation;  ///< "gemm_bf16", "attention_decode", "all_reduce", ...
  Seconds time;
  std::function<KernelPrice(const KernelTimes&)> price;
};

struct MeasuredFile {
  std::vector<MeasuredSample> samples;
  std::vector<std::string> notes;  ///< rows left out, and why
};

/// @param device tells which dtype an implied peak means
/// @throws InputError for a file that cannot be read or whose layout nothing above matches
MeasuredFile read_measured(const std::string& path, const DeviceSpec& device);

}  // namespace plumbline
