// A file of lines that is written for a long time: what is finished stays, whatever happens.
//
// Lines go to FILE.partial, each handed to the system before the next one is made; FILE appears
// when the last one is there.  A process that is killed, or a full disk, leaves FILE.partial with
// whole lines and at most a piece of one behind them, which going on cuts off.
#pragma once

#include <cstdint>
#include <string>

namespace plumbline {

class ResumableFile {
 public:
  /// @param option  whose problems it reports: "--csv"
  ResumableFile(std::string option, std::string path);
  ~ResumableFile();
  ResumableFile(const ResumableFile&) = delete;
  ResumableFile& operator=(const ResumableFile&) = delete;

  const std::string& partial() const { return partial_; }
  /// Opens FILE.partial, keeping its first `bytes` bytes.
  /// @throws InputError when it cannot be written, here and below
  void open(std::uint64_t bytes = 0);
  /// Appends `line` and its end.
  void add(const std::string& line);
  /// Puts FILE in place, its bytes safely on the disk.
  void finish();

 private:
  [[noreturn]] void fail() const;
  std::string option_, path_, partial_;
  int descriptor_ = -1;
};

}  // namespace plumbline
