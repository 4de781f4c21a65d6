// plumbline-measure: times kernels on a GPU and writes the samples that `plumbline calibrate`
// reads.
//
// A program of its own, linked against nothing but the C library, because it is carried to machines
// that have a driver and little else. Exit codes: 0 done, 1 failed, 2 wrong input, 77 no GPU,
// 130 interrupted (what was measured is kept; --resume goes on).
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>

#include "calibration/measure/design.h"
#include "calibration/measure/gpu.h"
#include "calibration/measure/record.h"
#include "calibration/measure/recorded_device.h"
#include "calibration/measure/session.h"
#include "calibration/measure/synthetic_device.h"
#include "sim/core/diagnostic.h"
#include "sim/kernels/csv_table.h"
#include "sim/kernels/problem.h"

namespace {

using namespace plumbline;
using namespace plumbline::measure;

constexpr int kDone = 0, kFailed = 1, kWrongInput = 2, kNoDevice = 77, kInterrupted = 130;

// Set by the handler, read between windows: a session always ends in good order.
volatile std::sig_atomic_t interrupted = 0;

constexpr const char* kUsage =
    R"(plumbline-measure: times kernels on a GPU for `plumbline calibrate`

  plumbline-measure [--quick|--full] [options]     measure
  plumbline-measure box PLAN.txt --out DIR         replay a schedule (see `plumbline calibrate box`)
  plumbline-measure --verify                       own kernels and products against float64
  plumbline-measure --list [--quick]               what would be measured

  --out DIR          where samples go (measured)
  --name NAME        their files' first word (gpu)
  --full, --quick    under 3 minutes on an H100 (the default), about 30 seconds
  --only A,B         operations (gemm, elementwise, memory, overhead, host_copy, peer_copy,
                     collective), dtypes (bf16, fp8, fp8_split, fp16, tf32, fp32) or roles (fit,
                     held_out, head, sustained)
  --sustained S      seconds of each sustained product (6; quick: none)
  --budget S         seconds of the whole session (170; quick 30; plus the sustained ones)
  --resume           go on with what DIR has, on the same GPU
  --seed N           order and random data (1)
  --device N         which GPU (0)
  --synthetic N      a made-up device with seed N: no GPU is needed
  --replay RAW.csv   a recorded session as the device

SIGINT ends the session; what was measured is written. No setting of the card is changed.
Exit codes: 0 done, 1 failed, 2 wrong input, 77 no GPU, 130 interrupted.
)";

struct Arguments {
  std::string out = "measured", name = "gpu", box_plan, replay;
  Extent extent = Extent::kFull;
  std::vector<std::string> only;
  std::optional<double> sustained, budget, seed, device, synthetic;
  bool verify = false, list = false, resume = false, help = false, box = false;
  std::string command;
};

