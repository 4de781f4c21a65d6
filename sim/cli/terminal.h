// What stdout and stderr are, and how wide.
#pragma once

#include "sim/report/report.h"

namespace plumbline {

/// Colour and width of the terminal on stdout; plain and 100 columns where there is none.
/// NO_COLOR turns colours off (https://no-color.org); a locale that is not UTF-8 gets ASCII.
TextStyle text_style();
bool stderr_is_terminal();

/// While it lives, the first SIGINT or SIGTERM is noted instead of ending the process at once.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  static bool asked();
  /// Ends the process by the signal that came, as if it had not been noted.
  [[noreturn]] static void obey();
};

}  // namespace plumbline
