#include "calibration/measure/gpu/cuda_device.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>

#include "calibration/measure/design.h"
#include "calibration/measure/gpu/gemm.h"
#include "calibration/measure/gpu/kernels.h"
#include "calibration/measure/gpu/several_gpus.h"

namespace plumbline::measure::gpu {
namespace {

constexpr double kWindowS = 0.002, kSustainedWindowS = 0.050;
constexpr std::size_t kMaxSets = 256;

std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

std::string uuid_text(const cudaUUID_t& uuid) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Dense products per cycle and multiprocessor, whitepapers of each architecture; a capability that
// is not listed has no known peak, and no sample of it is called impossible.
double products_per_cycle(int capability, const std::string& dtype) {
  const double wide = dtype == "fp8" || dtype == "fp8_split" ? 2 : dtype == "tf32" ? 0.5 : 1;
  if (dtype == "fp32") return capability == 80 ? 64 : 128;
  if (wide == 2 && capability < 89) return 0;
  if (capability == 80) return 1024 * wide;
  if (capability == 90) return 2048 * wide;
  if (capability == 100 || capability == 103) return 4096 * wide;
  return 0;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

DeviceFacts facts_of(int ordinal, const Nvml& nvml) {
  cudaDeviceProp p{};
  check(cudaGetDeviceProperties(&p, ordinal), "cudaGetDeviceProperties");
  DeviceFacts f;
  f.name = p.name;
  f.uuid = uuid_text(p.uuid);
  f.driver = nvml.driver();
  int driver = 0, runtime = 0, memory_khz = 0;
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  f.libraries = {{"cuda_driver", version_text(driver)}, {"cuda_runtime", version_text(runtime)}};
  f.multiprocessors = p.multiProcessorCount;
  f.compute_capability = 10 * p.major + p.minor;
  f.memory_bytes = static_cast<double>(p.totalGlobalMem);
  f.l2_bytes = p.l2CacheSize;
  f.max_sm_mhz = nvml.max_sm_mhz();
  f.power_limit_w = nvml.power_limit_w();
  check(cudaGetDeviceCount(&f.gpus), "cudaGetDeviceCount");
  if (cudaDeviceGetAttribute(&memory_khz, cudaDevAttrMemoryClockRate, ordinal) == cudaSuccess) {
    f.peak_bytes_per_s = 2e3 * memory_khz * p.memoryBusWidth / 8;  // two transfers a cycle
  }
  for (const char* dtype : {"bf16", "fp16", "fp8", "fp8_split", "tf32", "fp32"}) {
    const double peak = 2 * products_per_cycle(f.compute_capability, dtype) * f.multiprocessors *
                        f.max_sm_mhz * 1e6;
    if (peak > 0) f.peak_flops[dtype] = peak;
  }
  return f;
}

/// Calls of a kernel, as a graph where it can be captured, timed by events.
class GraphWorkload : public Workload {
 public:
  /// @param call  enqueues call number i on the stream
  GraphWorkload(Machine& machine, const Site& site, std::function<void(std::size_t)> call,
                bool capture = true)
      : machine_(machine), sustained_(site.regime == "sustained"), call_(std::move(call)) {
    const cudaStream_t s = machine_.stream;
    for (std::size_t i = 0; i < 2; ++i) call_(i);
    check(cudaStreamSynchronize(s), "warm-up");
    watch_.start(s);
    for (std::size_t i = 0; i < 3; ++i) call_(i);
    const double single = std::max(watch_.stop(s) / 3, 1e-6);
    const double length = sustained_ ? kSustainedWindowS : kWindowS;
    calls_ = static_cast<std::size_t>(std::clamp(std::ceil(1.1 * length / single), 1.0, 4000.0));
    if (capture) record();
    if (!graph_) return;
    check(cudaGraphLaunch(graph_, s), "cudaGraphLaunch");  // its upload is not timed
    check(cudaStreamSynchronize(s), "warm-up");
  }
  ~GraphWorkload() override {
    if (graph_) cudaGraphExecDestroy(graph_);
  }

  Window run() override {
    const cudaStream_t s = machine_.stream;
    watch_.start(s);
    if (graph_) {
      check(cudaGraphLaunch(graph_, s), "cudaGraphLaunch");
    } else {
      for (std::size_t i = 0; i < calls_; ++i) call_(i);
    }
    Window window;
    window.busy_s = watch_.stop(s);
    window.seconds = window.busy_s / static_cast<double>(calls_);
    window.sm_mhz = machine_.sm_mhz();
    // Asking the driver takes longer than a window: every window of a sustained run, and the
    // first of a burst.
    if (sustained_ || !asked_) window.power_w = machine_.nvml->read().power_w;
    asked_ = true;
    return window;
  }

 private:
  void record() {
    const cudaStream_t s = machine_.stream;
    cudaGraph_t graph = nullptr;
    check(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    try {
      for (std::size_t i = 0; i < calls_; ++i) call_(i);
    } catch (...) {  // a stream that stays in capture is lost to all sites behind this one
      cudaStreamEndCapture(s, &graph);
      if (graph) cudaGraphDestroy(graph);
      cudaGetLastError();
      throw;
    }
    check(cudaStreamEndCapture(s, &graph), "cudaStreamEndCapture");
    const cudaError_t error = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "cudaGraphInstantiate");
  }

  Machine& machine_;
  bool sustained_, asked_ = false;
  std::function<void(std::size_t)> call_;
  Stopwatch watch_;
  std::size_t calls_ = 1;
  cudaGraphExec_t graph_ = nullptr;
};

/// Copies of a set of arrays, enough of them that none is found in the L2 when its turn comes.
struct Sets {
  std::vector<std::vector<void*>> arrays;  ///< [sets][arrays]

  Sets(Machine& machine, const Site& site, const std::vector<Part>& parts) {
    std::size_t one = 0;
    for (const Part& part : parts) {
      one += aligned(static_cast<std::size_t>(part.count) * size_of(part.element));
    }
    std::size_t count = 1;
    if (site.regime != "hot") {
      const double room = 0.8 * machine.facts.memory_bytes / static_cast<double>(one);
      const double wanted =
          std::max(2.0, 2 * machine.facts.l2_bytes / static_cast<double>(one) + 1);
      count = static_cast<std::size_t>(std::min({wanted, room, double{kMaxSets}}));
      if (count < 2) throw Unsupported("two sets of its buffers do not fit into memory");
    }
    char* at = machine.pool(one * count);
    std::uint64_t seed = machine.seed;
    for (std::size_t set = 0; set < count; ++set) {
      arrays.emplace_back();
      for (const Part& part : parts) {
        arrays.back().push_back(at);
        fill_uniform(at, part.count, part.element, ++seed, part.limit, machine.stream);
        at += aligned(static_cast<std::size_t>(part.count) * size_of(part.element));
      }
    }
    check(cudaStreamSynchronize(machine.stream), "filling buffers");
  }
  void* const* of(std::size_t call) const { return arrays[call % arrays.size()].data(); }
};

std::unique_ptr<Workload> open_gemm(Machine& machine, const Site& site) {
  if (!machine.cublaslt) throw Unsupported(machine.no_cublaslt);
  const auto gemm = std::make_shared<Gemm>(*machine.cublaslt, site);
  const Element in = operand_of(site);
  const auto sets =
      std::make_shared<Sets>(machine, site,
                             std::vector<Part>{{"a", in, site.m * site.k},
                                               {"b", in, site.n * site.k},
                                               {"c", output_of(site), site.m * site.n, 0, true}});
  return std::make_unique<GraphWorkload>(machine, site, [&machine, gemm, sets](std::size_t i) {
    void* const* p = sets->of(i);
    gemm->enqueue(p[0], p[1], p[2], machine.workspace.data(), machine.stream);
  });
}

std::unique_ptr<Workload> open_streaming(Machine& machine, const Site& site) {
  const std::vector<Part> parts = parts_of(site.name, site.m, site.n);
  if (parts.empty()) throw Unsupported("no kernel is called " + site.name);
  const auto sets = std::make_shared<Sets>(machine, site, parts);
  return std::make_unique<GraphWorkload>(machine, site, [&machine, site, sets](std::size_t i) {
    launch_streaming(site.name, sets->of(i), site.m, site.n, machine.stream);
  });
}

std::unique_ptr<Workload> open_memory(Machine& machine, const Site& site) {
  // `bytes` is traffic: a copy reads half of it and writes half.
  const std::int64_t bytes = site.name == "copy" ? site.bytes / 2 : site.bytes;
  std::vector<Part> parts{{"from", Element::kFp32, bytes / 4}};
  if (site.name == "copy") parts.push_back({"to", Element::kFp32, bytes / 4, 0, true});
  const auto sets = std::make_shared<Sets>(machine, site, parts);
  return std::make_unique<GraphWorkload>(
      machine, site, [&machine, name = site.name, bytes, sets](std::size_t i) {
        void* const* p = sets->of(i);
        if (name == "read") launch_memory_read(p[0], bytes, machine.probe.data(), machine.stream);
        if (name == "write") launch_memory_write(p[0], bytes, machine.stream);
        if (name == "copy") launch_memory_copy(p[0], p[1], bytes, machine.stream);
      });
}

/// Two events for a hand-over from one stream to another and back.
struct HandOver {
  cudaEvent_t there = nullptr, back = nullptr;
  HandOver() {
    check(cudaEventCreateWithFlags(&there, cudaEventDisableTiming), "cudaEventCreate");
    check(cudaEventCreateWithFlags(&back, cudaEventDisableTiming), "cudaEventCreate");
  }
  ~HandOver() {
    cudaEventDestroy(there);
    cudaEventDestroy(back);
  }
};

// launch: kernels one by one from the host; graph_node: the same in a graph; event_handover: the
// kernels of a graph take turns on two streams, so that every one waits for an event.
std::unique_ptr<Workload> open_overhead(Machine& machine, const Site& site) {
  const auto plain = [&machine](std::size_t) { launch_empty(machine.stream); };
  if (site.name == "launch") return std::make_unique<GraphWorkload>(machine, site, plain, false);
  if (site.name == "graph_node") return std::make_unique<GraphWorkload>(machine, site, plain);
  if (site.name != "event_handover") throw Unsupported("no overhead is called " + site.name);
  const auto events = std::make_shared<HandOver>();
  class HalfTheTime : public GraphWorkload {  // a call is two hand-overs
   public:
    using GraphWorkload::GraphWorkload;
    Window run() override {
      Window window = GraphWorkload::run();
      window.seconds /= 2;
      return window;
    }
  };
  return std::make_unique<HalfTheTime>(machine, site, [&machine, events](std::size_t) {
    launch_empty(machine.stream);
    check(cudaEventRecord(events->there, machine.stream), "cudaEventRecord");
    check(cudaStreamWaitEvent(machine.other, events->there, 0), "cudaStreamWaitEvent");
    launch_empty(machine.other);
    check(cudaEventRecord(events->back, machine.other), "cudaEventRecord");
    check(cudaStreamWaitEvent(machine.stream, events->back, 0), "cudaStreamWaitEvent");
  });
}

struct Pinned {
  void* data = nullptr;
  explicit Pinned(std::size_t bytes) {
    check(cudaHostAlloc(&data, bytes, cudaHostAllocDefault), "cudaHostAlloc");
  }
  ~Pinned() { cudaFreeHost(data); }
};

std::unique_ptr<Workload> open_host_copy(Machine& machine, const Site& site) {
  const auto bytes = static_cast<std::size_t>(site.bytes);
  const bool both = site.name == "bidirectional";
  const auto host = std::make_shared<Pinned>(bytes * 2);
  const auto events = std::make_shared<HandOver>();
  char* device = machine.pool(2 * bytes);
  return std::make_unique<GraphWorkload>(
      machine, site, [&machine, host, events, device, bytes, both, name = site.name](std::size_t) {
        if (both) {
          check(cudaEventRecord(events->there, machine.stream), "cudaEventRecord");
          check(cudaStreamWaitEvent(machine.other, events->there, 0), "cudaStreamWaitEvent");
          check(cudaMemcpyAsync(static_cast<char*>(host->data) + bytes, device + bytes, bytes,
                                cudaMemcpyDeviceToHost, machine.other),
                "cudaMemcpyAsync");
          check(cudaEventRecord(events->back, machine.other), "cudaEventRecord");
        }
        if (name == "d2h") {
          check(cudaMemcpyAsync(host->data, device, bytes, cudaMemcpyDeviceToHost, machine.stream),
                "cudaMemcpyAsync");
        } else {
          check(cudaMemcpyAsync(device, host->data, bytes, cudaMemcpyHostToDevice, machine.stream),
                "cudaMemcpyAsync");
        }
        if (both)
          check(cudaStreamWaitEvent(machine.stream, events->back, 0), "cudaStreamWaitEvent");
      });
}

}  // namespace

Machine::Machine(int device) : ordinal((check(cudaSetDevice(device), "cudaSetDevice"), device)) {
  std::array<char, 32> bus{};
  check(cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), ordinal), "PCI bus id");
  nvml = std::make_unique<Nvml>(bus.data());
  facts = facts_of(ordinal, *nvml);
  workspace = Memory(Gemm::kWorkspaceBytes);
  probe = Memory(256);
  try {
    cublaslt = std::make_unique<CublasLt>();
    facts.libraries.emplace_back("cublaslt", std::to_string(cublaslt->cublasLtGetVersion()));
    facts.libraries.emplace_back("cublaslt_path", cublaslt->library.path());
  } catch (const Unsupported& why) {
    no_cublaslt = why.what();
  }
}

