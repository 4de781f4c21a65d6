#include "calibration/measure/gpu/rank_work.h"

#include "calibration/measure/gpu/kernels.h"

namespace plumbline::measure::gpu {

RankWork::RankWork(Machine& machine, const BoxPlan& plan, int multiprocessors)
    : machine_(machine), plan_(plan), multiprocessors_(multiprocessors) {
  for (const auto& [kind, us] : plan.op_us) pieces_[kind] = static_cast<std::int64_t>(us * 1e3);
  if (plan.mode == "tensor") never_ = Memory(256);
  if (plan.mode == "gemm") prepare_products();
}

void RankWork::enqueue(char kind, cudaStream_t stream) const {
  if (kind == 'B') {
    enqueue('I', stream);
    enqueue('W', stream);
    return;
  }
  const std::int64_t pieces = pieces_.at(kind);
  if (plan_.mode == "spin") launch_spin(pieces, multiprocessors_, stream);
  if (plan_.mode == "tensor") launch_tensor(pieces, multiprocessors_, never_.data(), stream);
  if (plan_.mode != "gemm") return;
  const Gemm& gemm = *products_.at(kind);
  for (std::int64_t i = 0; i < pieces; ++i) {
    gemm.enqueue(buffers_[0].data(), buffers_[1].data(), buffers_[kind == 'W' ? 3 : 2].data(),
                 workspace_.data(), stream);
  }
}

void RankWork::prepare_products() {
  if (!machine_.cublaslt) throw Unsupported(machine_.no_cublaslt);
  Site site{"gemm", "tn", "bf16"};
  site.m = plan_.gemm[0];
  site.n = plan_.gemm[1];
  site.k = plan_.gemm[2];
  products_['F'] = std::make_unique<Gemm>(*machine_.cublaslt, site, multiprocessors_);
  site.name = "nn";
  products_['I'] = std::make_unique<Gemm>(*machine_.cublaslt, site, multiprocessors_);
  site.name = "nt";
  site.accumulate = true;
  products_['W'] = std::make_unique<Gemm>(*machine_.cublaslt, site, multiprocessors_);
  workspace_ = Memory(Gemm::kWorkspaceBytes);
  const std::int64_t counts[] = {site.m * site.k, site.n * site.k, site.m * site.n,
                                 site.m * site.n};
  for (int i = 0; i < 4; ++i) {
    const Element element = i == 3 ? Element::kFp32 : Element::kBf16;
    buffers_.emplace_back(static_cast<std::size_t>(counts[i]) * size_of(element));
    fill_uniform(buffers_.back().data(), counts[i], element, static_cast<std::uint64_t>(i) + 1, 0,
                 machine_.stream);
  }
  check(cudaStreamSynchronize(machine_.stream), "filling buffers");
}

}  // namespace plumbline::measure::gpu
