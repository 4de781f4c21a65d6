// `run --csv`: a row per operation.
#include <fmt/format.h>

#include <iterator>
#include <ostream>
#include <string>

#include "sim/report/report.h"
#include "sim/report/step_view.h"

namespace plumbline {
namespace {

constexpr std::size_t kFlushBytes = 1 << 20;

char letter(TaskKind kind) { return "FBIW"[static_cast<int>(kind)]; }

/// Whole picoseconds as seconds, exactly: "1.250000000025".
void append_seconds(std::string& out, SimTime time) {
  fmt::format_to(std::back_inserter(out), "{}.{:012}", time / 1'000'000'000'000,
                 time % 1'000'000'000'000);
}

}  // namespace

void write_csv(const ReportInput& input, std::ostream& out) {
  const LoweredStep& step = input.step;
  const ChunkOfStage chunk_of(input.schedule);
  const LastArrivals arrivals(step, input.timeline);

  std::string text = "rank,stage,chunk,microbatch,op,start_s,end_s,waited_for\n";
  for_each_operation(step, input.timeline, [&](std::size_t rank, TaskId op, bool idle_before) {
    const TaskLabel& label = step.labels[op];
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{},", rank, label.stage,
                   chunk_of(label.replica, label.stage), label.microbatch, letter(label.kind));
    append_seconds(text, input.timeline.start[op]);
    text += ',';
    append_seconds(text, input.timeline.finish[op]);
    text += ',';
    if (idle_before) text += arrivals.waited_for(op);
    text += '\n';
    if (text.size() > kFlushBytes) {
      out << text;
      text.clear();
    }
  });
  out << text;
}

}  // namespace plumbline
