// Example: 22 layers over 8 stages "uniform" is an error whose hint is a list that adds up,
// [2, 3, 3, 3, 3, 3, 3, 2]; "balanced" finds the list whose slowest stage is fastest.

#include "sim/plan/layer_split.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

namespace plumbline {
namespace {

using Counts = std::vector<int>;

std::string listed(const Counts& counts) {
  std::string text = "[";
  for (std::size_t i = 0; i < counts.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(counts[i]);
  }
  return text + "]";
}

// As even as possible, the spare layers in the middle stages: the ends carry embedding and head.
Counts evenly(int layers, int stages) {
  Counts counts(static_cast<std::size_t>(stages), layers / stages);
  const int spare = layers % stages;
  const int first = (stages - spare) / 2;
  for (int i = 0; i < spare; ++i) counts[static_cast<std::size_t>(first + i)] += 1;
  return counts;
}

void add(std::vector<Diagnostic>& out, std::string path, std::string problem, std::string hint) {
  out.push_back({{}, std::move(path), std::move(problem), std::move(hint)});
}

// Layers of the given pipeline ranks are dealt to their chunks evenly; chunk c of rank r is stage
// c * pipeline + r.
std::optional<Counts> by_rank(const Counts& per_rank, int virtual_stages,
                              std::vector<Diagnostic>& problems, const char* path) {
  const int pipeline = static_cast<int>(per_rank.size());
  Counts counts;
  for (int chunk = 0; chunk < virtual_stages; ++chunk) {
    for (int rank = 0; rank < pipeline; ++rank) {
      const int layers = per_rank[static_cast<std::size_t>(rank)];
      if (layers % virtual_stages != 0) {
        add(problems, path,
            std::to_string(layers) + " layers of pipeline rank " + std::to_string(rank) +
                " do not divide into " + std::to_string(virtual_stages) + " virtual stages",
            "give training.layers_per_stage as a list");
        return std::nullopt;
      }
      counts.push_back(layers / virtual_stages);
    }
  }
  return counts;
}

std::optional<Counts> first_and_last(int layers, int pipeline, int virtual_stages,
                                     const LayerSplitOptions& options,
                                     std::vector<Diagnostic>& problems) {
  int middle_layers = layers, middle_ranks = pipeline;
  const bool both_ends_fit =
      pipeline >= 1 + (options.first_stage_layers && options.last_stage_layers ? 1 : 0);
  if (options.first_stage_layers) {
    middle_layers -= *options.first_stage_layers;
    --middle_ranks;
  }
  if (options.last_stage_layers) {
    middle_layers -= *options.last_stage_layers;
    --middle_ranks;
  }
  const char* path = options.first_stage_layers ? "training.num_layers_in_first_pipeline_stage"
                                                : "training.num_layers_in_last_pipeline_stage";
  const bool fills = middle_ranks == 0 ? middle_layers == 0
                                       : middle_layers >= 0 && middle_layers % middle_ranks == 0;
  if (!both_ends_fit || !fills) {
    add(problems, path,
        std::to_string(middle_layers) + " of " + std::to_string(layers) +
            " layers are left for the other " + std::to_string(middle_ranks) + " pipeline ranks",
        "they have to divide evenly");
    return std::nullopt;
  }
  Counts per_rank(static_cast<std::size_t>(pipeline),
                  middle_ranks == 0 ? 0 : middle_layers / middle_ranks);
  if (options.first_stage_layers) per_rank.front() = *options.first_stage_layers;
  if (options.last_stage_layers) per_rank.back() = *options.last_stage_layers;
  return by_rank(per_rank, virtual_stages, problems, path);
}

std::optional<Counts> uniform(int layers, int pipeline, int virtual_stages,
                              const LayerSplitOptions& options, std::vector<Diagnostic>& problems) {
  if (options.first_stage_layers || options.last_stage_layers) {
    return first_and_last(layers, pipeline, virtual_stages, options, problems);
  }
  const int stages = pipeline * virtual_stages;
  const int slots =
      layers + (options.account_for_embedding ? 1 : 0) + (options.account_for_loss ? 1 : 0);
  if (slots % stages != 0) {
    const std::string also = slots == layers ? "" : " with embedding or loss counted as layers";
    add(problems, "training.layers_per_stage",
        std::to_string(slots) + " layers" + also + " do not divide into " + std::to_string(stages) +
            " stages",
        "balanced, or a list such as " + listed(evenly(layers, stages)));
    return std::nullopt;
  }
  Counts counts(static_cast<std::size_t>(stages), slots / stages);
  if (options.account_for_embedding) counts.front() -= 1;
  if (options.account_for_loss) counts.back() -= 1;
  return counts;
}

// The split whose costliest stage is cheapest; among equals the one that comes first when stages
// are filled greedily from the front.  A stage may not be empty.
Counts balanced(int layers, int stages, const LayerWeights& weights) {
  const auto n = static_cast<std::size_t>(layers), p = static_cast<std::size_t>(stages);
  std::vector<double> prefix(n + 1, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    prefix[i + 1] = prefix[i] + (weights.layer.empty() ? 1.0 : weights.layer[i]);
  }
  const auto cost = [&](std::size_t stage, std::size_t from, std::size_t to) {
    return prefix[to] - prefix[from] + (stage == 0 ? weights.embedding : 0.0) +
           (stage + 1 == p ? weights.head : 0.0);
  };
  const double infinity = std::numeric_limits<double>::infinity();
  // worst[k][i]: least possible maximum when stages 0..k-1 hold the first i layers.
  std::vector<std::vector<double>> worst(p + 1, std::vector<double>(n + 1, infinity));
  std::vector<std::vector<std::size_t>> cut(p + 1, std::vector<std::size_t>(n + 1, 0));
  worst[0][0] = 0.0;
  for (std::size_t k = 1; k <= p; ++k) {
    for (std::size_t i = k; i <= n; ++i) {
      for (std::size_t j = k - 1; j < i; ++j) {
        const double value = std::max(worst[k - 1][j], cost(k - 1, j, i));
        if (value < worst[k][i]) {
          worst[k][i] = value;
          cut[k][i] = j;
        }
      }
    }
  }
  Counts counts(p);
  std::size_t end = n;
  for (std::size_t k = p; k > 0; --k) {
    counts[k - 1] = static_cast<int>(end - cut[k][end]);
    end = cut[k][end];
  }
  return counts;
}

}  // namespace

std::vector<StageLayers> split_layers(const ModelSpec& model, int pipeline, int virtual_stages,
                                      const LayerSplitOptions& options, const LayerWeights& weights,
                                      std::vector<Diagnostic>& problems) {
  const int layers = static_cast<int>(model.layers), stages = pipeline * virtual_stages;
  // Stages that may hold no layer, because the embedding or the loss counts as theirs.
  const int empty_ends =
      options.split != LayerSplit::kUniform
          ? 0
          : (options.account_for_embedding ? 1 : 0) + (options.account_for_loss ? 1 : 0);
  std::optional<Counts> counts;
  if (options.split == LayerSplit::kGiven) {
    const int sum = std::accumulate(options.given.begin(), options.given.end(), 0);
    if (static_cast<int>(options.given.size()) != stages || sum != layers) {
      add(problems, "training.layers_per_stage",
          std::to_string(options.given.size()) + " numbers that add up to " + std::to_string(sum) +
              "; pipeline x virtual_stages is " + std::to_string(stages) + " and the model has " +
              std::to_string(layers) + " layers",
          "for example " + listed(evenly(layers, stages)));
    } else {
      counts = options.given;
    }
  } else if (layers + empty_ends < stages) {
    add(problems, "parallelism.pipeline",
        std::to_string(layers) + " layers cannot fill " + std::to_string(stages) + " stages",
        "at most " + std::to_string(std::max(1, layers / virtual_stages)) + " pipeline ranks");
  } else if (options.split == LayerSplit::kBalanced) {
    counts = balanced(layers, stages, weights);
  } else {
    counts = uniform(layers, pipeline, virtual_stages, options, problems);
  }
  std::vector<StageLayers> out;
  if (!counts) return out;
  int first = 0;
  for (const int count : *counts) {
    if (count < 0) {
      add(problems, "training.layers_per_stage",
          "a stage cannot have " + std::to_string(count) + " layers", {});
      return {};
    }
    StageLayers stage;
    stage.first_layer = first;
    stage.end_layer = first += count;
    out.push_back(stage);
  }
  out.front().embedding = true;
  out.back().head = true;
  return out;
}

}  // namespace plumbline