char* Machine::pool(std::size_t bytes) {
  if (pool_.bytes() < bytes) {
    pool_ = Memory();  // freed before the larger one is asked for
    pool_ = Memory(bytes);
  }
  return static_cast<char*>(pool_.data());
}

double Machine::sm_mhz() {
  std::uint64_t counted[2] = {0, 0};
  launch_clock_probe(static_cast<std::uint64_t*>(probe.data()), stream);
  check(cudaMemcpyAsync(counted, probe.data(), sizeof counted, cudaMemcpyDeviceToHost, stream),
        "cudaMemcpyAsync");
  check(cudaStreamSynchronize(stream), "clock probe");
  return counted[1] == 0 ? 0
                         : 1e3 * static_cast<double>(counted[0]) / static_cast<double>(counted[1]);
}

std::unique_ptr<Workload> CudaDevice::open(const Site& site) {
  check(cudaSetDevice(machine_.ordinal), "cudaSetDevice");
  try {
    if (site.operation == "gemm") return open_gemm(machine_, site);
    if (site.operation == "elementwise") return open_streaming(machine_, site);
    if (site.operation == "memory") return open_memory(machine_, site);
    if (site.operation == "overhead") return open_overhead(machine_, site);
    if (site.operation == "host_copy") return open_host_copy(machine_, site);
    return open_several_gpus(machine_, site);
  } catch (const CudaError& error) {
    // Out of memory and refused captures leave the device usable; anything sticky does not.
    if (cudaGetLastError() != cudaSuccess && cudaDeviceSynchronize() != cudaSuccess) throw;
    throw Unsupported(error.what());
  }
}

double CudaDevice::now_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace plumbline::measure::gpu
