#include "calibration/measure/gpu/box_replay.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <set>

#include "calibration/measure/gpu/green_contexts.h"
#include "calibration/measure/gpu/kernels.h"
#include "calibration/measure/gpu/rank_work.h"
#include "calibration/measure/stopping_rule.h"

namespace plumbline::measure::gpu {
namespace {

constexpr int kSoloOps = 15;

/// An event that is owned. Those of dependencies carry no time and cost less.
struct Event {
  cudaEvent_t event = nullptr;
  explicit Event(bool timed) {
    const unsigned flags = timed ? cudaEventDefault : cudaEventDisableTiming;
    check(cudaEventCreateWithFlags(&event, flags), "cudaEventCreate");
  }
  ~Event() {
    if (event) cudaEventDestroy(event);
  }
  Event(Event&& other) noexcept : event(std::exchange(other.event, nullptr)) {}
  Event& operator=(Event&&) = delete;
};

struct OpTime {
  double start_us, end_us;
};

class Box {
 public:
  Box(Machine& machine, const BoxPlan& plan)
      : machine_(machine), plan_(plan), groups_(machine.ordinal, plan.ranks) {
    if (plan.transfer_bytes > 0)
      transfer_ = Memory(2 * static_cast<std::size_t>(plan.transfer_bytes));
    for (int rank = 0; rank < plan.ranks; ++rank) {
      work_.push_back(std::make_unique<RankWork>(machine, plan, groups_.multiprocessors()));
    }
  }

  BoxOutcome run() {
    fact("multiprocessors_per_group", std::to_string(groups_.multiprocessors()));
    audit_groups();
    choose_launch();
    std::uint64_t step = 0;
    launch_timer_step(static_cast<std::uint64_t*>(machine_.probe.data()), machine_.stream);
    check(cudaStreamSynchronize(machine_.stream), "timer step");
    check(cudaMemcpy(&step, machine_.probe.data(), sizeof step, cudaMemcpyDeviceToHost),
          "timer step");
    fact("globaltimer_step_ns", std::to_string(step));
    if (plan_.mode != "spin") choose_pieces();
    measure_solo();
    measure_hand_over();
    replay(plan_.reference, "reference");
    const double mhz = machine_.sm_mhz();
    replay(plan_.replay, "replay");
    fact("sm_mhz", std::to_string(mhz));
    return std::move(out_);
  }

 private:
  void fact(std::string key, std::string value) {
    out_.facts.emplace_back(std::move(key), std::move(value));
  }

  void audit_groups() {
    std::set<int> all;
    std::size_t sum = 0;
    for (int rank = 0; rank < plan_.ranks; ++rank) {
      const std::set<int> ids = audit(groups_.stream(rank), machine_.facts.multiprocessors);
      sum += ids.size();
      all.insert(ids.begin(), ids.end());
    }
    fact("audited_multiprocessors", std::to_string(sum));
    if (all.size() != sum) throw Unsupported("the groups overlap: %smid was seen in two of them");
  }

  // Whether a captured node keeps its stream's green context is found out, not assumed: the same
  // audit, captured.
  void choose_launch() {
    graphs_ = false;
    const auto slots = static_cast<std::size_t>(machine_.facts.multiprocessors) + 64;
    std::vector<Memory> seen;
    for (int rank = 0; rank < plan_.ranks; ++rank) seen.emplace_back(4 * slots);
    cudaGraphExec_t exec = nullptr;
    try {
      for (const Memory& each : seen) {
        check(cudaMemset(each.data(), 0, each.bytes()), "cudaMemset");
      }
      check(cudaDeviceSynchronize(), "cudaMemset");
      exec = capture([&] {
        fork();
        for (int rank = 0; rank < plan_.ranks; ++rank) {
          launch_smid_audit(
              static_cast<std::uint32_t*>(seen[static_cast<std::size_t>(rank)].data()),
              32 * machine_.facts.multiprocessors, groups_.stream(rank));
        }
        join();
      });
      check(cudaGraphLaunch(exec, machine_.stream), "cudaGraphLaunch");
      check(cudaStreamSynchronize(machine_.stream), "captured audit");
      std::set<std::size_t> all;
      std::size_t sum = 0;
      for (const Memory& each : seen) {
        std::vector<std::uint32_t> counted(slots);
        check(cudaMemcpy(counted.data(), each.data(), each.bytes(), cudaMemcpyDeviceToHost),
              "cudaMemcpy");
        for (std::size_t i = 0; i < slots; ++i) {
          if (counted[i] == 0) continue;
          ++sum;
          all.insert(i);
        }
      }
      graphs_ = all.size() == sum;
      fact("captured_nodes_keep_their_group", graphs_ ? "yes" : "no");
    } catch (const CudaError& error) {
      cudaGetLastError();
      fact("captured_nodes_keep_their_group", std::string("not captured: ") + error.what());
    }
    if (exec) cudaGraphExecDestroy(exec);
    fact("launch", graphs_ ? "one graph per iteration" : "streams behind a gate");
  }

