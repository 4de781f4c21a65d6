// See palette.h.
#include "sim/report/palette.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace plumbline {
namespace {

/// How far the last chunk is mixed with white.
constexpr double kPalest = 0.55;

constexpr std::array<Rgb, 7> kColours = {{
    {0x44, 0x77, 0xaa},  // forward: blue
    {0x22, 0x88, 0x33},  // backward: green
    {0x55, 0xb0, 0xc8},  // input gradient: cyan
    {0xcc, 0xbb, 0x44},  // weight gradient: yellow
    {0xaa, 0x33, 0x77},  // optimizer: purple
    {0xee, 0x66, 0x77},  // gradient reduce: red
    {0xf4, 0xa2, 0x61},  // parameter gather: orange
}};

int mixed_with_white(int channel, double part) {
  return static_cast<int>(channel + (255 - channel) * part + 0.5);
}

}  // namespace

Rgb colour_of(BarKind kind, int chunk, int num_chunks) {
  const double part = num_chunks > 1 ? kPalest * chunk / (num_chunks - 1) : 0;
  const Rgb full = kColours[static_cast<std::size_t>(kind)];
  return {mixed_with_white(full.red, part), mixed_with_white(full.green, part),
          mixed_with_white(full.blue, part)};
}

std::string ink_on(Rgb c) {
  // Relative luminance, roughly (ITU-R BT.709 weights on the encoded channels).
  const double light = 0.2126 * c.red + 0.7152 * c.green + 0.0722 * c.blue;
  return light > 140 ? "#111111" : "#ffffff";
}

std::string hex(Rgb c) { return fmt::format("#{:02x}{:02x}{:02x}", c.red, c.green, c.blue); }

}  // namespace plumbline
