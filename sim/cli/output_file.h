// A file that was asked for appears whole or not at all.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "sim/cli/command.h"

namespace plumbline {

/// The files that a command was asked for.  "-" is stdout, which then carries that alone.
class Outputs {
 public:
  /// Declares `--json FILE|-` and the like on `app`.
  /// @param to_stdout  whether "-" is taken
  void add_option(CLI::App& app, const std::string& name, const std::string& help,
                  bool to_stdout = true);

  bool asked(const std::string& name) const;
  /// As given; "" where it was not.
  const std::string& path(const std::string& name) const;
  /// Whether one of them is stdout: no table for people then.
  bool stdout_is_taken() const;
  /// Before any work: refuses two that are stdout, one path twice and folders that are not there.
  /// @throws InputError
  void check() const;
  /// Writes FILE.partial and renames it, or writes to the console's stdout; nothing when the
  /// option was not given.
  /// @throws InputError when the file cannot be written
  void write(const std::string& name, const Console& console,
             const std::function<void(std::ostream&)>& writer) const;

 private:
  struct Output {
    std::string name;
    std::string path;
    bool to_stdout = true;
  };
  const Output& find(const std::string& name) const;
  // Options point into the elements, so they must not move.
  std::vector<std::unique_ptr<Output>> outputs_;
};

}  // namespace plumbline
