// The tree of the file stays; a setting replaces the values at its paths, which the next setting
// replaces again.  A setting of other paths starts from the file's text.

#include "sim/scenario/scenario_reader.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "models/model_reader.h"
#include "sim/scenario/read_parts.h"
#include "sim/scenario/sweep_block.h"

namespace plumbline {
namespace {

/// Values that were set stay in the tree's memory; after so many it is built anew.
constexpr std::size_t kMostSet = 4096;
constexpr std::size_t kMostKept = 256;

void collect_locations(const YamlNode& node, std::map<std::string, SourceLocation>& locations) {
  if (!node.present()) return;
  locations.emplace(node.path(), node.location());
  if (node.is_map()) {
    for (const auto& entry : node.entries()) collect_locations(entry.second, locations);
  } else if (node.is_list()) {
    for (const YamlNode& item : node.items()) collect_locations(item, locations);
  }
}

bool touches(const Override& setting, std::string_view block) {
  const std::string_view path = setting.first;
  return path.starts_with(block) && (path.size() == block.size() || path[block.size()] == '.');
}

/// The settings inside one block, as one text; of `any_value` only that it is set.
std::string settings_of(std::string_view block, const std::vector<Override>& overrides,
                        std::string_view any_value = {}) {
  std::string text;
  for (const Override& setting : overrides) {
    if (setting.first == any_value) {
      text += setting.first + "\n";
      continue;
    }
    if (touches(setting, block)) text += setting.first + "=" + setting.second + "\n";
  }
  return text;
}

/// Blocks that were read without a problem, by the settings inside them.
template <typename Block>
class Kept {
 public:
  const Block* find(const std::string& settings) const {
    const auto found = blocks_.find(settings);
    return found == blocks_.end() ? nullptr : &found->second;
  }
  void keep(const std::string& settings, Block block) {
    if (blocks_.size() >= kMostKept) blocks_.clear();
    blocks_.emplace(settings, std::move(block));
  }

 private:
  std::map<std::string, Block> blocks_;
};

struct ReadCluster {
  Cluster cluster;
  std::vector<std::string> assumptions;
};

}  // namespace

class ScenarioReader::State {
 public:
  State(std::string path, DataFolders folders)
      : path_(std::move(path)), folders_(std::move(folders)) {}

  Scenario read(const std::vector<Override>& overrides) {
    problems_ = {};
    set(overrides);
    Scenario scenario;
    scenario.file = path_;
    if (!root_->is_map()) {
      if (problems_.empty()) {
        root_->problem("must be a mapping with model, cluster and training or serving");
      }
      problems_.throw_if_any();
    }
    const KeyReader keys(*root_, scenario.assumptions);
    keys.word("schema");
    scenario.name = keys.text("name").value_or(std::filesystem::path(path_).stem().string());
    scenario.model = model(keys, overrides);
    read_cluster(keys, overrides, scenario);
    if (keys.stated("serving")) {
      read_serving_blocks(keys, scenario);
    } else {
      scenario.schedule = read_schedule_request(keys);
      scenario.parallelism = read_parallelism(keys, scenario.schedule);
      keys.require("training");
      scenario.training = read_training(keys, scenario.cluster.device.name);
      scenario.layer_split = read_layer_split(keys, scenario.parallelism);
    }
    scenario.measured = read_measured(keys);
    read_sweep_block(keys.node("sweep"));  // for its problems
    if (const auto seed = keys.integer("seed")) scenario.seed = static_cast<std::uint64_t>(*seed);
    scenario.usd_per_gpu_hour = keys.number("cost.usd_per_gpu_hour");
    problems_.throw_if_any();
    collect_locations(*root_, scenario.locations);
    return scenario;
  }

