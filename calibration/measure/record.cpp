#include "calibration/measure/record.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "sim/kernels/csv_table.h"
#include "sim/kernels/problem.h"
#include "sim/kernels/sha256.h"

namespace plumbline::measure {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRawHeader =
    "site,attempt,stopped,flags,median_us,p10_us,p90_us,windows,first_us,sm_mhz,power_w,raw_us\n";

std::string number(double value, const char* format = "%.6g") {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return text;
}
std::string us(double seconds) { return number(seconds * 1e6, "%.7g"); }

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

Stop stop_of(std::string_view word) {
  for (const Stop stop : {Stop::kConverged, Stop::kPlateau, Stop::kBudget}) {
    if (to_string(stop) == word) return stop;
  }
  throw std::invalid_argument("'" + std::string(word) + "' is no reason to stop");
}

Measurement measurement_of(const CsvTable& csv, std::size_t row) {
  const auto text = [&](const char* column) { return csv.text(row, csv.column(column)); };
  const auto value = [&](const char* column) { return csv.number(row, csv.column(column)); };
  Measurement m;
  m.site = site_of(text("site"));
  m.attempt = static_cast<int>(value("attempt"));
  m.stop = stop_of(text("stopped"));
  m.flags = split(text("flags"), ';');
  m.first_s = value("first_us") * 1e-6;
  m.sm_mhz = value("sm_mhz");
  m.power_w = value("power_w");
  for (const std::string& window : split(text("raw_us"), ';')) {
    m.windows_s.push_back(std::stod(window) * 1e-6);
  }
  if (m.windows_s.empty()) throw std::invalid_argument("it has no windows");
  if (!(*std::min_element(m.windows_s.begin(), m.windows_s.end()) > 0)) {
    throw std::invalid_argument("a window is not above zero");
  }
  return m;
}

// Where a site's row goes: the file's stem behind the device's name, and its first columns.
struct Target {
  std::string stem, header, key;
};

Target target_of(const Site& s) {
  const auto dims = [&] {
    return std::to_string(s.m) + "," + std::to_string(s.n) + "," + std::to_string(s.k);
  };
  if (s.regime == "sustained") {
    return {
        "sustained", "op,dtype,m,n,k,seconds,first_us",
        s.name + "," + s.dtype + "," + dims() + "," + number(static_cast<double>(s.bytes) * 1e-3)};
  }
  if (s.operation == "gemm") {
    std::string stem = "gemm_" + s.dtype;
    if (s.name != "tn") stem += "_" + s.name;
    if (s.role != "fit") stem += "_" + s.role;
    return {stem, "layout,accumulate,role,m,n,k",
            s.name + (s.accumulate ? ",1," : ",0,") + s.role + "," + dims()};
  }
  const std::string bytes = std::to_string(s.bytes);
  if (s.operation == "elementwise") {
    return {"elementwise", "kernel,rows,columns,bytes",
            s.name + "," + std::to_string(s.m) + "," + std::to_string(s.n) + "," + bytes};
  }
  if (s.operation == "memory") {
    return {s.regime == "hot" ? "memory_hot" : "memory", "kind,bytes", s.name + "," + bytes};
  }
  if (s.operation == "collective" && s.name != "send_recv") {
    return {"nccl", "op_name,nccl_dtype,num_gpus,bytes",
            s.name + ",half," + std::to_string(s.ranks) + "," + bytes};
  }
  if (s.operation == "collective") {
    return {"send_recv", "rank,num_workers,devices_per_node,bytes", "0,2,2," + bytes};
  }
  if (s.operation == "host_copy") return {"host", "direction,bytes", s.name + "," + bytes};
  if (s.operation == "peer_copy") return {"peer", "direction,bytes", s.name + "," + bytes};
  return {s.operation, "kind", s.name};
}

void write_whole(const fs::path& path, const std::string& text) {
  const fs::path partial = path.string() + ".partial";
  {
    std::ofstream out(partial, std::ios::binary);
    out << text;
    if (!out.flush()) throw problem_at(path.string(), 0, "cannot be written");
  }
  fs::rename(partial, path);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c < ' ' ? ' ' : c;
  }
  return out + "\"";
}

}  // namespace

std::string raw_header() { return kRawHeader; }

std::string raw_row(const Measurement& m) {
  std::string flags, raw;
  for (const std::string& flag : m.flags) flags += flag + ";";
  for (const double window : m.windows_s) raw += us(window) + ";";
  if (!flags.empty()) flags.pop_back();
  raw.pop_back();
  return to_id(m.site) + "," + std::to_string(m.attempt) + "," + std::string(to_string(m.stop)) +
         "," + flags + "," + us(m.median_s()) + "," + us(quantile(m.windows_s, 0.1)) + "," +
         us(quantile(m.windows_s, 0.9)) + "," + std::to_string(m.windows_s.size()) + "," +
         us(m.first_s) + "," + number(m.sm_mhz) + "," + number(m.power_w) + "," + raw + "\n";
}

RecordContents parse_raw(const std::string& text, const std::string& path) {
  RecordContents contents;
  const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (whole < text.size()) contents.notes.push_back(path + ": a row that was cut off is dropped");
  if (whole == 0) return contents;
  if (text.rfind(kRawHeader, 0) != 0) {
    throw problem_at(path, 1, "is not the raw file of a measuring session",
                     "its first line is not " + std::string(kRawHeader, 28) + "...");
  }
  const CsvTable csv = CsvTable::parse(text.substr(0, whole), path);
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    try {
      contents.measurements.push_back(measurement_of(csv, row));
    } catch (const std::logic_error& problem) {  // site_of, stop_of, stod
      throw problem_at(path, static_cast<int>(row) + 2, problem.what());
    }
  }
  return contents;
}

