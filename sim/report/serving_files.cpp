// A serving run as files: a row per request, a slice per step and stage.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <ostream>
#include <string>

#include "sim/report/json_writer.h"
#include "sim/report/serving.h"

namespace plumbline {
namespace {

constexpr std::size_t kFlushBytes = 1 << 20;

class Text {
 public:
  explicit Text(std::ostream& out) : out_(out) {}
  ~Text() { out_ << text_; }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  template <typename... Parts>
  void add(fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Parts>(parts)...);
    if (text_.size() < kFlushBytes) return;
    out_ << text_;
    text_.clear();
  }

 private:
  std::ostream& out_;
  std::string text_;
};

/// Whole picoseconds as seconds, exactly.
std::string exact(SimTime time) {
  return fmt::format("{}.{:012}", time / 1'000'000'000'000, time % 1'000'000'000'000);
}

std::int64_t nanoseconds(SimTime time) { return (time + 500) / 1000; }
std::string microseconds(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

}  // namespace

void write_request_csv(std::span<const Request> requests, std::ostream& out) {
  Text text(out);
  text.add(
      "request,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,ttft_s,tpot_s,e2e_s,"
      "preemptions,cached_tokens,replica\n");
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Request& r = requests[i];
    const std::string tpot =
        r.output_tokens > 1 ? exact((r.finish - r.first_token) / (r.output_tokens - 1)) : "";
    text.add("{},{},{},{},{},{},{},{},{},{},{},{}\n", i, exact(r.arrival), r.prompt_tokens,
             r.output_tokens, exact(r.first_token), exact(r.finish),
             exact(r.first_token - r.arrival), tpot, exact(r.finish - r.arrival), r.preemptions,
             r.cached_tokens, r.replica);
  }
}

void write_serving_trace(const Result& result, const ServingResult& serving,
                         const std::vector<std::vector<StageSpan>>& spans, std::ostream& out) {
  std::string scenario;
  append_json_escaped(scenario, result.scenario);
  Text text(out);
  text.add("{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"scenario\":\"{}\"}},\"traceEvents\":[",
           scenario);
  const char* comma = "\n";
  for (std::size_t replica = 0; replica < spans.size(); ++replica) {
    text.add(
        "{}{{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":{},\"args\":{{\"name\":\"replica "
        "{}\"}}}}",
        comma, replica, replica);
    comma = ",\n";
    int stages = 0;
    for (const StageSpan& span : spans[replica]) stages = std::max(stages, span.stage + 1);
    for (int stage = 0; stage < stages; ++stage) {
      text.add(
          "{}{{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":{},\"tid\":{},\"args\":{{\"name\":"
          "\"stage {}\"}}}}",
          comma, replica, stage, stage);
    }
    for (const StageSpan& span : spans[replica]) {
      const std::int64_t start = nanoseconds(span.start), end = nanoseconds(span.end);
      const char* kind = span.chunks == 0 ? "decode" : span.decodes == 0 ? "prefill" : "mixed";
      text.add(
          "{}{{\"name\":\"{} {}\",\"cat\":\"{}\",\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{},"
          "\"dur\":{},\"args\":{{\"decodes\":{},\"chunks\":{},\"tokens\":{}}}}}",
          comma, kind, span.step, kind, replica, span.stage, microseconds(start),
          microseconds(end - start), span.decodes, span.chunks, span.tokens);
    }
  }
  for (const CachePoint& point : serving.cache_over_time) {
    const auto ns = static_cast<std::int64_t>(point.time_s * 1e9 + 0.5);
    text.add(
        "{}{{\"name\":\"cache tokens\",\"ph\":\"C\",\"pid\":0,\"ts\":{},\"args\":{{\"held\":{}}}}}",
        comma, microseconds(ns), point.blocks * serving.kv.block_tokens);
    text.add(
        ",\n{{\"name\":\"requests\",\"ph\":\"C\",\"pid\":0,\"ts\":{},\"args\":{{\"running\":{},"
        "\"waiting\":{}}}}}",
        microseconds(ns), point.running, point.waiting);
    comma = ",\n";
  }
  text.add("\n]}}\n");
}

}  // namespace plumbline