std::string quoted(const std::string& text) {
  std::string out(1, '\'');
  out.append(text).push_back('\'');
  return out;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

const std::vector<std::string> kOnly{"gemm",      "elementwise", "memory", "overhead", "host_copy",
                                     "peer_copy", "collective",  "bf16",   "fp8",      "fp8_split",
                                     "fp16",      "tf32",        "fp32",   "fit",      "held_out",
                                     "head",      "sustained"};

Arguments parse(int argc, char** argv) {
  Arguments a;
  std::vector<Diagnostic> problems;
  const auto wrong = [&](std::string path, std::string problem, std::string hint = {}) {
    Diagnostic& diagnostic = problems.emplace_back();
    diagnostic.path = std::move(path);
    diagnostic.problem = std::move(problem);
    diagnostic.hint = std::move(hint);
  };
  const std::map<std::string, std::string*> texts{
      {"--out", &a.out}, {"--name", &a.name}, {"--replay", &a.replay}};
  const std::map<std::string, std::optional<double>*> numbers{{"--sustained", &a.sustained},
                                                              {"--budget", &a.budget},
                                                              {"--seed", &a.seed},
                                                              {"--device", &a.device},
                                                              {"--synthetic", &a.synthetic}};
  for (int i = 0; i < argc; ++i) a.command.append(i ? " " : "").append(argv[i]);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool takes = texts.count(word) || numbers.count(word) || word == "--only";
    if (takes && i + 1 == argc) {
      wrong(word, "has no value");
    } else if (texts.count(word)) {
      *texts.at(word) = argv[++i];
    } else if (numbers.count(word)) {
      char* end = nullptr;
      const double value = std::strtod(argv[++i], &end);
      if (*end != '\0' || end == argv[i] || !(value >= 0 && value < 1e6)) {
        wrong(word, quoted(argv[i]).append(" is not a number of 0 or more"));
      }
      *numbers.at(word) = value;
    } else if (word == "--only") {
      a.only = split(argv[++i]);
      for (const std::string& each : a.only) {
        if (std::find(kOnly.begin(), kOnly.end(), each) != kOnly.end()) continue;
        const std::string near(nearest(each, kOnly));
        wrong(word, "nothing is called " + quoted(each),
              near.empty() ? "see --help" : "did you mean " + quoted(near) + "?");
      }
    } else if (word == "--quick" || word == "--full") {
      a.extent = word == "--quick" ? Extent::kQuick : Extent::kFull;
    } else if (word == "--verify") {
      a.verify = true;
    } else if (word == "--list") {
      a.list = true;
    } else if (word == "--resume") {
      a.resume = true;
    } else if (word == "--help" || word == "-h") {
      a.help = true;
    } else if (word == "box") {
      a.box = true;
    } else if (a.box && a.box_plan.empty() && word[0] != '-') {
      a.box_plan = word;
    } else {
      wrong("", quoted(word).append(" is no option"), "see --help");
    }
  }
  if (a.box && a.box_plan.empty())
    wrong("box", "wants a plan", "`plumbline calibrate box --plan` writes one");
  if (a.synthetic && !a.replay.empty())
    wrong("--replay", "stands beside --synthetic", "one device at a time");
  if (a.name.empty() || a.name.find('/') != std::string::npos)
    wrong("--name", "is the first word of file names");
  if (!problems.empty()) throw InputError(std::move(problems));
  return a;
}

