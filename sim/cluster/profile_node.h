// Numbers of a profile with their origin.
//
//   sources: {datasheet: "NVIDIA H100 datasheet, 2023"}
//   multiprocessors: {value: 132, provenance: datasheet, source: datasheet}
//   sustained: {bf16: {value: 0.82, low: 0.76, high: 0.89, ...}}   # the range sources leave open
//   kernel_latency_us: 3            # a bare number counts as datasheet, with no source
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sim/cluster/device.h"
#include "sim/yaml/yaml_node.h"

namespace plumbline {

class ProfileNode {
 public:
  /// Reads `sources:` of the document; problems go to where `root` reports them.
  explicit ProfileNode(const YamlNode& root);

  const YamlNode& root() const { return root_; }

  /// A number with its origin, times `unit`; nullopt when absent, problems recorded.
  std::optional<Sourced<double>> number(const YamlNode& node, double unit = 1.0) const;

  /// The same, recording a missing key; 0 stands in so that the walk goes on.
  Sourced<double> required(const YamlNode& parent, std::string_view key, double unit = 1.0) const;

  /// `source:` of a map, its short name looked up among `sources:`.
  std::string source(const YamlNode& node) const;
  Provenance provenance(const YamlNode& node) const;

 private:
  YamlNode root_;
  std::map<std::string, std::string> sources_;
};

template <typename Quantity>
Sourced<Quantity> as(const Sourced<double>& number) {
  return {Quantity(number.value), number.provenance, number.source, Quantity(number.low),
          Quantity(number.high)};
}

}  // namespace plumbline
