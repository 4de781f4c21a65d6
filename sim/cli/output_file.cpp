#include "sim/cli/output_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>

namespace plumbline {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& option, const std::string& problem,
                         const std::string& hint = {}) {
  throw InputError({diagnose(option, problem, hint)});
}

}  // namespace

void Outputs::add_option(CLI::App& app, const std::string& name, const std::string& help,
                         bool to_stdout) {
  outputs_.push_back(std::make_unique<Output>(Output{name, {}, to_stdout}));
  app.add_option(name, outputs_.back()->path, help)
      ->type_name(to_stdout ? "FILE|-" : "FILE")
      ->group("Output");
}

const Outputs::Output& Outputs::find(const std::string& name) const {
  const auto it = std::ranges::find_if(outputs_, [&](const auto& o) { return o->name == name; });
  if (it == outputs_.end()) throw std::logic_error("no output option is called " + name);
  return **it;
}

bool Outputs::asked(const std::string& name) const { return !find(name).path.empty(); }

const std::string& Outputs::path(const std::string& name) const { return find(name).path; }

bool Outputs::stdout_is_taken() const {
  return std::ranges::any_of(outputs_, [](const auto& output) { return output->path == "-"; });
}

void Outputs::check() const {
  for (const auto& output : outputs_) {
    const std::string& path = output->path;
    if (path.empty()) continue;
    for (const auto& other : outputs_) {
      if (other == output) break;
      if (other->path == path) refuse(output->name, "goes where " + other->name + " goes");
    }
    if (path == "-") {
      if (!output->to_stdout) refuse(output->name, "needs the name of a file");
      continue;
    }
    std::error_code error;
    const fs::path folder = fs::path(path).parent_path();
    if (!folder.empty() && !fs::is_directory(folder, error)) {
      refuse(output->name, "there is no folder " + folder.string(), "mkdir -p " + folder.string());
    }
    if (fs::is_directory(path, error)) refuse(output->name, path + " is a folder");
  }
}

void Outputs::write(const std::string& name, const Console& console,
                    const std::function<void(std::ostream&)>& writer) const {
  const std::string& path = find(name).path;
  if (path.empty()) return;
  if (path == "-") {
    writer(console.out);
    return;
  }
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error)) {
    // /dev/null, a named pipe: there is no file to put in place of it.
    std::ofstream stream(path, std::ios::binary);
    writer(stream);
    if (!stream.flush()) refuse(name, path + " cannot be written");
    return;
  }
  const std::string partial = path + ".partial";
  std::ofstream stream(partial, std::ios::binary | std::ios::trunc);
  if (!stream) refuse(name, partial + " cannot be written");
  writer(stream);
  stream.close();
  if (!stream) {
    fs::remove(partial, error);
    refuse(name, partial + " cannot be written");
  }
  fs::rename(partial, path, error);
  if (error) refuse(name, path + " cannot be written: " + error.message());
}

}  // namespace plumbline
