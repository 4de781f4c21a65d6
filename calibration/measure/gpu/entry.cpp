// plumbline-measure with CUDA.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "calibration/measure/gpu.h"
#include "calibration/measure/gpu/box_replay.h"
#include "calibration/measure/gpu/cuda_device.h"
#include "calibration/measure/gpu/verify.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/sha256.h"

namespace plumbline::measure {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  const std::string partial = path.string() + ".partial";
  std::ofstream out(partial, std::ios::binary);
  out << text;
  if (!out.flush()) throw problem_at(path.string(), 0, "cannot be written");
  out.close();
  fs::rename(partial, path);
}

class CudaGpu : public Gpu {
 public:
  CudaGpu(int ordinal, std::uint64_t seed) : machine_(ordinal), device_(machine_) {
    machine_.seed = seed;
  }
  MeasuredDevice& device() override { return device_; }

  bool verify(std::ostream& out) override {
    bool passed = true;
    for (const gpu::Verified& row : gpu::verify(machine_)) {
      char worst[32];
      std::snprintf(worst, sizeof worst, "%.3g", row.worst);
      out << (!row.left_out.empty() ? "left out  "
              : row.passed()        ? "ok        "
                                    : "WRONG     ")
          << row.what << ": "
          << (row.left_out.empty() ? std::string(worst) + " of its tolerance" : row.left_out)
          << "\n";
      passed = passed && (row.passed() || !row.left_out.empty());
    }
    return passed;
  }

  void box(const std::string& plan_path, const std::string& folder) override {
    const std::string text = read_file(plan_path);
    const BoxPlan plan = read_box_plan(text, plan_path);
    const gpu::BoxOutcome outcome = gpu::replay_box(machine_, plan);
    const std::string timeline = to_csv(outcome.timeline);
    const DeviceFacts& facts = machine_.facts;
    std::string yaml = "schema: plumbline.box/1\ndevice: {name: \"" + facts.name + "\", uuid: \"" +
                       facts.uuid + "\", driver: \"" + facts.driver +
                       "\"}\nplan_sha256: " + sha256_hex(text) +
                       "\ntimeline_sha256: " + sha256_hex(timeline) + "\nfacts:\n";
    for (const auto& [key, value] : outcome.facts) yaml += "  " + key + ": \"" + value + "\"\n";
    fs::create_directories(folder);
    write(fs::path(folder) / "timeline.csv", timeline);
    write(fs::path(folder) / "box.yaml", yaml);
  }

 private:
  gpu::Machine machine_;
  gpu::CudaDevice device_;
};

}  // namespace

std::unique_ptr<Gpu> open_gpu(int ordinal, std::uint64_t seed) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    throw NoDevice(std::string("no usable GPU: ") +
                   (error == cudaSuccess ? "none is visible" : cudaGetErrorString(error)));
  }
  if (ordinal >= count) {
    throw NoDevice("GPU " + std::to_string(ordinal) + " of " + std::to_string(count) +
                   " was asked for");
  }
  return std::make_unique<CudaGpu>(ordinal, seed);
}

}  // namespace plumbline::measure
