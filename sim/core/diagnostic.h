// What is wrong with a user's input: where, what and what to try.
//
// Code that reads or checks input collects Diagnostics and throws one InputError with all of
// them.  Layers below the YAML readers know no files: they leave `at` empty and fill `path`
// ("parallelism.pipeline"); sim/scenario finds the place in the file by that path.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline {

/// Where a value came from. Lines and columns count from 1; line 0 means "the file as a whole".
struct SourceLocation {
  std::string file;
  int line = 0;
  int column = 0;
};

/// One thing wrong with the user's input.
struct Diagnostic {
  SourceLocation at;
  std::string path;     ///< "training.precision"
  std::string problem;  ///< "no schedule is called '1f1v'"
  std::string hint;     ///< "did you mean '1f1b'?" or empty
};

/// A problem at `path` of a scenario, or with an option; its place in a file is not known yet.
Diagnostic diagnose(std::string_view path, std::string_view problem, std::string_view hint = {});

/// "scenarios/a.yaml:12:13: schedule: no schedule is called '1f1v' (did you mean '1f1b'?)"
std::string to_string(const Diagnostic& diagnostic);

/// The candidate nearest to `word` by edit distance, or "" when none is near enough to suggest.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
std::string_view nearest(std::string_view word, std::span<const std::string> candidates);

/// Thrown with every problem of the input at once; the command line answers it with exit code 2.
class InputError : public std::runtime_error {
 public:
  explicit InputError(std::vector<Diagnostic> diagnostics);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace plumbline
