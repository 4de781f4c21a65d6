#include "calibration/measure/gpu/several_gpus.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "calibration/measure/gpu/kernels.h"

namespace plumbline::measure::gpu {
namespace {

constexpr double kWindowS = 0.002;

/// Streams and buffers on the first GPUs of the process, the session's own first.
struct Peers {
  std::vector<int> devices;
  std::vector<cudaStream_t> streams;
  std::vector<void*> from, to;

  Peers(const Machine& machine, int ranks, std::size_t bytes) {
    if (machine.ordinal != 0) throw Unsupported("peers are counted from GPU 0");
    for (int device = 0; device < ranks; ++device) {
      check(cudaSetDevice(device), "cudaSetDevice");
      devices.push_back(device);
      streams.push_back(nullptr);
      from.push_back(nullptr);
      to.push_back(nullptr);
      check(cudaStreamCreateWithFlags(&streams.back(), cudaStreamNonBlocking), "cudaStreamCreate");
      check(cudaMalloc(&from.back(), bytes), "cudaMalloc");
      check(cudaMalloc(&to.back(), bytes), "cudaMalloc");
      fill_uniform(from.back(), static_cast<std::int64_t>(bytes / 2), Element::kFp16,
                   static_cast<std::uint64_t>(device) + 1, 0, streams.back());
    }
    check(cudaSetDevice(0), "cudaSetDevice");
  }
  ~Peers() {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      cudaSetDevice(devices[i]);
      cudaFree(from[i]);
      cudaFree(to[i]);
      cudaStreamDestroy(streams[i]);
    }
    cudaSetDevice(0);
  }
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;
};

/// Many calls, host-enqueued; timed on GPU 0 from a common start to the end of every stream.
class PeerWorkload : public Workload {
 public:
  PeerWorkload(Machine& machine, std::shared_ptr<Peers> peers, std::function<void()> call)
      : machine_(machine), peers_(std::move(peers)), call_(std::move(call)) {
    for (std::size_t i = 0; i < peers_->devices.size(); ++i) {
      check(cudaSetDevice(peers_->devices[i]), "cudaSetDevice");
      ends_.push_back(nullptr);
      check(cudaEventCreateWithFlags(&ends_.back(), cudaEventDisableTiming), "cudaEventCreate");
    }
    check(cudaSetDevice(0), "cudaSetDevice");
    calls_ = 3;
    run();
    const double single = std::max(run().seconds, 1e-6);
    calls_ = static_cast<std::size_t>(std::clamp(std::ceil(kWindowS / single), 1.0, 1000.0));
  }
  ~PeerWorkload() override {
    for (const cudaEvent_t end : ends_) cudaEventDestroy(end);
  }

  Window run() override {
    const cudaStream_t first = peers_->streams[0];
    watch_.start(first);
    for (std::size_t i = 0; i < calls_; ++i) call_();
    for (std::size_t i = 1; i < ends_.size(); ++i) {
      check(cudaSetDevice(peers_->devices[i]), "cudaSetDevice");
      check(cudaEventRecord(ends_[i], peers_->streams[i]), "cudaEventRecord");
    }
    check(cudaSetDevice(0), "cudaSetDevice");
    for (std::size_t i = 1; i < ends_.size(); ++i) {
      check(cudaStreamWaitEvent(first, ends_[i], 0), "cudaStreamWaitEvent");
    }
    Window window;
    window.busy_s = watch_.stop(first);
    window.seconds = window.busy_s / static_cast<double>(calls_);
    window.sm_mhz = machine_.sm_mhz();
    return window;
  }

 private:
  Machine& machine_;
  std::shared_ptr<Peers> peers_;
  std::function<void()> call_;
  Stopwatch watch_;
  std::vector<cudaEvent_t> ends_;
  std::size_t calls_ = 1;
};

std::unique_ptr<Workload> open_peer_copy(Machine& machine, const Site& site) {
  for (int device = 0; device < 2; ++device) {
    int possible = 0;
    check(cudaDeviceCanAccessPeer(&possible, device, 1 - device), "cudaDeviceCanAccessPeer");
    if (!possible) throw Unsupported("GPUs 0 and 1 have no peer access");
    check(cudaSetDevice(device), "cudaSetDevice");
    const cudaError_t error = cudaDeviceEnablePeerAccess(1 - device, 0);
    if (error == cudaErrorPeerAccessAlreadyEnabled) {
      cudaGetLastError();
    } else {
      check(error, "cudaDeviceEnablePeerAccess");
    }
  }
  const auto bytes = static_cast<std::size_t>(site.bytes);
  const auto peers = std::make_shared<Peers>(machine, 2, bytes);
  const bool both = site.name == "bidirectional";
  return std::make_unique<PeerWorkload>(machine, peers, [p = peers.get(), bytes, both] {
    check(cudaMemcpyPeerAsync(p->to[1], 1, p->from[0], 0, bytes, p->streams[0]), "cudaMemcpyPeer");
    if (!both) return;
    check(cudaMemcpyPeerAsync(p->to[0], 0, p->from[1], 1, bytes, p->streams[1]), "cudaMemcpyPeer");
  });
}

std::unique_ptr<Workload> open_collective(Machine& machine, const Site& site) {
  const auto bytes = static_cast<std::size_t>(site.bytes);
  const auto peers = std::make_shared<Peers>(machine, site.ranks, bytes);
  const auto nccl = std::make_shared<Nccl>(site.ranks);
  return std::make_unique<PeerWorkload>(machine, peers,
                                        [nccl, p = peers.get(), name = site.name, bytes] {
                                          nccl->enqueue(name, bytes, p->from, p->to, p->streams);
                                        });
}

}  // namespace

std::unique_ptr<Workload> open_several_gpus(Machine& machine, const Site& site) {
  const bool peer = site.operation == "peer_copy", collective = site.operation == "collective";
  if (!peer && !collective) throw Unsupported("no operation is called " + site.operation);
  if (machine.facts.gpus < site.ranks) {
    throw Unsupported("needs " + std::to_string(site.ranks) + " GPUs");
  }
  return peer ? open_peer_copy(machine, site) : open_collective(machine, site);
}

}  // namespace plumbline::measure::gpu