 private:
  void set(const std::vector<Override>& overrides) {
    const auto path = [](const Override& setting) -> const std::string& { return setting.first; };
    const bool fresh = !root_ || set_ > kMostSet || broken_ ||
                       !std::ranges::equal(overrides, applied_, {}, path, path);
    if (fresh) {
      root_.reset();
      root_ = YamlNode::load(path_, problems_);
      if (!problems_.empty()) {  // nothing can be said about a file that is no YAML
        root_.reset();
        problems_.throw_if_any();
      }
      applied_.clear();
      set_ = 0;
    }
    // A later setting may lie inside an earlier one's value: from the first that differs, all are
    // set again.
    const auto differs = std::ranges::mismatch(overrides, applied_);
    for (auto setting = differs.in1; setting != overrides.end(); ++setting) {
      root_->set(setting->first, setting->second,
                 std::string(kCommandLine) + setting->first + "=" + setting->second);
      ++set_;
    }
    applied_ = overrides;
    broken_ = !problems_.empty();  // an impossible value is told every time
    if (broken_ && !fresh) {       // and its place must not keep what stood there last
      problems_ = {};
      set(overrides);
    }
  }

  ModelSpec model(const KeyReader& keys, const std::vector<Override>& overrides) {
    keys.require("model");
    const YamlNode node = keys.node("model");
    if (!node.present()) return {};
    const std::string settings = settings_of("model", overrides);
    if (const ModelSpec* kept = models_.find(settings)) return *kept;
    const std::size_t before = problems_.list().size();
    ModelSpec model = resolve_model(node, folders_.models, base_folder(node));
    if (problems_.list().size() == before) models_.keep(settings, model);
    return model;
  }

  void read_cluster(const KeyReader& keys, const std::vector<Override>& overrides,
                    Scenario& scenario) {
    // Profiles are not read again for another power limit, where it is one.
    constexpr std::string_view kLimit = "cluster.power_limit_w";
    const bool limited = std::ranges::any_of(
        overrides, [&](const Override& setting) { return setting.first == kLimit; });
    const YamlNode limit = keys.node(kLimit);
    const bool any_limit = limited && limit.present();
    const std::string settings = settings_of("cluster", overrides, any_limit ? kLimit : "");
    const ReadCluster* kept = clusters_.find(settings);
    ReadCluster read;
    if (kept == nullptr) {
      const std::size_t before = problems_.list().size();
      read.cluster = read_scenario_cluster(keys, folders_, problems_, read.assumptions);
      if (problems_.list().size() == before && keys.stated("cluster")) {
        clusters_.keep(settings, read);
      }
      kept = &read;
      scenario.cluster = read.cluster;
    } else {
      scenario.cluster = kept->cluster;
      if (any_limit) scenario.cluster.power_limit_w = limit.number_in(1, 1e5);
    }
    scenario.assumptions.insert(scenario.assumptions.end(), kept->assumptions.begin(),
                                kept->assumptions.end());
  }

  static void read_serving_blocks(const KeyReader& keys, Scenario& scenario) {
    for (const char* block : {"training", "schedule"}) {
      if (keys.stated(block)) {
        keys.node(block).problem("belongs to training; this scenario serves",
                                 "leave out either it or serving");
      }
    }
    scenario.parallelism = read_serving_parallelism(keys);
    scenario.serving = read_serving(keys, scenario.parallelism);
  }

  std::string path_;
  DataFolders folders_;
  Diagnostics problems_;  // the tree reports to it
  std::optional<YamlNode> root_;
  std::vector<Override> applied_;
  std::size_t set_ = 0;
  bool broken_ = false;
  Kept<ModelSpec> models_;
  Kept<ReadCluster> clusters_;
};

ScenarioReader::ScenarioReader(std::string path, DataFolders folders)
    : state_(std::make_unique<State>(std::move(path), std::move(folders))) {}
ScenarioReader::~ScenarioReader() = default;
ScenarioReader::ScenarioReader(ScenarioReader&&) noexcept = default;
ScenarioReader& ScenarioReader::operator=(ScenarioReader&&) noexcept = default;

Scenario ScenarioReader::read(const std::vector<Override>& overrides) {
  return state_->read(overrides);
}

Scenario read_scenario(const std::string& path, const std::vector<Override>& overrides,
                       const DataFolders& folders) {
  return ScenarioReader(path, folders).read(overrides);
}

}  // namespace plumbline
