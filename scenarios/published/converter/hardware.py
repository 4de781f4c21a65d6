"""The cluster of a run: GPU profile, nodes, links and NICs."""
import re

from . import tables
from .reading import LeftOut, needed, optional


def network(text, default):
    """(link, NICs of a node, comment) from what the source says about the network."""
    count = re.search(r"(\d+)\s*x\b", text)
    nics = int(count.group(1)) if count else None
    rate = re.search(r"(\d+)\s*Gb/?s(\s*per node)?", text)
    gigabits = int(rate.group(1)) if rate else None
    if rate and rate.group(2) and not nics:  # the node's sum: NICs of the default link's rate
        per_nic = int(re.search(r"\d+$", default).group(0))
        nics, gigabits = max(1, gigabits // per_nic), per_nic
    for word, value in (("EDR", 100), ("HDR", 200), ("NDR", 400), ("XDR", 800)):
        if word in text:
            gigabits = value
    if re.search("Omni-?Path", text):
        return "ib_edr100", nics, "%s: 100 Gb/s a NIC, priced as EDR InfiniBand" % text
    if re.search("RoCE", text):
        said = gigabits in (100, 200, 400)
        return ("roce_%d" % (gigabits if said else 200), nics,
                None if said else "%s: 200 Gb/s a GPU assumed" % text)
    by_rate = {100: "ib_edr100", 200: "ib_hdr200", 400: "ib_ndr400", 800: "ib_xdr800"}
    if gigabits in by_rate:
        return by_rate[gigabits], nics, None
    return default, nics, "%s; %s and a NIC per GPU assumed" % (text or "not printed", default)


def cluster(run, notes):
    hardware = run["hardware"]
    gpu = str(hardware.get("gpu") or "")
    row = tables.lookup(tables.GPUS, gpu, 0)
    if row is None:
        raise LeftOut("no profile of the GPU '%s'" % gpu)
    if row[1] is None:
        raise LeftOut(row[2])
    _, profile, per_node, inside, domain, default_link = row
    if profile == "a100_sxm_80g" and hardware.get("mem_gb") == 40:
        profile = "a100_sxm_40g"
    total = needed(run, "hardware", "num_gpus")
    per_node = min(optional(run, per_node, "hardware", "gpus_per_node"), total)
    if total % per_node:
        raise LeftOut("%d GPUs do not fill nodes of %d" % (total, per_node))
    out = {"gpu": profile, "gpus_per_node": per_node, "nodes": total // per_node,
           "intra_node": inside}
    if domain:
        out["gpus_per_nvlink_domain"] = domain
    if out["nodes"] > 1:
        link, nics, comment = network(hardware["inter_node"], default_link)
        out["inter_node"] = link
        if nics and nics != per_node:
            out["nics_per_node"] = nics
        if comment:
            notes.append("cluster.inter_node: %s" % comment)
    watts = re.search(r"(\d+)\s*W\b", hardware["variant"])
    if watts:
        out["power_limit_w"] = int(watts.group(1))
        notes.append("cluster: %s; memory and its bandwidth are the profile's" %
                     hardware["variant"])
    if hardware.get("mem_note"):
        notes.append("cluster.gpu: %s" % hardware["mem_note"])
    if re.search("memory not stated", gpu):
        notes.append("cluster.gpu: %s; 80 GB assumed" % gpu)
    return out, total
