// The timeline as Chrome trace JSON, for Perfetto and chrome://tracing.
//
// A process is a pipeline rank, a thread one of its streams.  Times are microseconds with three
// decimals: starts and ends are rounded to nanoseconds first and durations taken afterwards, so
// that two events that touch in the timeline touch in the trace and never overlap.  Slices of a
// stream that do run at the same time (two transfers that share a link, DualPipe's overlapped
// pair) go to further threads of that stream.
//
// Format: "Trace Event Format", Google, 2016.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "sim/engine/successors.h"
#include "sim/report/explain.h"
#include "sim/report/json_writer.h"
#include "sim/report/report.h"
#include "sim/report/step_view.h"

namespace plumbline {
namespace {

constexpr std::size_t kFlushBytes = 1 << 20;
constexpr int kLanesPerStream = 10000;

enum Stream { kCompute, kSend, kReceive, kData, kCopyOut, kCopyIn };
constexpr int kNumStreams = 6;
constexpr std::string_view kStreamNames[kNumStreams] = {
    "compute", "send", "receive", "data-parallel", "copy to host", "copy from host"};

/// A task's stay on a stream; a receive shows the transfer's task on the receiver's stream.
struct Slice {
  SimTime start = 0;
  SimTime finish = 0;
  TaskId task = 0;
};

/// Data that went from an operation of one rank to one of another.
struct Hop {
  TaskId from = 0;
  TaskId to = 0;
};

std::int64_t nanoseconds(SimTime time) { return (time + 500) / 1000; }

std::string microseconds(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

/// Everything that the trace shows, per rank and stream.
struct Streams {
  std::vector<std::array<std::vector<Slice>, kNumStreams>> ranks;
  std::vector<Hop> hops;

  std::array<std::vector<Slice>, kNumStreams>& of(std::int32_t rank) {
    if (rank >= static_cast<std::int32_t>(ranks.size())) ranks.resize(rank + 1);
    return ranks[rank];
  }
};

void place(Streams& streams, const LoweredStep& step, const Timeline& timeline, TaskId task) {
  const TaskLabel& label = step.labels[task];
  const Slice slice{timeline.start[task], timeline.finish[task], task};
  switch (label.kind) {
    case TaskKind::kMarker:
      return;
    case TaskKind::kTransfer:
      streams.of(label.rank)[kSend].push_back(slice);
      if (label.peer >= 0) streams.of(label.peer)[kReceive].push_back(slice);
      return;
    case TaskKind::kDataReduce:
    case TaskKind::kDataGather:
      streams.of(label.rank)[kData].push_back(slice);
      return;
    case TaskKind::kOffload:
      streams.of(label.rank)[kCopyOut].push_back(slice);
      return;
    case TaskKind::kReload:
      streams.of(label.rank)[kCopyIn].push_back(slice);
      return;
    default:
      streams.of(label.rank)[kCompute].push_back(slice);
  }
}

/// Data goes from an operation to the next stage's, wherever that is on another rank.
void find_hops(Streams& streams, const LoweredStep& step) {
  const OperationIndex index(step);
  for (TaskId from = 0; from < step.labels.size(); ++from) {
    const TaskId to = index.consumer_of(step.labels[from]);
    if (to != kNoCause && step.labels[to].rank != step.labels[from].rank) {
      streams.hops.push_back({from, to});
    }
  }
}

/// Where a transfer is the delay of an edge between two ranks, both of its streams get a slice.
void place_folded_transfers(Streams& streams, const LoweredStep& step, const Timeline& timeline) {
  const Successors rows = successors(step.graph);
  if (rows.delay.empty()) return;
  for (TaskId from = 0; from < step.graph.num_tasks(); ++from) {
    const TaskLabel& source = step.labels[from];
    if (!is_operation(source.kind)) continue;
    for (auto edge = rows.first[from]; edge < rows.first[from + 1]; ++edge) {
      const TaskLabel& target = step.labels[rows.target[edge]];
      const SimTime delay = rows.delay[edge];
      const bool arrives = is_operation(target.kind) || target.kind == TaskKind::kMarker;
      if (delay == 0 || !arrives || target.rank == source.rank) continue;
      const SimTime sent = timeline.finish[from];
      streams.of(source.rank)[kSend].push_back({sent, sent + delay, from});
      streams.of(target.rank)[kReceive].push_back({sent, sent + delay, from});
    }
  }
}

class TraceWriter {
 public:
  TraceWriter(const ReportInput& input, std::ostream& out)
      : input_(input), out_(out), chunk_of_(input.schedule), lane_of_(input.timeline.start.size()) {
    text_ = "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"scenario\":\"";
    append_json_escaped(text_, input.result.scenario);
    text_ += "\"},\"traceEvents\":[";
  }

  void write_rank(std::int32_t rank, std::array<std::vector<Slice>, kNumStreams>& streams) {
    name_process(rank);
    for (int stream = 0; stream < kNumStreams; ++stream) {
      write_stream(rank, static_cast<Stream>(stream), streams[stream]);
    }
  }

  /// Arrows from the last nanosecond of the producer to the start of the consumer.
  void write_hop(std::int64_t id, const Hop& hop) {
    const Timeline& timeline = input_.timeline;
    const std::int64_t start = nanoseconds(timeline.start[hop.from]);
    const std::int64_t end = nanoseconds(timeline.finish[hop.from]);
    write_arrow(id, hop.from, "s", std::max(start, end - 1));
    write_arrow(id, hop.to, "f", nanoseconds(timeline.start[hop.to]));
  }

  void write_memory(const RankResult& rank) {
    for (const MemoryPoint& point : rank.memory_over_time) {
      begin_event();
      fmt::format_to(
          std::back_inserter(text_),
          "{{\"ph\":\"C\",\"name\":\"memory\",\"pid\":{},\"ts\":{},\"args\":{{\"bytes\":",
          rank.pipeline_rank, microseconds(nanoseconds(to_sim_time(Seconds(point.time_s)))));
      append_json_number(text_, point.bytes);
      text_ += "}}";
    }
  }

  void finish() {
    text_ += "\n]}\n";
    out_ << text_;
    text_.clear();
  }

 private:
  void begin_event() {
    if (text_.size() > kFlushBytes) {
      out_ << text_;
      text_.clear();
    }
    text_ += first_ ? "\n" : ",\n";
    first_ = false;
  }

  void write_metadata(std::string_view what, std::int32_t pid, int tid, std::string_view args) {
    begin_event();
    fmt::format_to(std::back_inserter(text_),
                   "{{\"ph\":\"M\",\"name\":\"{}\",\"pid\":{},\"tid\":{},\"args\":{{{}}}}}", what,
                   pid, tid, args);
  }

  void name_process(std::int32_t rank) {
    std::string layers;
    for (const RankResult& result : input_.result.training.ranks) {
      if (result.pipeline_rank == rank && !result.stage_layers.empty()) {
        layers = ", layers " + layers_text(result);
      }
    }
    write_metadata("process_name", rank, 0, fmt::format("\"name\":\"rank {}{}\"", rank, layers));
    write_metadata("process_sort_index", rank, 0, fmt::format("\"sort_index\":{}", rank));
  }

  /// Gives each slice the first thread of its stream that is free, and writes it.
  void write_stream(std::int32_t rank, Stream stream, std::vector<Slice>& slices) {
    std::ranges::stable_sort(slices, {}, [](const Slice& s) { return s.start; });
    std::vector<std::int64_t> lane_free;
    for (const Slice& slice : slices) {
      const std::int64_t start = nanoseconds(slice.start);
      const std::int64_t end = nanoseconds(slice.finish);
      const auto free = std::ranges::find_if(lane_free, [=](auto at) { return at <= start; });
      const int lane = static_cast<int>(free - lane_free.begin());
      const int tid = stream * kLanesPerStream + lane + 1;
      if (free == lane_free.end()) {
        lane_free.push_back(end);
        name_thread(rank, stream, lane, tid);
      } else {
        *free = end;
      }
      if (stream == kCompute) lane_of_[slice.task] = lane;
      write_slice(rank, stream, tid, slice.task, start, end - start);
    }
  }

  void name_thread(std::int32_t rank, Stream stream, int lane, int tid) {
    const std::string number = lane == 0 ? "" : fmt::format(" {}", lane + 1);
    write_metadata("thread_name", rank, tid,
                   fmt::format("\"name\":\"{}{}\"", kStreamNames[stream], number));
    write_metadata("thread_sort_index", rank, tid, fmt::format("\"sort_index\":{}", tid));
  }

  void write_slice(std::int32_t rank, Stream stream, int tid, TaskId task, std::int64_t start,
                   std::int64_t length) {
    const TaskLabel& label = input_.step.labels[task];
    const bool on_wire = stream == kSend || stream == kReceive;
    begin_event();
    auto out = std::back_inserter(text_);
    fmt::format_to(out, "{{\"ph\":\"X\",\"name\":\"{}\",\"cat\":\"{}\",\"pid\":{},\"tid\":{},",
                   on_wire ? transfer_name(label) : task_name(label), kStreamNames[stream], rank,
                   tid);
    fmt::format_to(out, "\"ts\":{},\"dur\":{}", microseconds(start), microseconds(length));
    if (is_operation(label.kind)) {
      fmt::format_to(out, ",\"args\":{{\"stage\":{},\"chunk\":{},\"microbatch\":{}}}", label.stage,
                     chunk_of_(label.replica, label.stage), label.microbatch);
    } else if (label.kind == TaskKind::kTransfer) {
      fmt::format_to(out, ",\"args\":{{\"from\":{},\"to\":{},\"microbatch\":{}}}", label.rank,
                     label.peer, label.microbatch);
    }
    text_ += '}';
  }

  static std::string transfer_name(const TaskLabel& label) {
    if (label.kind != TaskKind::kTransfer) return "of " + task_name(label);
    return fmt::format("{} {}", task_name(label), label.microbatch);
  }

  void write_arrow(std::int64_t id, TaskId op, std::string_view phase, std::int64_t at) {
    begin_event();
    fmt::format_to(std::back_inserter(text_),
                   "{{\"ph\":\"{}\",{}\"name\":\"transfer\",\"cat\":\"transfer\",\"id\":{},"
                   "\"pid\":{},\"tid\":{},\"ts\":{}}}",
                   phase, phase == "f" ? "\"bp\":\"e\"," : "", id, input_.step.labels[op].rank,
                   kCompute * kLanesPerStream + lane_of_[op] + 1, microseconds(at));
  }

  const ReportInput& input_;
  std::ostream& out_;
  ChunkOfStage chunk_of_;
  std::vector<int> lane_of_;  ///< [num_tasks] of the tasks on compute streams
  std::string text_;
  bool first_ = true;
};

}  // namespace

void write_chrome_trace(const ReportInput& input, std::ostream& out) {
  Streams streams;
  streams.ranks.resize(input.step.rank_ops.size());
  for (TaskId task = 0; task < input.step.labels.size(); ++task) {
    place(streams, input.step, input.timeline, task);
  }
  place_folded_transfers(streams, input.step, input.timeline);
  find_hops(streams, input.step);

  TraceWriter writer(input, out);
  for (std::size_t rank = 0; rank < streams.ranks.size(); ++rank) {
    writer.write_rank(static_cast<std::int32_t>(rank), streams.ranks[rank]);
  }
  std::int64_t id = 0;
  for (const Hop& hop : streams.hops) writer.write_hop(id++, hop);
  for (const RankResult& rank : input.result.training.ranks) writer.write_memory(rank);
  writer.finish();
}

}  // namespace plumbline
