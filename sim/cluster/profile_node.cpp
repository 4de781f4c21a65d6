#include "sim/cluster/profile_node.h"

#include <array>
#include <string_view>

namespace plumbline {
namespace {

// Below zero nothing in a profile makes sense, and no rate reaches 1e24.
constexpr double kLargest = 1e24;

}  // namespace

ProfileNode::ProfileNode(const YamlNode& root) : root_(root) {
  const YamlNode sources = root.child("sources");
  if (!sources.present()) return;
  for (const auto& [name, node] : sources.entries()) {
    if (const auto text = node.text()) sources_[name] = *text;
  }
}

std::string ProfileNode::source(const YamlNode& node) const {
  const YamlNode source = node.child("source");
  const auto name = source.text();
  if (!name) return {};
  const auto it = sources_.find(*name);
  if (it != sources_.end()) return it->second;
  if (name->find(' ') != std::string::npos) return *name;  // a sentence of its own
  source.problem("no source is called '" + *name + "'", "name it under sources");
  return {};
}

Provenance ProfileNode::provenance(const YamlNode& node) const {
  static constexpr std::array<std::string_view, 3> kNames{"measured", "derived", "datasheet"};
  const auto choice = node.child("provenance").choice(kNames, "provenance");
  return choice ? static_cast<Provenance>(*choice) : Provenance::kDatasheet;
}

std::optional<Sourced<double>> ProfileNode::number(const YamlNode& node, double unit) const {
  if (!node.present()) return std::nullopt;
  if (!node.is_map()) {
    const auto value = node.number_in(0, kLargest);
    if (!value) return std::nullopt;
    return Sourced<double>{*value * unit, Provenance::kDatasheet, ""};
  }
  node.allow_keys({"value", "provenance", "source", "low", "high"});
  const auto value = node.required("value").number_in(0, kLargest);
  Sourced<double> number{value.value_or(0) * unit, provenance(node), source(node)};
  if (node.child("low").present() || node.child("high").present()) {
    number.low = unit * node.required("low").number_in(0, kLargest).value_or(0);
    number.high = unit * node.required("high").number_in(0, kLargest).value_or(0);
    if (!(number.low > 0 && number.low <= number.value && number.value <= number.high)) {
      node.child("low").problem("low, value and high are not in this order above zero");
    }
  }
  if (!value) return std::nullopt;
  return number;
}

Sourced<double> ProfileNode::required(const YamlNode& parent, std::string_view key,
                                      double unit) const {
  const auto value = number(parent.required(key), unit);
  return value ? *value : Sourced<double>{};
}

}  // namespace plumbline
