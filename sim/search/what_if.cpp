#include "sim/search/what_if.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sim/cluster/read_profile.h"

namespace plumbline {
namespace {

Diagnostic problem(std::string_view what, std::string_view hint) {
  return diagnose("--what-if", what, hint);
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

template <typename Number>
std::optional<Number> number(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || text.empty()) return std::nullopt;
  return value;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// "ib" of "ib_ndr400", "nvlink" of "nvlink4".
std::string kind_of(const std::string& link) {
  std::string kind;
  for (const char c : link) {
    if (!std::isalpha(static_cast<unsigned char>(c))) break;
    kind += c;
  }
  return kind;
}

class Reader {
 public:
  Reader(const Scenario& base, const DataFolders& folders, bool keep_plan)
      : folders_(folders), keep_plan_(keep_plan) {
    out_.scenario = base;
    out_.nodes = base.cluster.nodes;
  }

  WhatIf read(const std::string& text) {
    out_.text = trimmed(text);
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t comma = std::min(text.find(',', begin), text.size());
      term(trimmed(std::string_view(text).substr(begin, comma - begin)));
      begin = comma + 1;
    }
    const bool resized = out_.nodes != out_.scenario.cluster.nodes;
    if (problems_.empty() && resized && keep_plan_) resize();
    if (!problems_.empty()) throw InputError(std::move(problems_));
    out_.scenario.name += " (" + out_.text + ")";
    out_.scenario.measured.reset();  // it was measured under other circumstances
    return std::move(out_);
  }

 private:
  void term(const std::string& text) {
    if (text.starts_with("fail ")) {
      fail(text);
    } else if (const std::size_t star = text.find('*'); star != std::string::npos) {
      scaled(trimmed(text.substr(0, star)), trimmed(text.substr(star + 1)), text);
    } else if (const std::size_t equals = text.find('='); equals != std::string::npos) {
      replaced(trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)), text);
    } else {
      problems_.push_back(problem("'" + text + "' is no what-if",
                                  "for example nvlink*2, ib*0.5, gpu=b200_sxm_180g, fail 1 node"));
    }
  }

  void note(std::string sentence) {
    out_.scenario.assumptions.push_back("what if: " + std::move(sentence));
  }

  void scaled(const std::string& name, const std::string& factor, const std::string& text) {
    const auto by = number<double>(factor);
    if (!by || !(*by > 0) || !(*by < 1e6)) {
      problems_.push_back(problem("'" + factor + "' in '" + text + "' is no factor", "2 or 0.5"));
      return;
    }
    const std::string intra = out_.scenario.cluster.intra_node.name;
    const std::string inter = out_.scenario.cluster.inter_node.name;
    const auto is = [&](std::initializer_list<std::string> names) {
      return std::ranges::find(names, name) != names.end();
    };
    HardwareScale& scale = out_.scale;
    if (is({"gemm", "compute"})) {
      scale.gemm *= *by;
      note(fmt::format("matrix products and attention {} times as fast", *by));
    } else if (is({"memory", "memory_bandwidth"})) {
      scale.memory *= *by;
      note(fmt::format("memory bandwidth {} times as high; matrix products as they are", *by));
    } else if (is({"intra_node", intra, kind_of(intra)})) {
      scale.intra_node *= *by;
      note(fmt::format("{} {} times as fast, latency included", intra, *by));
    } else if (is({"inter_node", "network", inter, kind_of(inter)})) {
      scale.inter_node *= *by;
      note(fmt::format("{} {} times as fast, latency included", inter, *by));
    } else {
      const std::vector<std::string> known{"gemm",       "memory",       "intra_node",
                                           "inter_node", "network",      intra,
                                           inter,        kind_of(intra), kind_of(inter)};
      const std::string_view near = nearest(name, std::span<const std::string>(known));
      problems_.push_back(problem(
          "the cluster has no '" + name + "' that could be faster",
          (near.empty() ? "" : "did you mean '" + std::string(near) + "'? ") +
              "there are gemm, memory, " + intra + " inside nodes and " + inter + " between them"));
    }
  }

