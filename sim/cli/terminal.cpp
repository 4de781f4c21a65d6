#include "sim/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
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

bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

}  // namespace plumbline
