#include "sim/kernels/layer_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/kernels/problem.h"
#include "sim/kernels/samples.h"

namespace plumbline {
namespace {

constexpr double kUnmeasured = -1.0;

bool is_serving_table(const SampleFile& file) { return file.operation.starts_with("serving_"); }

std::vector<double> distinct(std::vector<double> values) {
  std::ranges::sort(values);
  const auto rest = std::ranges::unique(values);
  values.erase(rest.begin(), rest.end());
  return values;
}

std::size_t index_of(const std::vector<double>& values, double value) {
  return static_cast<std::size_t>(std::ranges::lower_bound(values, value) - values.begin());
}

}  // namespace

double SizeCurve::at(double size) const {
  if (size_.size() == 1 || size <= size_.front()) return seconds_.front();
  const auto upper = std::upper_bound(size_.begin() + 1, size_.end() - 1, size);
  const auto i = static_cast<std::size_t>(upper - size_.begin());
  const double part = (size - size_[i - 1]) / (size_[i] - size_[i - 1]);
  return seconds_[i - 1] + part * (seconds_[i] - seconds_[i - 1]);
}

std::size_t LayerTable::Axis::place(double value, double& part) const {
  part = 0;
  if (values.size() == 1 || value <= values.front()) return 0;
  const auto upper = std::upper_bound(values.begin() + 1, values.end() - 1, value);
  const auto i = static_cast<std::size_t>(upper - values.begin()) - 1;
  part = (value - values[i]) / (values[i + 1] - values[i]);
  return i;
}

std::optional<LayerTable> LayerTable::find(const DeviceSpec& device, const ModelShape& shape) {
  LayerTable table;
  bool found = false;
  for (const SampleFile& file : device.samples) {
    if (!is_serving_table(file) || file.inherited || !(file.model == shape)) continue;
    found = true;
    table.name_ = file.model.name;
    if (file.operation == "serving_layers") table.read_layers(file);
    if (file.operation == "serving_attention") table.read_attention(file);
    if (file.operation == "serving_moe") table.read_experts(file);
  }
  if (!found) return std::nullopt;
  return table;
}

const SizeCurve* LayerTable::layer(std::string_view name) const {
  const auto it = layers_.find(name);
  return it == layers_.end() ? nullptr : &it->second;
}

void LayerTable::read_layers(const SampleFile& file) {
  const CsvTable csv = read_samples(file);
  const std::size_t layer = csv.column("layer"), size = csv.column("size"),
                    time = csv.column("latency_us");
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    layers_[std::string(csv.text(row, layer))].add(csv.number(row, size),
                                                   1e-6 * csv.number(row, time));
  }
}

void LayerTable::read_attention(const SampleFile& file) {
  const CsvTable csv = read_samples(file);
  constexpr std::size_t kKeys = 3;
  axes_[0].values = distinct(csv.numbers("prefill_chunk"));
  axes_[1].values = distinct(csv.numbers("kv_prefill"));
  axes_[2].values = distinct(csv.numbers("n_decode"));
  for (std::size_t c = kKeys; c < csv.columns().size(); ++c) {
    const std::string& column = csv.columns()[c];
    if (!column.starts_with("kv")) {
      throw problem_at(file.path, 1, "a column is called '" + column + "'",
                       "kvN: N tokens in the cache of each decoding sequence");
    }
    axes_[3].values.push_back(std::stod(column.substr(2)));
  }
  std::size_t cells = 1;
  for (const Axis& axis : axes_) cells *= axis.values.size();
  attention_.assign(cells, kUnmeasured);
  const std::size_t chunk = csv.column("prefill_chunk"), context = csv.column("kv_prefill"),
                    decodes = csv.column("n_decode");
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const std::size_t i = index_of(axes_[0].values, csv.number(row, chunk)),
                      j = index_of(axes_[1].values, csv.number(row, context)),
                      k = index_of(axes_[2].values, csv.number(row, decodes));
    for (std::size_t c = kKeys; c < csv.columns().size(); ++c) {
      if (csv.text(row, c).empty()) continue;
      attention_[cell(i, j, k, c - kKeys)] = 1e-6 * csv.number(row, c);
    }
  }
  fill_unmeasured();
}

std::size_t LayerTable::cell(std::size_t chunk, std::size_t context, std::size_t decodes,
                             std::size_t decode_context) const {
  std::size_t at = chunk;
  at = at * axes_[1].values.size() + context;
  at = at * axes_[2].values.size() + decodes;
  return at * axes_[3].values.size() + decode_context;
}

