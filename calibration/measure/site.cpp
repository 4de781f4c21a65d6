#include "calibration/measure/site.h"

#include <array>
#include <charconv>
#include <vector>

namespace plumbline::measure {
namespace {

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('/', begin);
    fields.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return fields;
    begin = end + 1;
  }
}

}  // namespace

std::string to_id(const Site& s) {
  std::string id = s.operation + "/" + s.name + "/" + s.dtype + "/" + s.role + "/" + s.regime;
  for (const std::int64_t number :
       {std::int64_t{s.accumulate}, s.m, s.n, s.k, s.bytes, std::int64_t{s.ranks}}) {
    id += '/';
    id += std::to_string(number);
  }
  return id;
}

Site site_of(std::string_view id) {
  const std::vector<std::string_view> fields = split(id);
  const auto refuse = [&] {
    throw std::invalid_argument("'" + std::string(id) + "' is no site: " +
                                "operation/name/dtype/role/regime/accumulate/m/n/k/bytes/ranks");
  };
  if (fields.size() != 11) refuse();
  Site site;
  site.operation = fields[0];
  site.name = fields[1];
  site.dtype = fields[2];
  site.role = fields[3];
  site.regime = fields[4];
  std::array<std::int64_t, 6> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string_view text = fields[5 + i];
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), numbers[i]);
    if (error != std::errc{} || stop != text.data() + text.size() || numbers[i] < 0) refuse();
  }
  if (numbers[0] > 1 || numbers[5] < 1 || numbers[5] > 1 << 20) refuse();
  site.accumulate = numbers[0] == 1;
  site.m = numbers[1];
  site.n = numbers[2];
  site.k = numbers[3];
  site.bytes = numbers[4];
  site.ranks = static_cast<int>(numbers[5]);
  return site;
}

double bytes_of(std::string_view dtype) {
  if (dtype == "fp8" || dtype == "fp8_split") return 1;
  if (dtype == "bf16" || dtype == "fp16") return 2;
  if (dtype == "fp32" || dtype == "tf32") return 4;
  throw std::invalid_argument("no dtype is called '" + std::string(dtype) + "'");
}

double flops(const Site& site) {
  if (site.operation != "gemm") return 0;
  return 2.0 * static_cast<double>(site.m) * static_cast<double>(site.n) *
         static_cast<double>(site.k);
}

double memory_bytes(const Site& site) {
  if (site.operation == "gemm") {
    const double m = static_cast<double>(site.m), n = static_cast<double>(site.n),
                 k = static_cast<double>(site.k), in = bytes_of(site.dtype);
    return in * (m * k + n * k) + (site.accumulate ? 8 : in < 2 ? 2 : in) * m * n;
  }
  if (site.operation == "elementwise" || site.operation == "memory") {
    return static_cast<double>(site.bytes);
  }
  return 0;
}

}  // namespace plumbline::measure
