// hardware_profiles/LINK.yaml -> LinkSpec.
#include "sim/cluster/profile_node.h"
#include "sim/cluster/read_parts.h"
#include "sim/cluster/read_profile.h"

namespace plumbline {

namespace {

// What was measured replaces what the hand-written part states: NCCL's messages before copies of
// the same GPUs, which no kernel makes.
void read_fitted(const YamlNode& fitted, LinkSpec& link) {
  fitted.allow_keys({"host_copy", "peer_copy", "send_recv"});
  for (const char* operation : {"host_copy", "peer_copy", "send_recv"}) {
    const YamlNode node = fitted.child(operation);
    if (!node.present()) continue;
    node.allow_keys({"latency_us", "bytes_per_s", "direction", "bidirectional_slowdown",
                     "relative_standard_error", "identified", "range", "error", "cross_validated"});
    const std::string source = std::string("fitted to ") + operation + " samples";
    link.p2p_latency = {Seconds(1e-6 * node.required("latency_us").number_in(0, 1e6).value_or(0)),
                        Provenance::kMeasured,
                        source,
                        {},
                        {}};
    link.p2p_bandwidth = {
        BytesPerSecond(node.required("bytes_per_s").number_in(1, 1e18).value_or(1)),
        Provenance::kMeasured,
        source,
        {},
        {}};
    if (const auto both = node.child("bidirectional_slowdown").number_in(1, 2)) {
      link.bidirectional_slowdown = *both;
    }
    link.calibrated = true;
  }
}

}  // namespace

LinkSpec read_link(const std::string& path) {
  Diagnostics problems;
  const YamlNode root = YamlNode::load(path, problems);
  problems.throw_if_any();
  root.allow_keys({"schema", "name", "summary", "sources", "switched_fabric", "peak_bytes_per_s",
                   "p2p_latency_us", "p2p_bytes_per_s", "collective_bytes_per_s",
                   "collective_latency_us", "bidirectional_slowdown",
                   "node_collective_cap_bytes_per_s", "calibrated", "samples", "notes", "fitted"});
  if (root.required("schema").text().value_or("") != "plumbline.link/1") {
    root.child("schema").problem("is not plumbline.link/1, a link's profile");
  }
  const ProfileNode profile(root);

  LinkSpec link;
  link.profile_path = path;
  link.name = root.required("name").text().value_or("");
  link.summary = root.child("summary").text().value_or("");
  link.switched_fabric = root.child("switched_fabric").boolean().value_or(false);
  link.peak = BytesPerSecond(profile.required(root, "peak_bytes_per_s").value);
  link.p2p_latency = as<Seconds>(profile.required(root, "p2p_latency_us", 1e-6));
  link.p2p_bandwidth = as<BytesPerSecond>(profile.required(root, "p2p_bytes_per_s"));
  link.collective_bandwidth = as<BytesPerSecond>(profile.required(root, "collective_bytes_per_s"));
  link.collective_latency = as<Seconds>(profile.required(root, "collective_latency_us", 1e-6));
  if (const auto slowdown = profile.number(root.child("bidirectional_slowdown"))) {
    link.bidirectional_slowdown = slowdown->value;
    if (slowdown->value < 1 || slowdown->value > 2) {
      root.child("bidirectional_slowdown").problem("must lie between 1 and 2");
    }
  }
  if (const auto cap = profile.number(root.child("node_collective_cap_bytes_per_s"))) {
    link.node_collective_cap = BytesPerSecond(cap->value);
  }
  link.samples = read_sample_list(root.child("samples"), path);
  link.calibrated = root.child("calibrated").boolean().value_or(false);
  if (root.child("fitted").present()) read_fitted(root.child("fitted"), link);
  if (root.child("notes").present()) {
    for (const YamlNode& note : root.child("notes").items()) {
      if (const auto text = note.text()) link.notes.push_back(*text);
    }
  }
  if (problems.empty() &&
      !(link.p2p_bandwidth.value.base() > 0 && link.collective_bandwidth.value.base() > 0)) {
    root.problem("bandwidths must be above zero");
  }
  problems.throw_if_any();
  return link;
}

}  // namespace plumbline
