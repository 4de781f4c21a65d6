#include "sim/cli/measure_program.h"

#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "sim/cli/scenario_option.h"

extern char** environ;  // what the child gets

namespace plumbline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHow = "build it with -DPLUMBLINE_CUDA=ON, or name it in $PLUMBLINE_MEASURE";

bool is_program(const fs::path& path) {
  std::error_code none;
  return fs::is_regular_file(path, none);
}

/// Interrupts are ignored while the child handles them.
class IgnoreInterrupts {
 public:
  IgnoreInterrupts() : before_(std::signal(SIGINT, SIG_IGN)) {}
  ~IgnoreInterrupts() { std::signal(SIGINT, before_); }

 private:
  void (*before_)(int);
};

}  // namespace

std::string find_measure_program() {
  const char* variable = std::getenv("PLUMBLINE_MEASURE");
  if (variable != nullptr && *variable != '\0') {
    if (is_program(variable)) return variable;
    throw InputError(
        {option_problem("$PLUMBLINE_MEASURE", "names no program: " + std::string(variable), kHow)});
  }
  std::error_code none;
  const fs::path here = fs::read_symlink("/proc/self/exe", none).parent_path();
  const fs::path beside = here / "plumbline-measure";
  if (is_program(beside)) return beside.string();
  throw InputError({option_problem(
      "calibrate measure", "plumbline-measure is not beside plumbline in " + here.string(), kHow)});
}

int run_measure_program(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t interrupts;  // the child starts with the usual handling of what is ignored here
  sigemptyset(&interrupts);
  sigaddset(&interrupts, SIGINT);
  posix_spawnattr_setsigdefault(&attributes, &interrupts);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const IgnoreInterrupts ignore;
  pid_t child = 0;
  const int error =
      posix_spawn(&child, program.c_str(), nullptr, &attributes, pointers.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    throw InputError({option_problem("calibrate measure", program + " could not be started",
                                     std::strerror(error))});
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace plumbline
