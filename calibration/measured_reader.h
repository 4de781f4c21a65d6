// One file of measured kernels while it is read, and the readers of what moves bytes.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "calibration/measured_samples.h"
#include "sim/kernels/csv_table.h"

namespace plumbline::measured {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// One file while it is read.
struct MeasuredReader {
  const CsvTable& csv;
  const std::string name;  ///< of the file, without folder and extension
  const DeviceSpec& device;
  MeasuredFile& out;
  mutable int untimed = 0;  ///< rows without a time

  bool has(std::initializer_list<std::string_view> columns) const {
    return std::all_of(columns.begin(), columns.end(), [&](auto c) { return csv.has(c); });
  }
  /// Of sizes and counts; what is not above zero is no kernel. @throws InputError with the line
  std::vector<double> sizes(std::string_view column) const {
    return csv.numbers_in(column, 1e-9, 1e15);
  }
  /// Times; 0 where a row was not timed.
  std::vector<double> times(std::string_view column) const {
    return csv.numbers_in(column, 0, 1e12);
  }
  template <typename Price>
  void add(std::string operation, double microseconds, Price price) const {
    if (!(microseconds > 0)) {
      ++untimed;
      return;
    }
    out.samples.push_back({std::move(operation), Seconds(microseconds * 1e-6), std::move(price)});
  }
  void note(const std::string& sentence) const { out.notes.push_back(name + ": " + sentence); }
};

void read_nccl(const MeasuredReader& r);
void read_vidur_network(const MeasuredReader& r);
/// Kernels by their traffic: "elementwise" or "memory".
void read_traffic(const MeasuredReader& r, const char* operation);
void read_copies(const MeasuredReader& r);
void read_overheads(const MeasuredReader& r);

}  // namespace plumbline::measured