RawFile::RawFile(const std::string& folder) : path_((fs::path(folder) / "raw.csv").string()) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (fs::exists(path_, failed)) {
    const std::string text = read_file(path_);
    contents_ = parse_raw(text, path_);
    if (!contents_.notes.empty()) fs::resize_file(path_, text.rfind('\n') + 1);
  }
  const bool fresh = !fs::exists(path_, failed) || fs::file_size(path_, failed) == 0;
  out_.open(path_, std::ios::binary | std::ios::app);
  if (fresh) out_ << kRawHeader << std::flush;
  if (!out_) throw problem_at(path_, 0, "cannot be written");
}

void RawFile::append(const Measurement& measurement) {
  out_ << raw_row(measurement) << std::flush;
  if (!out_) throw problem_at(path_, 0, "cannot be written", "is the disk full?");
}

std::map<std::string, std::string> projections(const std::string& name,
                                               const std::vector<Measurement>& measurements) {
  std::map<std::string, std::size_t> last;  // by site: a later attempt replaces an earlier one
  for (std::size_t i = 0; i < measurements.size(); ++i) last[to_id(measurements[i].site)] = i;
  std::map<std::string, std::string> files;
  // In the order of the ids: the order of measuring is the raw file's business.
  for (const auto& [id, i] : last) {
    const Measurement& m = measurements[i];
    const bool impossible =
        std::find(m.flags.begin(), m.flags.end(), "faster_than_peak") != m.flags.end();
    if (impossible) continue;
    const Target target = target_of(m.site);
    std::string& text = files[name + "_" + target.stem + ".csv"];
    const bool vidur = target.stem == "send_recv", sustained = m.site.regime == "sustained";
    const std::string time = vidur ? "min_us,median_us,max_us" : "latency_us,p10_us,p90_us";
    if (text.empty()) {
      text = target.header + "," + time + ",windows,stopped,sm_mhz,power_w\n";
    }
    const double low = vidur ? 0.0 : 0.1, high = vidur ? 1.0 : 0.9;
    text += target.key + ",";
    if (sustained) text += us(m.first_s) + ",";
    const std::string median = us(m.median_s()), below = us(quantile(m.windows_s, low));
    text += (vidur ? below + "," + median : median + "," + below) + "," +
            us(quantile(m.windows_s, high)) + "," + std::to_string(m.windows_s.size()) + "," +
            std::string(to_string(m.stop)) + "," + number(m.sm_mhz) + "," + number(m.power_w) +
            "\n";
  }
  return files;
}

std::string provenance_yaml(const Provenance& p, const std::map<std::string, std::string>& files) {
  const DeviceFacts& f = p.facts;
  std::string out = "schema: plumbline.measurement/1\nprogram: " + quoted(p.program) + "\n";
  if (!p.when.empty()) out += "when: " + quoted(p.when) + "\n";
  out += "command: " + quoted(p.command) + "\nseed: " + std::to_string(p.seed) +
         "\nended: " + p.end + "\ndevice:\n  name: " + quoted(f.name) +
         "\n  uuid: " + quoted(f.uuid) + "\n  driver: " + quoted(f.driver) + "\n";
  for (const auto& [library, version] : f.libraries) {
    out += "  " + library + ": " + quoted(version) + "\n";
  }
  out += "  multiprocessors: " + std::to_string(f.multiprocessors) +
         "\n  memory_bytes: " + number(f.memory_bytes, "%.0f") +
         "\n  l2_bytes: " + number(f.l2_bytes, "%.0f") + "\n  max_sm_mhz: " + number(f.max_sm_mhz) +
         "\n  power_limit_w: " + number(f.power_limit_w) + "\n";
  out +=
      "method: \"CUDA-graph replays of at least 2 ms between two events, buffers rotated over "
      "twice the L2 (hot: one set), uniform random data, stopped by the interval of the median; "
      "no setting of the card was changed\"\n";
  if (!p.left_out.empty()) {
    out += "left_out:\n";
    for (const std::string& line : p.left_out) out += "  - " + quoted(line) + "\n";
  }
  out += "files:\n";
  for (const auto& [name, text] : files) {
    const auto rows = std::count(text.begin(), text.end(), '\n') - 1;
    out +=
        "  " + name + ": {rows: " + std::to_string(rows) + ", sha256: " + sha256_hex(text) + "}\n";
  }
  return out;
}

void write_projections(const std::string& folder, const std::string& name,
                       const std::vector<Measurement>& measurements, const Provenance& provenance) {
  auto files = projections(name, measurements);
  std::error_code failed;  // told by the first file that cannot be written
  fs::create_directories(folder, failed);
  for (const auto& [file, text] : files) write_whole(fs::path(folder) / file, text);
  const fs::path raw = fs::path(folder) / "raw.csv";
  if (fs::exists(raw)) files["raw.csv"] = read_file(raw.string());
  write_whole(fs::path(folder) / "provenance.yaml", provenance_yaml(provenance, files));
}

std::string uuid_in(const std::string& text) {
  const std::size_t at = text.find("\n  uuid: \"");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + 10;
  return text.substr(begin, text.find('"', begin) - begin);
}

}  // namespace plumbline::measure
