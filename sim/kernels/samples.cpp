#include "sim/kernels/samples.h"

#include <utility>

#include "sim/kernels/problem.h"
#include "sim/kernels/sha256.h"

namespace plumbline {

CsvTable read_samples(const SampleFile& file) {
  std::string text = read_file(file.path);
  const std::string digest = sha256_hex(text);
  if (digest != file.sha256) {
    throw problem_at(file.path, 0,
                     "its SHA-256 is " + digest + "; the profile was fitted to " + file.sha256,
                     "fit the profile again, or restore the file");
  }
  return CsvTable::parse(std::move(text), file.path);
}

}  // namespace plumbline