void show_progress(const SessionProgress& p) {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  if (!terminal) return;
  std::fprintf(stderr, "\r%zu of %zu, about %.0f s left  %-60.60s", p.done, p.total, p.left_s,
               p.site ? to_id(*p.site).c_str() : "");
  if (!p.site) std::fprintf(stderr, "\n");
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

// Earlier measurements, after a look at whether they may be gone on with.
void check_folder(const Arguments& a, const DeviceFacts& facts) {
  const std::string raw = a.out + "/raw.csv", provenance = a.out + "/provenance.yaml";
  std::error_code none;
  if (!std::filesystem::exists(raw, none)) return;
  if (!a.resume) {
    throw problem_at(raw, 0, "is there already",
                     "--resume goes on with it; --out takes another folder");
  }
  if (!std::filesystem::exists(provenance, none)) return;  // it was cut off before the first end
  const std::string uuid = uuid_in(read_file(provenance));
  if (uuid != facts.uuid) {
    throw problem_at(provenance, 0, "was measured on " + uuid + ", this is " + facts.uuid,
                     "samples of two cards do not mix; take another --out");
  }
}

int measure_on(MeasuredDevice& device, const Arguments& a) {
  const DeviceFacts facts = device.facts();
  const std::vector<Site> sites = design(facts, {a.extent, a.only, a.sustained});
  double sustained = 0;
  for (const Site& site : sites) {
    if (site.regime == "sustained") sustained += expected_seconds(site, facts);
  }
  SessionOptions options;
  options.seed = static_cast<std::uint64_t>(a.seed.value_or(1));
  options.budget_s = a.budget.value_or((a.extent == Extent::kQuick ? 30 : 150) + sustained);
  if (a.list) {
    double sum = 0;
    for (const Site& site : sites) {
      std::cout << to_id(site) << "\n";
      sum += expected_seconds(site, facts);
    }
    std::cout << sites.size() << " sites, at most about " << static_cast<int>(sum) << " s\n";
    return kDone;
  }
  check_folder(a, facts);
  RawFile raw(a.out);
  for (const std::string& note : raw.contents().notes) std::cerr << note << "\n";
  std::vector<Measurement> all = raw.contents().measurements;
  std::vector<Site> have;
  for (const Measurement& m : all) have.push_back(m.site);
  Provenance provenance;
  provenance.facts = facts;
  provenance.command = a.command;
  provenance.program = "plumbline-measure " PLUMBLINE_VERSION;
  provenance.when = now_text();
  provenance.seed = options.seed;
  provenance.end = "running";
  write_projections(a.out, a.name, all, provenance);  // whose card it is, should the plug be pulled
  SessionSinks sinks;
  sinks.measured = [&](const Measurement& m) {
    raw.append(m);
    all.push_back(m);
  };
  sinks.left_out = [&](const Site& site, const std::string& why) {
    provenance.left_out.push_back(to_id(site) + ": " + why);
  };
  sinks.progress = show_progress;
  sinks.stop = [] { return interrupted != 0; };
  SessionEnd end = SessionEnd::kComplete;
  std::optional<std::string> failed;
  try {
    end = run_session(sites, have, device, options, sinks);
  } catch (const std::exception& error) {  // a card that fell off the bus: keep what there is
    failed = error.what();
  }
  provenance.end = failed                         ? "failed"
                   : end == SessionEnd::kComplete ? "complete"
                   : end == SessionEnd::kStopped  ? "stopped"
                                                  : "budget";
  write_projections(a.out, a.name, all, provenance);
  std::cout << all.size() << " samples in " << a.out << ", " << provenance.left_out.size()
            << " sites left out, ended: " << provenance.end << "\n";
  for (const SustainedFactor& f : sustained_factors(all)) {
    std::printf("sustained %s: %.1f us, burst %.1f us, factor %.3f, %.0f MHz, %.0f W\n",
                f.dtype.c_str(), 1e6 * f.sustained_s, 1e6 * f.burst_s, f.factor(), f.sm_mhz,
                f.power_w);
  }
  if (failed) throw std::runtime_error(*failed);
  return end == SessionEnd::kStopped ? kInterrupted : kDone;
}

int run(int argc, char** argv) {
  const Arguments a = parse(argc, argv);
  if (a.help) {
    std::cout << kUsage;
    return kDone;
  }
  if (a.synthetic) {
    SyntheticParameters parameters;
    parameters.seed = static_cast<std::uint64_t>(*a.synthetic);
    SyntheticDevice device(parameters);
    return measure_on(device, a);
  }
  if (!a.replay.empty()) {
    DeviceFacts facts;
    facts.name = facts.uuid = "recorded " + a.replay;
    facts.compute_capability = 90;  // the record says what the card could do
    RecordedDevice device(facts, parse_raw(read_file(a.replay), a.replay).measurements);
    return measure_on(device, a);
  }
  // Before the first call of CUDA: kernels are loaded up front, and streams get queues of their
  // own.
  setenv("CUDA_MODULE_LOADING", "EAGER", 0);
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  const std::unique_ptr<Gpu> gpu = open_gpu(static_cast<int>(a.device.value_or(0)),
                                            static_cast<std::uint64_t>(a.seed.value_or(1)));
  if (a.verify) return gpu->verify(std::cout) ? kDone : kFailed;
  if (a.box) {
    gpu->box(a.box_plan, a.out);
    std::cout << "timeline.csv and box.yaml in " << a.out << "\n";
    return kDone;
  }
  return measure_on(gpu->device(), a);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  try {
    return run(argc, argv);
  } catch (const InputError& error) {
    for (const Diagnostic& problem : error.diagnostics()) {
      std::cerr << "plumbline-measure: " << to_string(problem) << "\n";
    }
    return kWrongInput;
  } catch (const NoDevice& why) {
    std::cerr << "plumbline-measure: SKIPPED, nothing was measured: " << why.what() << "\n";
    return kNoDevice;
  } catch (const std::exception& error) {
    std::cerr << "plumbline-measure: " << error.what() << "\n";
    return kFailed;
  }
}