  cudaGraphExec_t capture(const std::function<void()>& body) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    check(cudaStreamBeginCapture(machine_.stream, cudaStreamCaptureModeThreadLocal),
          "cudaStreamBeginCapture");
    capturing_ = true;
    try {
      body();
    } catch (...) {
      capturing_ = false;
      cudaStreamEndCapture(machine_.stream, &graph);
      throw;
    }
    capturing_ = false;
    check(cudaStreamEndCapture(machine_.stream, &graph), "cudaStreamEndCapture");
    const cudaError_t error = cudaGraphInstantiate(&exec, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "cudaGraphInstantiate");
    return exec;
  }

  void fork() {
    check(cudaEventRecord(fork_.event, machine_.stream), "fork");
    for (int rank = 0; rank < plan_.ranks; ++rank) {
      check(cudaStreamWaitEvent(groups_.stream(rank), fork_.event, 0), "fork");
    }
  }
  void join() {
    joins_.clear();
    for (int rank = 0; rank < plan_.ranks; ++rank) {
      joins_.emplace_back(false);
      check(cudaEventRecord(joins_.back().event, groups_.stream(rank)), "join");
      check(cudaStreamWaitEvent(machine_.stream, joins_.back().event, 0), "join");
    }
  }

  // A timestamp: in a graph a node of its own, which every launch records anew.
  void stamp(const Event& event, cudaStream_t stream) {
    if (capturing_) {
      check(cudaEventRecordWithFlags(event.event, stream, cudaEventRecordExternal), "stamp");
    } else {
      check(cudaEventRecord(event.event, stream), "stamp");
    }
  }

  /// Events of one program: stamps around every operation, and what later ones wait for.
  struct Events {
    Event base{true};
    std::vector<Event> begin, end, done;
  };

  void enqueue(const BoxProgram& program, Events& events) {
    stamp(events.base, machine_.stream);
    fork();
    for (std::size_t i = 0; i < program.ops.size(); ++i) {
      const BoxOp& op = program.ops[i];
      const cudaStream_t stream = groups_.stream(op.rank);
      bool hop = false;
      for (const int before : op.after) {
        const auto b = static_cast<std::size_t>(before);
        if (program.ops[b].rank == op.rank) continue;  // the stream's own order
        check(cudaStreamWaitEvent(stream, events.done[b].event, 0), "dependency");
        hop = true;
      }
      if (hop && plan_.transfer_bytes > 0) {
        const auto bytes = static_cast<std::size_t>(plan_.transfer_bytes);
        check(cudaMemcpyAsync(static_cast<char*>(transfer_.data()) + bytes, transfer_.data(), bytes,
                              cudaMemcpyDeviceToDevice, stream),
              "transfer");
      }
      stamp(events.begin[i], stream);
      work_[static_cast<std::size_t>(op.rank)]->enqueue(op.kind, stream);
      stamp(events.end[i], stream);
      check(cudaEventRecord(events.done[i].event, stream), "cudaEventRecord");
    }
    join();
  }

  /// [iterations][operations]; the first two iterations warm up and are dropped.
  std::vector<std::vector<OpTime>> time(const BoxProgram& program, int iterations) {
    Events events;
    for (std::size_t i = 0; i < program.ops.size(); ++i) {
      events.begin.emplace_back(true);
      events.end.emplace_back(true);
      events.done.emplace_back(false);
    }
    cudaGraphExec_t exec = nullptr;
    if (graphs_) exec = capture([&] { enqueue(program, events); });
    std::vector<std::vector<OpTime>> all;
    for (int iteration = -2; iteration < iterations; ++iteration) {
      if (exec) {
        check(cudaGraphLaunch(exec, machine_.stream), "cudaGraphLaunch");
      } else {
        // The gate holds the card until everything is queued, so that the host sets no pace.
        launch_spin(static_cast<std::int64_t>(program.ops.size()) * 40000, 1, machine_.stream);
        enqueue(program, events);
      }
      check(cudaStreamSynchronize(machine_.stream), "replay");
      if (iteration < 0) continue;
      all.emplace_back();
      for (std::size_t i = 0; i < program.ops.size(); ++i) {
        float start = 0, end = 0;
        check(cudaEventElapsedTime(&start, events.base.event, events.begin[i].event), "elapsed");
        check(cudaEventElapsedTime(&end, events.base.event, events.end[i].event), "elapsed");
        all.back().push_back({1e3 * static_cast<double>(start), 1e3 * static_cast<double>(end)});
      }
    }
    if (exec) cudaGraphExecDestroy(exec);
    return all;
  }

