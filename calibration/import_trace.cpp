// A Chrome trace of torch.profiler (Kineto): operators with their input shapes on the CPU's
// threads, kernels on the GPU's, tied by "External id".
//
//   {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "ts": .., "dur": ..,
//    "args": {"External id": 7, "Input Dims": [[4096, 8192], [8192, 1024]],
//             "Input type": ["c10::BFloat16", "c10::BFloat16"]}}
//   {"ph": "X", "cat": "kernel", "name": "nvjet_..", "dur": 41.2, "args": {"External id": 7, ..}}
//
// An operator's time is the sum of its kernels'; durations are microseconds.  NCCL kernels carry
// "Collective name", "In msg nelems", "dtype" and "Group size".
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "calibration/import_formats.h"

namespace plumbline::importing {
namespace {

using Json = nlohmann::json;

struct Shape {
  double m = 0, n = 0, k = 0;
};

// The last two of the operands' dimensions: addmm(bias, a, b) has one operand before them.
std::optional<Shape> shape_of(const std::string& name, const Json& dims) {
  const std::size_t first = name == "aten::addmm" ? 1 : 0;
  if (!dims.is_array() || dims.size() < first + 2) return std::nullopt;
  const Json &a = dims[first], &b = dims[first + 1];
  if (!a.is_array() || !b.is_array() || a.size() != 2 || b.size() != 2) return std::nullopt;
  const Shape shape{a[0].get<double>(), b[1].get<double>(), a[1].get<double>()};
  if (b[0].get<double>() != shape.k || shape.m <= 0 || shape.n <= 0) return std::nullopt;
  return shape;
}

std::string collective_of(std::string name) {
  std::erase_if(name, [](char c) { return c == '_'; });
  if (name == "allreduce" || name == "allreducecoalesced") return "all_reduce";
  if (name.rfind("allgather", 0) == 0) return "all_gather";
  if (name.rfind("reducescatter", 0) == 0) return "reduce_scatter";
  if (name.rfind("alltoall", 0) == 0) return "alltoall";
  return "";
}

}  // namespace

ImportResult read_kineto(const ImportOptions& options, const std::string& text) {
  const Json root = Json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object() || !root["traceEvents"].is_array()) {
    refuse(options, "is no trace of torch.profiler", "export it with export_chrome_trace()");
  }
  const double unit = microseconds_per(options, "us");
  ImportResult result;
  try {
    std::map<std::int64_t, double> kernel_us;
    Rows collectives("op_name,nccl_dtype,num_gpus,bytes,latency_us");
    int small = 0;
    for (const Json& event : root["traceEvents"]) {
      if (event.value("cat", "") != "kernel" || !event.contains("args")) continue;
      const Json& args = event["args"];
      const double us = unit * event.value("dur", 0.0);
      if (args.contains("Collective name")) {
        const std::string operation = collective_of(args.value("Collective name", ""));
        const double ranks = args.value("Group size", 0);
        const double in = args.value("In msg nelems", 0.0), out = args.value("Out msg nelems", 0.0);
        const double bytes = std::max(in, out) * bytes_of(dtype_of(args.value("dtype", "")));
        if (operation.empty() || ranks < 2 || bytes <= 0) continue;
        if (bytes < 3e6) {
          ++small;
          continue;
        }
        collectives.add(operation + ",half," + cell(ranks) + "," + cell(bytes), us);
      } else if (args.contains("External id")) {
        kernel_us[args["External id"].get<std::int64_t>()] += us;
      }
    }
    std::map<std::string, Rows> products;
    int operators = 0, shapeless = 0, without_kernel = 0;
    double best = 0;
    for (const Json& event : root["traceEvents"]) {
      const std::string name = event.value("name", "");
      if (event.value("cat", "") != "cpu_op" || (name != "aten::mm" && name != "aten::addmm"))
        continue;
      ++operators;
      const Json args = event.value("args", Json::object());
      const auto shape = shape_of(name, args.value("Input Dims", Json()));
      if (!shape) {
        ++shapeless;
        continue;
      }
      const auto time = args.contains("External id")
                            ? kernel_us.find(args["External id"].get<std::int64_t>())
                            : kernel_us.end();
      if (time == kernel_us.end() || !(time->second > 0)) {
        ++without_kernel;
        continue;
      }
      const Json types = args.value("Input type", Json::array());
      const std::string dtype =
          types.empty()
              ? options.dtype
              : dtype_of(
                    types.back().is_string() && name == "aten::mm"
                        ? types[0].get<std::string>()
                        : types[std::min<std::size_t>(1, types.size() - 1)].get<std::string>());
      if (dtype.empty()) continue;
      products.try_emplace(dtype, "m,n,k,latency_us")
          .first->second.add(cell(shape->m) + "," + cell(shape->n) + "," + cell(shape->k),
                             time->second);
      best = std::max(best, 2 * shape->m * shape->n * shape->k / (time->second * 1e-6));
    }
    if (operators > 0 && shapeless == operators) {
      refuse(options, "names no operator's shapes", "profile with record_shapes=True");
    }
    check_rate(options, best);
    for (const auto& [dtype, rows] : products) {
      result.tables.push_back(rows.table("gemm_" + dtype));
      if (rows.repeated() > 0) {
        result.notes.push_back(std::to_string(rows.repeated()) +
                               " shapes ran more than once: their median is kept");
      }
    }
    if (!products.empty()) {
      result.notes.emplace_back(
          "a trace names no strides: forward, input gradient and weight gradient are not told "
          "apart");
      result.notes.emplace_back("kernels of a running layer: sustained clocks, not bursts");
    }
    if (!collectives.empty()) {
      result.tables.push_back(collectives.table("nccl"));
      result.notes.emplace_back("message sizes there count elements: turned into bytes");
      result.notes.emplace_back("collectives in a trace include waiting for the last rank");
    }
    const auto left_out = [&](int n, const char* why) {
      if (n > 0) result.notes.push_back(std::to_string(n) + why);
    };
    left_out(small, " collectives below 3 MB left out: they mostly wait");
    left_out(shapeless, " products without shapes left out");
    left_out(without_kernel, " products without a kernel of their own left out");
    if (root.contains("deviceProperties") && !root["deviceProperties"].empty()) {
      result.hardware = root["deviceProperties"][0].value("name", "");
    }
  } catch (const Json::exception& error) {
    refuse(options, std::string("is no trace of torch.profiler: ") + error.what(), "");
  }
  return result;
}

}  // namespace plumbline::importing