  void replaced(const std::string& key, const std::string& value, const std::string& text) {
    Cluster& cluster = out_.scenario.cluster;
    if (key == "gpu") {
      if (const auto file = profile(list_devices(folders_.hardware_profiles), "GPU", value)) {
        cluster.device = read_device(*file);
        cluster.power_limit_w.reset();
        note(cluster.device.name +
             " in the same nodes, on the same links, with the same software (" +
             (out_.scenario.serving ? out_.scenario.serving->software
                                    : out_.scenario.training.software.name) +
             ")");
      }
    } else if (key == "intra_node" || key == "inter_node") {
      if (const auto file = profile(list_links(folders_.hardware_profiles), "link", value)) {
        (key == "intra_node" ? cluster.intra_node : cluster.inter_node) = read_link(*file);
        note(key + " is " + value);
      }
    } else if (key == "nodes") {
      const auto nodes = number<int>(value);
      if (!nodes || *nodes < 1) {
        problems_.push_back(problem("'" + text + "' is no number of nodes", "nodes=16"));
      } else {
        out_.nodes = *nodes;
      }
    } else {
      const std::vector<std::string> known{"gpu", "intra_node", "inter_node", "nodes"};
      const std::string_view near = nearest(key, std::span<const std::string>(known));
      problems_.push_back(problem("a what-if cannot replace '" + key + "'",
                                  near.empty()
                                      ? "it replaces " + joined(known) + "; --set changes any key"
                                      : "did you mean '" + std::string(near) + "'?"));
    }
  }

  /// The profile called `value`, or the only one whose name begins so.
  std::optional<std::string> profile(const std::vector<std::string>& names, const char* what,
                                     const std::string& value) {
    std::vector<std::string> begin;
    for (const std::string& name : names) {
      if (name == value || (!value.empty() && name.starts_with(value))) begin.push_back(name);
    }
    if (std::ranges::find(begin, value) != begin.end()) begin = {value};
    if (begin.size() == 1) return folders_.hardware_profiles + "/" + begin.front() + ".yaml";
    const std::string_view near = nearest(value, std::span<const std::string>(names));
    std::string hint = "there are " + joined(names);
    if (begin.size() > 1) hint = "one of " + joined(begin);
    if (begin.empty() && !near.empty()) hint = "did you mean '" + std::string(near) + "'? " + hint;
    problems_.push_back(
        problem("no " + std::string(what) + " is called '" + value + "'", std::move(hint)));
    return std::nullopt;
  }

  void fail(const std::string& text) {
    const std::string rest = trimmed(text.substr(5));
    const std::size_t blank = rest.find(' ');
    const auto count = number<int>(rest.substr(0, blank));
    const std::string what = blank == std::string::npos ? "" : trimmed(rest.substr(blank));
    if (!count || *count < 1 || (what != "node" && what != "nodes")) {
      problems_.push_back(problem("'" + text + "' says not how many nodes fail", "fail 1 node"));
    } else if (*count >= out_.nodes) {
      problems_.push_back(
          problem("'" + text + "' leaves none of " + std::to_string(out_.nodes) + " nodes", ""));
    } else {
      out_.nodes -= *count;
    }
  }

  void resize() {
    const Cluster& cluster = out_.scenario.cluster;
    const ParallelOptions& p = out_.scenario.parallelism;
    if (auto sized = on_nodes(out_.scenario, out_.nodes)) {
      out_.scenario = *std::move(sized);
      return;
    }
    problems_.push_back(
        problem(fmt::format("{} nodes of {} GPUs have no room for one replica of {} GPUs",
                            out_.nodes, cluster.gpus_per_node, p.tensor * p.pipeline * p.context),
                "plumbline plan --what-if finds a plan for what is left"));
  }

  const DataFolders& folders_;
  const bool keep_plan_;
  WhatIf out_;
  std::vector<Diagnostic> problems_;
};

}  // namespace

std::optional<Scenario> on_nodes(const Scenario& base, int nodes) {
  Scenario s = base;
  const int before = s.cluster.nodes;
  const int replica = s.parallelism.tensor * s.parallelism.pipeline * s.parallelism.context;
  const int per_node = s.cluster.gpus_per_node;
  int data = nodes * per_node / replica;
  // Whole nodes only: a replica that ends inside a node waits for the next that fills it.
  while (data > 0 && data * replica % per_node != 0) --data;
  if (data == 0) return std::nullopt;
  s.cluster.nodes = data * replica / per_node;
  s.parallelism.data = data;
  if (s.serving) {
    s.assumptions.push_back(
        fmt::format("what if: {} nodes instead of {}; {} replicas of {} GPUs use {} of them", nodes,
                    before, data, replica, s.cluster.nodes));
    return s;
  }
  const std::int64_t step = s.training.micro_batch_size * data;
  const std::int64_t batch = s.training.global_batch_size;
  if (batch % step != 0) s.training.global_batch_size = std::max(step, batch / step * step);
  s.assumptions.push_back(
      fmt::format("what if: {} nodes instead of {}; {} replicas of {} GPUs use {} of them", nodes,
                  before, data, replica, s.cluster.nodes));
  if (batch % step != 0) {
    s.assumptions.push_back(fmt::format(
        "what if: the batch is {} sequences instead of {}, which {} replicas do not divide",
        s.training.global_batch_size, batch, data));
  }
  return s;
}

WhatIf what_if(const Scenario& base, const std::string& text, const DataFolders& folders,
               bool keep_plan) {
  return Reader(base, folders, keep_plan).read(text);
}

}  // namespace plumbline
