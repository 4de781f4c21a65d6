#include "sim/cli/sweep_output.h"

#include <filesystem>
#include <fstream>
#include <ostream>

#include "sim/cli/resumable_file.h"
#include "sim/cli/scenario_option.h"

namespace plumbline {

LineSink::LineSink(const std::string& option, const std::string& path, std::ostream& out)
    : option_(option), path_(path) {
  std::error_code error;
  if (path == "-") {
    stream_ = &out;
  } else if (std::filesystem::exists(path, error) &&
             !std::filesystem::is_regular_file(path, error)) {
    own_ = std::make_unique<std::ofstream>(path, std::ios::binary);
    stream_ = own_.get();
  } else {
    file_ = std::make_unique<ResumableFile>(option, path);
  }
}

void LineSink::open(std::uint64_t keep_bytes) {
  if (file_ != nullptr) file_->open(keep_bytes);
}

LineSink::~LineSink() = default;

void LineSink::add(const std::string& line) {
  if (file_ != nullptr) {
    file_->add(line);
  } else if (!(*stream_ << line << '\n' << std::flush)) {
    throw InputError({option_problem(option_, path_ + " cannot be written")});
  }
}

void LineSink::finish() {
  if (file_ != nullptr) file_->finish();
}

}  // namespace plumbline
