#include "sim/cli/resumable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "sim/cli/scenario_option.h"

namespace plumbline {

ResumableFile::ResumableFile(std::string option, std::string path)
    : option_(std::move(option)), path_(std::move(path)), partial_(path_ + ".partial") {}

ResumableFile::~ResumableFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void ResumableFile::fail() const {
  throw InputError(
      {option_problem(option_, partial_ + " cannot be written: " + std::strerror(errno),
                      "what is finished stands in it; --resume " + path_ + " goes on from there")});
}

void ResumableFile::open(std::uint64_t bytes) {
  descriptor_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail();
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) fail();
  if (lseek(descriptor_, 0, SEEK_END) < 0) fail();
}

void ResumableFile::add(const std::string& line) {
  const std::string whole = line + "\n";
  for (std::size_t done = 0; done < whole.size();) {
    const ssize_t more = ::write(descriptor_, whole.data() + done, whole.size() - done);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) fail();
    done += static_cast<std::size_t>(more);
  }
}

void ResumableFile::finish() {
  if (fsync(descriptor_) != 0 && errno != EINVAL) fail();
  if (close(std::exchange(descriptor_, -1)) != 0) fail();
  std::error_code error;
  std::filesystem::rename(partial_, path_, error);
  if (error) {
    throw InputError({option_problem(option_, path_ + " cannot be written: " + error.message())});
  }
}

}  // namespace plumbline
