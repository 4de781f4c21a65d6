#include "sim/cli/sweep_merge.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "sim/cli/scenario_option.h"
#include "sim/cli/sweep_fingerprint.h"
#include "sim/cli/sweep_rows.h"

namespace plumbline {
namespace {

[[noreturn]] void refuse(std::string problem, std::string hint = {}) {
  throw InputError({option_problem("--merge", std::move(problem), std::move(hint))});
}

/// One shard, read row by row.
class Shard {
 public:
  Shard(const std::string& file, const std::string& header) : file_(file), stream_(file) {
    std::string line;
    if (!std::getline(stream_, line)) refuse(file + " cannot be read");
    if (line != header) refuse(file + " is of another sweep", "its columns differ");
    next();
  }
  const std::optional<std::string>& row() const { return row_; }
  const std::string& file() const { return file_; }
  bool taken() const { return checked_; }
  /// Holds the first row that is taken against the sweep. REQUIRES: a row
  void check(const SweepTask& task, const std::string& fingerprint, std::size_t index) {
    if (!std::exchange(checked_, true)) {
      check_same_sweep("--merge", file_, task, fingerprint, {index, *row_}, {});
    }
  }
  void next() {
    std::string line;
    row_ = std::getline(stream_, line) ? std::optional(line) : std::nullopt;
  }

 private:
  std::string file_;
  std::ifstream stream_;
  std::optional<std::string> row_;
  bool checked_ = false;
};

/// The same file under one name or two.
void check_different(const std::vector<std::string>& files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      std::error_code error;
      if (files[i] == files[j] || std::filesystem::equivalent(files[i], files[j], error)) {
        refuse(files[i] + " is given twice");
      }
    }
  }
}

}  // namespace

void merge_shards(const SweepTask& task, const std::string& fingerprint,
                  const std::vector<std::string>& files,
                  const std::function<void(std::size_t, const std::string&)>& take) {
  check_different(files);
  const std::string header = sweep_header(task.product.axes(), task.kind);
  std::vector<std::unique_ptr<Shard>> shards;
  for (const std::string& file : files) shards.push_back(std::make_unique<Shard>(file, header));
  SweepWorker worker(task);
  for (std::size_t index = 0; index < task.product.size(); ++index) {
    const std::string cells = first_cells(task.product.point(index));
    Shard* owner = nullptr;
    // The shards take turns; one that is given out of turn is found all the same.
    for (std::size_t i = 0; i < shards.size() && owner == nullptr; ++i) {
      Shard& shard = *shards[(index + i) % shards.size()];
      if (shard.row() && (cells.empty() || shard.row()->starts_with(cells + ","))) owner = &shard;
    }
    if (owner != nullptr) {
      owner->check(task, fingerprint, index);
      take(index, *owner->row());
      owner->next();
    } else if (!worker.leaves_out(index)) {
      refuse("no file has the row of " + cells, "give the CSVs of all shards");
    }
  }
  for (const auto& shard : shards) {
    if (!shard->row()) continue;
    if (shard->taken()) refuse(shard->file() + " has a row twice or out of order", *shard->row());
    refuse(shard->file() + " is given twice, as another file, or is of another sweep",
           *shard->row());
  }
}

}  // namespace plumbline
