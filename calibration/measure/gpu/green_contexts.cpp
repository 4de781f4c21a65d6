#include "calibration/measure/gpu/green_contexts.h"

#include <cuda.h>

#include <string>

#include "calibration/measure/device.h"
#include "calibration/measure/gpu/check.h"
#include "calibration/measure/gpu/kernels.h"

namespace plumbline::measure::gpu {
namespace {

void driver_check(CUresult result, const char* what) {
  if (result != CUDA_SUCCESS) {
    throw Unsupported(std::string(what) + ": driver result " + std::to_string(result));
  }
}

template <typename Function>
void find(Function& function, const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &found, 12050, cudaEnableDefault, &status);
  if (error != cudaSuccess || status != cudaDriverEntryPointSuccess) {
    throw Unsupported(std::string("the driver has no ") + name +
                      ": streams of green contexts need 12.5");
  }
  function = reinterpret_cast<Function>(found);
}

}  // namespace

// No link with libcuda: the binary starts where no driver is, to say so.
struct GreenGroups::Driver {
  decltype(&::cuDeviceGet) device_get;
  decltype(&::cuDeviceGetDevResource) resource_get;
  decltype(&::cuDevSmResourceSplitByCount) split;
  decltype(&::cuDevResourceGenerateDesc) describe;
  decltype(&::cuGreenCtxCreate) create;
  decltype(&::cuGreenCtxDestroy) destroy;
  decltype(&::cuGreenCtxStreamCreate) stream_create;
  Driver() {
    find(device_get, "cuDeviceGet");
    find(resource_get, "cuDeviceGetDevResource");
    find(split, "cuDevSmResourceSplitByCount");
    find(describe, "cuDevResourceGenerateDesc");
    find(create, "cuGreenCtxCreate");
    find(destroy, "cuGreenCtxDestroy");
    find(stream_create, "cuGreenCtxStreamCreate");
  }
};

GreenGroups::GreenGroups(int ordinal, int groups) {
  const Driver cu;
  CUdevice device = 0;
  driver_check(cu.device_get(&device, ordinal), "cuDeviceGet");
  CUdevResource all{};
  driver_check(cu.resource_get(device, &all, CU_DEV_RESOURCE_TYPE_SM), "cuDeviceGetDevResource");
  // Groups of at least 8 in multiples of 8 from Hopper on; the split itself rounds up, so what is
  // asked for is rounded down here.
  const unsigned size = all.sm.smCount / static_cast<unsigned>(groups) / 8 * 8;
  if (size < 8) {
    throw Unsupported(std::to_string(all.sm.smCount) + " multiprocessors do not make " +
                      std::to_string(groups) + " groups of 8 or more");
  }
  std::vector<CUdevResource> parts(static_cast<std::size_t>(groups));
  auto count = static_cast<unsigned>(groups);
  CUdevResource rest{};
  driver_check(cu.split(parts.data(), &count, &all, &rest, 0, size), "cuDevSmResourceSplitByCount");
  if (count != static_cast<unsigned>(groups)) {
    throw Unsupported("the split gives " + std::to_string(count) + " groups of " +
                      std::to_string(size) + ", not " + std::to_string(groups));
  }
  multiprocessors_ = static_cast<int>(parts[0].sm.smCount);
  for (CUdevResource& part : parts) {
    CUdevResourceDesc description{};
    CUgreenCtx context = nullptr;
    CUstream stream = nullptr;
    driver_check(cu.describe(&description, &part, 1), "cuDevResourceGenerateDesc");
    driver_check(cu.create(&context, description, device, CU_GREEN_CTX_DEFAULT_STREAM),
                 "cuGreenCtxCreate");
    contexts_.push_back(context);
    driver_check(cu.stream_create(&stream, context, CU_STREAM_NON_BLOCKING, 0),
                 "cuGreenCtxStreamCreate");
    streams_.push_back(stream);
  }
}

GreenGroups::~GreenGroups() {
  for (const cudaStream_t stream : streams_) cudaStreamDestroy(stream);
  try {
    const Driver cu;
    for (void* context : contexts_) cu.destroy(static_cast<CUgreenCtx>(context));
  } catch (const Unsupported&) {  // then none was made
  }
}

std::set<int> audit(cudaStream_t stream, int multiprocessors) {
  const auto slots = static_cast<std::size_t>(multiprocessors) + 64;
  Memory seen(slots * sizeof(std::uint32_t));
  std::vector<std::uint32_t> counted(slots);
  check(cudaMemsetAsync(seen.data(), 0, seen.bytes(), stream), "cudaMemsetAsync");
  launch_smid_audit(static_cast<std::uint32_t*>(seen.data()), 32 * multiprocessors, stream);
  check(cudaMemcpyAsync(counted.data(), seen.data(), seen.bytes(), cudaMemcpyDeviceToHost, stream),
        "cudaMemcpyAsync");
  check(cudaStreamSynchronize(stream), "audit");
  std::set<int> ids;
  for (std::size_t i = 0; i < slots; ++i) {
    if (counted[i] > 0) ids.insert(static_cast<int>(i));
  }
  return ids;
}

}  // namespace plumbline::measure::gpu
