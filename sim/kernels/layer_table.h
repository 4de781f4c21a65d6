// Layers of one model as an inference engine ran them on one GPU: measured times, verbatim at the
// sizes that were measured and linear between them.
//
// Two CSV files per model and GPU (see hardware_profiles/samples/provenance.yaml):
//   serving_layers     layer,size,latency_us: size is tokens, of lm_head and sampler sequences
//   serving_attention  prefill_chunk,kv_prefill,n_decode,kv0,kv16,...: one batch of a prompt chunk
//                      with its context and n_decode sequences of the column's context, all in one
//                      kernel; an empty cell was not measured
// and, for a mixture of experts,
//   serving_moe        tokens,activated_experts,latency_us
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cluster/device.h"

namespace plumbline {

/// A measured quantity over one size: linear between the samples, continued with the last slope
/// above them, held below.
class SizeCurve {
 public:
  void add(double size, double seconds) {
    size_.push_back(size);
    seconds_.push_back(seconds);
  }
  bool empty() const { return size_.empty(); }
  double largest() const { return size_.back(); }
  /// REQUIRES: not empty, sizes were added in rising order
  double at(double size) const;

 private:
  std::vector<double> size_, seconds_;
};

class LayerTable {
 public:
  /// The table of a model with these dimensions among the device's samples, or nothing.
  ///
  /// @param shape  ModelShape of the part of the model that one tensor rank holds
  /// @throws InputError when a sample file is missing or does not match its SHA-256
  static std::optional<LayerTable> find(const DeviceSpec& device, const ModelShape& shape);

  /// The curve of one layer ("qkv_proj", "lm_head", ...), or nullptr.
  const SizeCurve* layer(std::string_view name) const;
  bool has_attention() const { return !attention_.empty(); }
  bool has_experts() const { return !experts_.empty(); }

  /// Attention of one layer over a chunk of `chunk` new tokens behind `context` cached ones, with
  /// `decodes` sequences of `decode_context` tokens each: seconds, multilinear in the four.
  /// Beyond the measured contexts the last slope holds; beyond 128 decodes beside a chunk the cell
  /// of 128 does.  0 when there is neither chunk nor decode.
  double attention(double chunk, double context, double decodes, double decode_context) const;

  /// Whether the point lies within the measured sizes.
  bool attention_measured(double chunk, double context, double decodes,
                          double decode_context) const;

  /// Routed experts of one layer: seconds for `tokens` that reach `activated` different experts.
  double experts(double tokens, double activated) const;

  const std::string& name() const { return name_; }

 private:
  /// A grid axis; `place` gives the cell and the position in it (above 1 beyond the end).
  struct Axis {
    std::vector<double> values;
    std::size_t place(double value, double& part) const;
  };
  void read_layers(const SampleFile& file);
  void read_attention(const SampleFile& file);
  void read_experts(const SampleFile& file);
  std::size_t cell(std::size_t chunk, std::size_t context, std::size_t decodes,
                   std::size_t decode_context) const;
  void fill_unmeasured();

  std::string name_;
  std::map<std::string, SizeCurve, std::less<>> layers_;
  std::array<Axis, 4> axes_;       ///< chunk, context, decodes, decode context
  std::vector<double> attention_;  ///< seconds, row-major over the axes
  Axis expert_tokens_, expert_count_;
  std::vector<double> experts_;
};

}  // namespace plumbline
