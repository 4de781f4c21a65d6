#include "calibration/measure/gpu/libraries.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "calibration/measure/device.h"
#include "calibration/measure/gpu/check.h"

namespace plumbline::measure::gpu {

namespace fs = std::filesystem;

Library::Library(const char* what, const std::vector<std::string>& candidates) : what_(what) {
  std::string tried;
  for (const std::string& candidate : candidates) {
    handle_ = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) {
      path_ = candidate;
      return;
    }
    tried += (tried.empty() ? "" : ", ") + candidate;
  }
  throw Unsupported(what_ + " was not found: " + tried);
}

Library::~Library() {
  if (handle_) dlclose(handle_);
}

void* Library::symbol(const char* name) const {
  void* found = dlsym(handle_, name);
  if (!found) throw Unsupported(path_ + " has no " + name);
  return found;
}

std::vector<std::string> cublaslt_candidates() {
  std::vector<std::string> all;
  if (const char* given = std::getenv("PLUMBLINE_CUBLASLT")) all.emplace_back(given);
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) {
    all.emplace_back(name);
    all.push_back(std::string("/usr/local/cuda/lib64/") + name);
  }
  std::vector<fs::path> roots;
  if (const char* env = std::getenv("VIRTUAL_ENV")) roots.push_back(fs::path(env) / "lib");
  for (const char* root :
       {"/usr/lib", "/usr/local/lib", "/opt/torch/.venv/lib", "/opt/conda/lib"}) {
    roots.emplace_back(root);
  }
  std::error_code none;
  for (const fs::path& root : roots) {
    for (const auto& entry : fs::directory_iterator(root, none)) {
      if (entry.path().filename().string().rfind("python3", 0) != 0) continue;
      for (const char* packages : {"site-packages", "dist-packages"}) {
        for (const char* wheel : {"cu13/lib/libcublasLt.so.13", "cublas/lib/libcublasLt.so.12"}) {
          const fs::path path = entry.path() / packages / "nvidia" / wheel;
          if (fs::exists(path, none)) all.push_back(path.string());
        }
      }
    }
  }
  return all;
}

CublasLt::CublasLt() : library("cuBLASLt", cublaslt_candidates()) {
#define PLUMBLINE_LT(name) name = reinterpret_cast<decltype(name)>(library.symbol(#name))
  PLUMBLINE_LT(cublasLtCreate);
  PLUMBLINE_LT(cublasLtDestroy);
  PLUMBLINE_LT(cublasLtGetVersion);
  PLUMBLINE_LT(cublasLtMatmulDescCreate);
  PLUMBLINE_LT(cublasLtMatmulDescDestroy);
  PLUMBLINE_LT(cublasLtMatmulDescSetAttribute);
  PLUMBLINE_LT(cublasLtMatrixLayoutCreate);
  PLUMBLINE_LT(cublasLtMatrixLayoutDestroy);
  PLUMBLINE_LT(cublasLtMatmulPreferenceCreate);
  PLUMBLINE_LT(cublasLtMatmulPreferenceDestroy);
  PLUMBLINE_LT(cublasLtMatmulPreferenceSetAttribute);
  PLUMBLINE_LT(cublasLtMatmulAlgoGetHeuristic);
  PLUMBLINE_LT(cublasLtMatmul);
#undef PLUMBLINE_LT
  if (cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS) {
    throw Unsupported(library.path() + " could not be initialised on this device");
  }
}

CublasLt::~CublasLt() {
  if (handle) cublasLtDestroy(handle);
}

// nvml.h is not part of every toolkit; these are the calls as its reference documents them.
Nvml::Nvml(const std::string& pci_bus_id) {
  try {
    library_ = std::make_unique<Library>(
        "NVML",
        std::vector<std::string>{"libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1"});
    int (*init)() = nullptr;
    int (*handle)(const char*, void**) = nullptr;
    library_->find(init, "nvmlInit_v2");
    library_->find(handle, "nvmlDeviceGetHandleByPciBusId_v2");
    if (init() != 0 || handle(pci_bus_id.c_str(), &device_) != 0) device_ = nullptr;
  } catch (const Unsupported&) {
    library_.reset();
  }
}

Nvml::~Nvml() {
  if (!library_) return;
  int (*shutdown)() = nullptr;
  library_->find(shutdown, "nvmlShutdown");
  shutdown();
}

namespace {

// One number by a call of the form int f(device, kind, unsigned*) or int f(device, unsigned*).
double ask(const Library* library, void* device, const char* name, int kind = -1) {
  if (!library || !device) return 0;
  try {
    unsigned value = 0;
    if (kind >= 0) {
      int (*call)(void*, unsigned, unsigned*) = nullptr;
      library->find(call, name);
      return call(device, static_cast<unsigned>(kind), &value) == 0 ? value : 0;
    }
    int (*call)(void*, unsigned*) = nullptr;
    library->find(call, name);
    return call(device, &value) == 0 ? value : 0;
  } catch (const Unsupported&) {
    return 0;
  }
}

constexpr int kClockSm = 1, kTemperatureGpu = 0;  // nvmlClockType_t, nvmlTemperatureSensors_t

}  // namespace