// Corners that cannot be measured take the value of what they mean: without a chunk its context is
// nothing, without decodes so is theirs, and decodes without context are those of the shortest one.
// What was measured for fewer decodes only (128 beside a chunk: an engine of 256 sequences has no
// room for one more) takes the nearest cell.
void LayerTable::fill_unmeasured() {
  const std::size_t contexts = axes_[1].values.size(), counts = axes_[2].values.size(),
                    lengths = axes_[3].values.size();
  for (std::size_t i = 0; i < axes_[0].values.size(); ++i) {
    for (std::size_t j = 0; j < contexts; ++j) {
      for (std::size_t k = 0; k < counts; ++k) {
        for (std::size_t l = 0; l < lengths; ++l) {
          double& here = attention_[cell(i, j, k, l)];
          if (here != kUnmeasured) continue;
          const bool no_chunk = axes_[0].values[i] == 0, no_decode = axes_[2].values[k] == 0;
          if (no_chunk && no_decode) {
            here = 0;
          } else if (no_chunk && j > 0) {
            here = attention_[cell(i, 0, k, l)];
          } else if (no_decode && l > 0) {
            here = attention_[cell(i, j, k, 0)];
          } else if (!no_decode && l == 0 && lengths > 1 &&
                     attention_[cell(i, j, k, 1)] != kUnmeasured) {
            here = attention_[cell(i, j, k, 1)];
          } else if (k > 0) {
            here = attention_[cell(i, j, k - 1, l)];
          }
        }
      }
    }
  }
}

bool LayerTable::attention_measured(double chunk, double context, double decodes,
                                    double decode_context) const {
  const std::array<double, 4> point{chunk, context, decodes, decode_context};
  for (std::size_t d = 0; d < 4; ++d) {
    if (point[d] > axes_[d].values.back()) return false;
  }
  return true;
}

double LayerTable::attention(double chunk, double context, double decodes,
                             double decode_context) const {
  std::array<std::size_t, 4> at{};
  std::array<double, 4> part{};
  const std::array<double, 4> point{chunk, context, decodes, decode_context};
  for (std::size_t d = 0; d < 4; ++d) at[d] = axes_[d].place(point[d], part[d]);
  double sum = 0;
  for (unsigned corner = 0; corner < 16; ++corner) {
    double weight = 1;
    std::array<std::size_t, 4> index = at;
    for (std::size_t d = 0; d < 4; ++d) {
      const bool upper = (corner >> d & 1U) != 0;
      weight *= upper ? part[d] : 1 - part[d];
      index[d] += upper ? 1 : 0;
    }
    if (weight != 0) sum += weight * attention_[cell(index[0], index[1], index[2], index[3])];
  }
  return std::max(0.0, sum);
}

void LayerTable::read_experts(const SampleFile& file) {
  const CsvTable csv = read_samples(file);
  const auto tokens = csv.numbers("tokens"), active = csv.numbers("activated_experts"),
             time = csv.numbers("latency_us");
  expert_tokens_.values = distinct(tokens);
  expert_count_.values = distinct(active);
  const std::size_t width = expert_count_.values.size();
  experts_.assign(expert_tokens_.values.size() * width, kUnmeasured);
  for (std::size_t row = 0; row < time.size(); ++row) {
    experts_[index_of(expert_tokens_.values, tokens[row]) * width +
             index_of(expert_count_.values, active[row])] = 1e-6 * time[row];
  }
  // Few tokens cannot reach many experts; such corners take their neighbour's value.
  for (std::size_t i = 0; i < experts_.size(); ++i) {
    if (experts_[i] == kUnmeasured && i % width > 0) experts_[i] = experts_[i - 1];
  }
}

double LayerTable::experts(double tokens, double activated) const {
  double low = 0, side = 0;
  const std::size_t i = expert_tokens_.place(tokens, low), j = expert_count_.place(activated, side),
                    width = expert_count_.values.size();
  const auto value = [&](std::size_t row, std::size_t column) {
    row = std::min(row, expert_tokens_.values.size() - 1);
    return experts_[row * width + std::min(column, width - 1)];
  };
  const double below = (1 - side) * value(i, j) + side * value(i, j + 1);
  const double above = (1 - side) * value(i + 1, j) + side * value(i + 1, j + 1);
  return std::max(0.0, (1 - low) * below + low * above);
}

}  // namespace plumbline
