// The float64 references that a GPU's kernels are held against: derivatives against differences,
// formats against their standards, traffic against what the design says that it is.
#include "calibration/measure/gpu/references.h"

#include <gtest/gtest.h>

#include <cmath>

#include "calibration/measure/design.h"
#include "calibration/measure/gpu/host_numbers.h"
#include "calibration/measure/gpu/streaming_parts.h"
#include "sim/core/rng.h"

namespace plumbline::measure::gpu {
namespace {

TEST(NumberFormats, DecodeTheirLandmarks) {
  EXPECT_EQ(small_float(0x3f80, 8, 7), 1);  // bf16
  EXPECT_EQ(small_float(0xc020, 8, 7), -2.5);
  EXPECT_EQ(small_float(0x3c00, 5, 10), 1);                   // fp16
  EXPECT_EQ(small_float(0x7bff, 5, 10), 65504);               // its largest
  EXPECT_EQ(small_float(0x0001, 5, 10), std::ldexp(1, -24));  // its smallest
  EXPECT_EQ(small_float(0x7e, 4, 3), 448);                    // e4m3: its largest (OCP FP8, 2023)
  EXPECT_EQ(small_float(0x08, 4, 3), std::ldexp(1, -6));
  EXPECT_EQ(small_float(0x01, 4, 3), std::ldexp(1, -9));
  const float whole[] = {0.1f, -3};
  EXPECT_EQ(to_double(Element::kFp32, whole, 2), (Array{double{0.1f}, -3}));
}

constexpr std::int64_t kRows = 3, kColumns = 128;

std::vector<Array> inputs_of(const std::string& kernel) {
  std::vector<Array> arrays;
  std::uint64_t index = 0;
  const RandomStream draws(5, kernel);
  for (const Part& part : parts_of(kernel, kRows, kColumns)) {
    arrays.emplace_back();
    for (std::int64_t i = 0; i < part.count; ++i) {
      const double unit = draws.uniform(index++);
      arrays.back().push_back(part.limit > 0 ? std::floor(unit * double(part.limit))
                                             : 2 * unit - 1);
    }
  }
  return arrays;
}

// d(sum of dy * forward(x)) / dx[i] by central differences.
template <typename Forward>
double difference(Array x, std::size_t i, const Array& dy, Forward forward) {
  constexpr double kStep = 1e-5;
  const auto loss = [&](double at) {
    Array moved = x;
    moved[i] = at;
    const Array y = forward(moved);
    double sum = 0;
    for (std::size_t k = 0; k < y.size(); ++k) sum += dy[k] * y[k];
    return sum;
  };
  return (loss(x[i] + kStep) - loss(x[i] - kStep)) / (2 * kStep);
}

TEST(References, OfBackwardsAreTheDerivativesOfTheForwards) {
  const std::vector<Array> norm = inputs_of("rmsnorm_backward");  // x, w, dy, dx
  const Array dx = reference("rmsnorm_backward", norm, kRows, kColumns)[3];
  const std::vector<Array> swiglu = inputs_of("swiglu_backward");  // gates, dy, dgates
  const Array dgates = reference("swiglu_backward", swiglu, kRows, kColumns)[2];
  for (const std::size_t i : {0u, 17u, 130u, 383u}) {
    EXPECT_NEAR(dx[i],
                difference(norm[0], i, norm[2],
                           [&](const Array& x) {
                             return reference("rmsnorm", {x, norm[1], norm[3]}, kRows, kColumns)[2];
                           }),
                1e-7);
    EXPECT_NEAR(dgates[2 * i],
                difference(swiglu[0], 2 * i, swiglu[1],
                           [&](const Array& gates) {
                             return reference("swiglu", {gates, swiglu[1]}, kRows, kColumns)[1];
                           }),
                1e-7);
  }
  // Cross-entropy: with the forward's log-sum-exp, dlogits are the derivative of the summed loss.
  std::vector<Array> forward =
      reference("cross_entropy", inputs_of("cross_entropy"), kRows, kColumns);
  const Array dlogits =
      reference("cross_entropy_backward", {forward[0], forward[1], forward[3], forward[0]}, kRows,
                kColumns)[3];
  const Array ones(kRows, 1);
  const auto target = static_cast<std::size_t>(forward[1][0]);
  for (const std::size_t i : {std::size_t{0}, std::size_t{40}, std::size_t{200}, target}) {
    EXPECT_NEAR(dlogits[i],
                difference(forward[0], i, ones,
                           [&](const Array& logits) {
                             return reference("cross_entropy", {logits, forward[1], ones, ones},
                                              kRows, kColumns)[2];
                           }),
                1e-7);
  }
}

TEST(References, KeepWhatTheirOperationsKeep) {
  std::vector<Array> rope = inputs_of("rope");
  for (std::size_t i = 0; i < rope[1].size(); ++i) {  // angles
    rope[1][i] = std::cos(double(i));
    rope[2][i] = std::sin(double(i));
  }
  const Array turned = reference("rope", rope, kRows, kColumns)[3];
  const Array layer = reference(
      "layernorm",
      [] {
        std::vector<Array> in = inputs_of("layernorm");
        in[1].assign(kColumns, 1);
        in[2].assign(kColumns, 0);
        return in;
      }(),
      kRows, kColumns)[3];
  for (std::size_t r = 0; r < kRows; ++r) {
    double before = 0, after = 0, mean = 0, variance = 0;
    for (std::size_t c = r * kColumns; c < (r + 1) * kColumns; ++c) {
      before += rope[0][c] * rope[0][c];
      after += turned[c] * turned[c];
      mean += layer[c] / kColumns;
      variance += layer[c] * layer[c] / kColumns;
    }
    EXPECT_NEAR(after, before, 1e-9);  // a rotation
    EXPECT_NEAR(mean, 0, 1e-12);
    EXPECT_NEAR(variance, 1, 1e-3);  // up to epsilon over the variance of the input
  }
  // Adam's first step moves against the gradient by the rate (no decay where the weight is 0).
  std::vector<Array> adam{{0, 0}, {0, 0}, {0, 0}, {0.5, -2}, {0, 0}};
  const Array stepped = reference("adam", adam, 1, 2)[0];
  EXPECT_NEAR(stepped[0], -kAdamRate, 1e-9);
  EXPECT_NEAR(stepped[1], kAdamRate, 1e-9);
  // What is gathered and scattered comes to its row.
  std::vector<Array> scatter{{1, 2, 3, 4}, {1, 1}, {0, 0, 0, 0, 0, 0, 0, 0}};
  EXPECT_EQ(reference("embedding_scatter", scatter, 2, 2)[2], (Array{0, 0, 4, 6, 0, 0, 0, 0}));
  EXPECT_EQ(reference("cast_transpose_fp8", {{0.5, 1, 5, -1}, Array(4), Array(4)}, 2, 2)[2],
            (Array{64, 448, 128, -128}));
}

// Tables that are read in part (embeddings) and added into are counted by the rows that are
// touched.
TEST(StreamingKernels, MoveTheBytesThatTheDesignSays) {
  constexpr std::int64_t rows = 4096, columns = 8192;
  for (const StreamingKernel& kernel : streaming_kernels()) {
    double bytes = 0;
    const std::string name(kernel.name);
    for (const Part& part : parts_of(name, rows, columns)) {
      const std::string array(part.name);
      double times = 1;
      if (array == "table") times = 0.5;                                        // half of its rows
      if (name == "adam" && part.output && array != "weights") times = 2;       // read and written
      if (name == "embedding_scatter" && array == "gradient") times = 0.5 * 2;  // the same, of half
      bytes += times * double(part.count) * size_of(part.element);
    }
    ASSERT_GT(bytes, 0) << name;
    EXPECT_NEAR(kernel.bytes_per_element, bytes / (double(rows) * columns), 0.07) << name;
  }
}

}  // namespace
}  // namespace plumbline::measure::gpu