Nvml::Reading Nvml::read() const {
  Reading r;
  r.sm_mhz = ask(library_.get(), device_, "nvmlDeviceGetClockInfo", kClockSm);
  r.power_w = ask(library_.get(), device_, "nvmlDeviceGetPowerUsage") * 1e-3;
  r.temperature_c = ask(library_.get(), device_, "nvmlDeviceGetTemperature", kTemperatureGpu);
  if (library_ && device_) {
    try {
      int (*reasons)(void*, unsigned long long*) = nullptr;
      library_->find(reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
      if (reasons(device_, &r.clock_reasons) != 0) r.clock_reasons = 0;
    } catch (const Unsupported&) {
    }
  }
  return r;
}

double Nvml::power_limit_w() const {
  return ask(library_.get(), device_, "nvmlDeviceGetEnforcedPowerLimit") * 1e-3;
}
double Nvml::max_sm_mhz() const {
  return ask(library_.get(), device_, "nvmlDeviceGetMaxClockInfo", kClockSm);
}
std::string Nvml::driver() const {
  if (!library_) return "";
  int (*version)(char*, unsigned) = nullptr;
  library_->find(version, "nvmlSystemGetDriverVersion");
  char text[96] = "";
  return version(text, sizeof text) == 0 ? text : "";
}

// NCCL's C interface; types and operators by their documented numbers.
struct Nccl::Functions {
  Library library{"NCCL", {"libnccl.so.2", "/usr/local/cuda/lib64/libnccl.so.2"}};
  int (*version)(int*) = nullptr;
  int (*init)(void**, int, const int*) = nullptr;
  int (*destroy)(void*) = nullptr;
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;
  int (*all_reduce)(const void*, void*, size_t, int, int, void*, cudaStream_t) = nullptr;
  int (*all_gather)(const void*, void*, size_t, int, void*, cudaStream_t) = nullptr;
  int (*reduce_scatter)(const void*, void*, size_t, int, int, void*, cudaStream_t) = nullptr;
  int (*send)(const void*, size_t, int, int, void*, cudaStream_t) = nullptr;
  int (*recv)(void*, size_t, int, int, void*, cudaStream_t) = nullptr;
};

namespace {
constexpr int kNcclHalf = 6, kNcclSum = 0;

void nccl_check(int result, const char* what) {
  if (result != 0) throw Unsupported(std::string(what) + ": NCCL result " + std::to_string(result));
}
}  // namespace

Nccl::Nccl(int ranks) : f_(std::make_unique<Functions>()) {
  const Library& l = f_->library;
  l.find(f_->version, "ncclGetVersion");
  l.find(f_->init, "ncclCommInitAll");
  l.find(f_->destroy, "ncclCommDestroy");
  l.find(f_->group_start, "ncclGroupStart");
  l.find(f_->group_end, "ncclGroupEnd");
  l.find(f_->all_reduce, "ncclAllReduce");
  l.find(f_->all_gather, "ncclAllGather");
  l.find(f_->reduce_scatter, "ncclReduceScatter");
  l.find(f_->send, "ncclSend");
  l.find(f_->recv, "ncclRecv");
  communicators_.resize(static_cast<std::size_t>(ranks));
  nccl_check(f_->init(communicators_.data(), ranks, nullptr), "ncclCommInitAll");
}

Nccl::~Nccl() {
  for (void* communicator : communicators_) f_->destroy(communicator);
}

std::string Nccl::version() const {
  int code = 0;
  nccl_check(f_->version(&code), "ncclGetVersion");
  return std::to_string(code);
}

void Nccl::enqueue(const std::string& op, std::size_t bytes, const std::vector<void*>& from,
                   const std::vector<void*>& to, const std::vector<cudaStream_t>& streams) const {
  const std::size_t ranks = communicators_.size(), count = bytes / 2, part = count / ranks;
  nccl_check(f_->group_start(), "ncclGroupStart");
  for (std::size_t r = 0; r < ranks; ++r) {
    void* comm = communicators_[r];
    int result = 0;
    if (op == "all_reduce") {
      result = f_->all_reduce(from[r], to[r], count, kNcclHalf, kNcclSum, comm, streams[r]);
    } else if (op == "all_gather") {
      result = f_->all_gather(from[r], to[r], part, kNcclHalf, comm, streams[r]);
    } else if (op == "reduce_scatter") {
      result = f_->reduce_scatter(from[r], to[r], part, kNcclHalf, kNcclSum, comm, streams[r]);
    } else if (op == "alltoall") {
      for (std::size_t peer = 0; peer < ranks && result == 0; ++peer) {
        const auto* out = static_cast<const char*>(from[r]) + 2 * part * peer;
        auto* in = static_cast<char*>(to[r]) + 2 * part * peer;
        result = f_->send(out, part, kNcclHalf, static_cast<int>(peer), comm, streams[r]);
        if (result == 0) {
          result = f_->recv(in, part, kNcclHalf, static_cast<int>(peer), comm, streams[r]);
        }
      }
    } else if (op == "send_recv") {
      result = r == 0 ? f_->send(from[r], count, kNcclHalf, 1, comm, streams[r])
                      : f_->recv(to[r], count, kNcclHalf, 0, comm, streams[r]);
    } else {
      throw Unsupported("no collective is called " + op);
    }
    nccl_check(result, op.c_str());
  }
  nccl_check(f_->group_end(), "ncclGroupEnd");
}

}  // namespace plumbline::measure::gpu
