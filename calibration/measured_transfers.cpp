#include <map>

#include "calibration/measured_reader.h"
#include "sim/kernels/collective_times.h"

namespace plumbline::measured {
namespace {

/// False for a name that is no collective. An engine's own all-reduce is priced as the engine runs
/// it, NCCL's where that is faster.
bool add_collective(const MeasuredReader& r, std::string_view name, double time, double bytes,
                    double ranks, double per_node) {
  const auto op = collective_called(name);
  if (!op) return false;
  const CollectiveQuery query{*op, Bytes(bytes), static_cast<int>(ranks),
                              static_cast<int>(per_node), 0};
  r.add(std::string(name), time,
        [query](const KernelTimes& kernels) { return kernels.collective(query); });
  return true;
}

}  // namespace

void read_nccl(const MeasuredReader& r) {
  const CsvTable& csv = r.csv;
  const auto ranks = csv.numbers_in("num_gpus", 2, 1e6), bytes = r.sizes("bytes"),
             time = r.times("latency_us");
  const std::size_t op = csv.column("op_name");
  std::map<std::string_view, int> unknown;
  for (std::size_t i = 0; i < time.size(); ++i) {
    const std::string_view name = csv.text(i, op);
    if (!add_collective(r, name, time[i], bytes[i], ranks[i], ranks[i])) ++unknown[name];
  }
  for (const auto& [name, rows] : unknown) {
    r.note(std::to_string(rows) + " rows of '" + std::string(name) + "', which is not priced");
  }
}

void read_vidur_network(const MeasuredReader& r) {
  const CsvTable& csv = r.csv;
  const auto ranks = csv.numbers_in("num_workers", 2, 1e6),
             local = csv.numbers_in("devices_per_node", 1, 1e6), bytes = r.sizes("bytes"),
             time = r.times("median_us");
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (contains(r.name, "all_reduce")) {
      add_collective(r, "all_reduce", time[i], bytes[i], ranks[i], local[i]);
    } else {
      const bool same_node = local[i] >= ranks[i];
      r.add("send_recv", time[i], [size = bytes[i], same_node](const KernelTimes& kernels) {
        return kernels.send_recv(Bytes(size), same_node);
      });
    }
  }
}

void read_traffic(const MeasuredReader& r, const char* operation) {
  const auto bytes = r.sizes("bytes"), time = r.times("latency_us");
  for (std::size_t i = 0; i < time.size(); ++i) {
    r.add(operation, time[i], [size = bytes[i]](const KernelTimes& kernels) {
      return kernels.elementwise(Bytes(size));
    });
  }
}

// Copies between GPUs are priced as the messages of a pipeline are; copies to the host belong to a
// link that a scenario names, which no GPU's profile knows.
void read_copies(const MeasuredReader& r) {
  const auto bytes = r.sizes("bytes"), time = r.times("latency_us");
  const std::size_t column = r.csv.column("direction");
  std::map<std::string_view, int> unpriced;
  for (std::size_t i = 0; i < time.size(); ++i) {
    const std::string_view direction = r.csv.text(i, column);
    // "bidirectional" stands in files of both kinds; those of host copies are called so.
    const bool both = direction == "bidirectional";
    if ((!both && direction != "one_way") || contains(r.name, "host")) {
      ++unpriced[direction];
      continue;
    }
    r.add("peer_copy", time[i], [size = bytes[i], both](const KernelTimes& kernels) {
      return kernels.send_recv(Bytes(size), true, both);
    });
  }
  for (const auto& [direction, rows] : unpriced) {
    r.note(std::to_string(rows) + " copies " + std::string(direction) +
           ": no price of a GPU's profile; `calibrate fit` takes them for a link's");
  }
}

// A kernel of no work costs what stands between two kernels; the others are no price of a run.
void read_overheads(const MeasuredReader& r) {
  const auto time = r.times("latency_us");
  for (std::size_t i = 0; i < time.size(); ++i) {
    const std::string kind(r.csv.text(i, r.csv.column("kind")));
    if (kind == "launch") {
      r.add("launch", time[i],
            [](const KernelTimes& kernels) { return kernels.elementwise(Bytes(0)); });
    } else {
      r.note("the time of " + kind + " is no price of a run");
    }
  }
}

}  // namespace plumbline::measured
