// Colours of the pictures: distinguishable with the common colour-vision deficiencies
// (Paul Tol's "bright" scheme, personal.sron.nl/~pault), later chunks paler.
#pragma once

#include <cstdint>
#include <string>

#include "sim/report/gantt.h"

namespace plumbline {

struct Rgb {
  int red = 0, green = 0, blue = 0;
};

/// Of a bar; chunk 0 has the full colour, the last chunk the palest.
Rgb colour_of(BarKind kind, int chunk, int num_chunks);

/// Black or white, whichever reads better on it.
std::string ink_on(Rgb background);

/// "#4477aa"
std::string hex(Rgb colour);

}  // namespace plumbline
