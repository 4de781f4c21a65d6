#include "sim/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <string>

namespace plumbline {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool locale_is_ascii() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = variable(name);
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(), [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") == std::string::npos && value.find("utf8") == std::string::npos;
  }
  return false;  // nothing is said: what runs in containers reads UTF-8
}

// A signal handler can reach nothing but a variable of the process.
volatile std::sig_atomic_t noted_signal = 0;

extern "C" void note_signal(int signal) {
  if (noted_signal != 0) {  // asked twice: at once
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  noted_signal = signal;
}

}  // namespace

TextStyle text_style() {
  TextStyle style;
  style.ascii = locale_is_ascii();
  if (isatty(STDOUT_FILENO) == 0) return style;
  style.colour = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = std::min<int>(size.ws_col, 160);
  }
  return style;
}

Interruption::Interruption() {
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
}

Interruption::~Interruption() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool Interruption::asked() { return noted_signal != 0; }

void Interruption::obey() {
  const int signal = noted_signal;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();  // not reached
}

bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

}  // namespace plumbline
