// Where a sweep's lines go: a file that can be gone on with, stdout, or a pipe.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

namespace plumbline {

class ResumableFile;

class LineSink {
 public:
  /// @param path  "-": `out`; a pipe or device is written as it is; else a ResumableFile
  LineSink(const std::string& option, const std::string& path, std::ostream& out);
  ~LineSink();
  bool resumable() const { return file_ != nullptr; }
  /// Begins; of a ResumableFile the first `keep_bytes` bytes are kept.
  /// @throws InputError when it cannot be written, here and below
  void open(std::uint64_t keep_bytes = 0);
  void add(const std::string& line);
  void finish();

 private:
  std::string option_, path_;
  std::ostream* stream_ = nullptr;
  std::unique_ptr<std::ostream> own_;
  std::unique_ptr<ResumableFile> file_;
};

}  // namespace plumbline