  static BoxProgram chain(int rank, char kind, int count) {
    BoxProgram program{"solo", {}};
    for (int i = 0; i < count; ++i) {
      program.ops.push_back(
          {rank, kind, 0, i, i > 0 ? std::vector<int>{i - 1} : std::vector<int>{}});
    }
    return program;
  }

  double solo_us(int rank, char kind) {
    std::vector<double> durations;
    for (const OpTime& t : time(chain(rank, kind, kSoloOps), 1).front()) {
      durations.push_back(t.end_us - t.start_us);
    }
    return quantile(durations, 0.5);
  }

  // The same pieces on every rank, so many that rank 0 alone takes about the planned time.
  void choose_pieces() {
    for (const char kind : {'F', 'I', 'W'}) {
      std::int64_t pieces = plan_.mode == "gemm" ? 1 : 10000;
      work_[0]->set(kind, pieces);
      const double us = solo_us(0, kind);
      pieces = std::max<std::int64_t>(
          1, std::llround(static_cast<double>(pieces) * plan_.op_us.at(kind) / us));
      for (const auto& work : work_) work->set(kind, pieces);
      fact(std::string("pieces_") + kind, std::to_string(pieces));
    }
  }

  // Every (rank, stage, kind) that the programs run, the other ranks idle.
  void measure_solo() {
    std::set<std::pair<int, std::string>> wanted;
    for (const BoxProgram* program : {&plan_.reference, &plan_.replay}) {
      for (const BoxOp& op : program->ops) {
        wanted.insert({op.rank, std::to_string(op.stage) + op.kind});
      }
    }
    std::map<std::pair<int, char>, std::vector<OpTime>> known;  // stages of a rank are alike
    for (const auto& [rank, op] : wanted) {
      auto [at, fresh] = known.try_emplace({rank, op.back()});
      if (fresh) at->second = time(chain(rank, op.back(), kSoloOps), 1).front();
      for (int i = 0; i < kSoloOps; ++i) {
        const OpTime& t = at->second[static_cast<std::size_t>(i)];
        out_.timeline.push_back({"solo", i, rank, op, t.start_us, t.end_us});
        if (!fresh || i == 0) continue;
        const double gap = t.start_us - at->second[static_cast<std::size_t>(i) - 1].end_us;
        out_.timeline.push_back({"same", i, rank, "", 0, gap});
      }
    }
  }

  void measure_hand_over() {
    for (int rank = 0; rank < plan_.ranks && plan_.ranks > 1; ++rank) {
      const int other = (rank + 1) % plan_.ranks;
      BoxProgram program{"cross", {}};
      for (int i = 0; i < kSoloOps; ++i) {
        program.ops.push_back({i % 2 ? other : rank, 'F', 0, i,
                               i > 0 ? std::vector<int>{i - 1} : std::vector<int>{}});
      }
      const std::vector<OpTime> times = time(program, 1).front();
      for (int i = 1; i < kSoloOps; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double gap = times[at].start_us - times[at - 1].end_us;
        out_.timeline.push_back({"cross", i, rank, "", 0, gap});
      }
    }
  }

  void replay(const BoxProgram& program, const char* section) {
    const auto all = time(program, plan_.iterations);
    for (std::size_t iteration = 0; iteration < all.size(); ++iteration) {
      for (std::size_t i = 0; i < program.ops.size(); ++i) {
        const BoxOp& op = program.ops[i];
        const OpTime& t = all[iteration][i];
        out_.timeline.push_back(
            {section, static_cast<int>(iteration), op.rank, to_string(op), t.start_us, t.end_us});
      }
    }
  }

  Machine& machine_;
  const BoxPlan& plan_;
  GreenGroups groups_;
  std::vector<std::unique_ptr<RankWork>> work_;
  Memory transfer_;
  Event fork_{false};
  std::vector<Event> joins_;
  bool graphs_ = false, capturing_ = false;
  BoxOutcome out_;
};

}  // namespace

BoxOutcome replay_box(Machine& machine, const BoxPlan& plan) {
  check(cudaSetDevice(machine.ordinal), "cudaSetDevice");
  if (plan.reference.ops.empty()) throw Unsupported("the plan has no reference program");
  return Box(machine, plan).run();
}

}  // namespace plumbline::measure::gpu
