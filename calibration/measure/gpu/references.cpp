#include "calibration/measure/gpu/references.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "calibration/measure/gpu/streaming_parts.h"

namespace plumbline::measure::gpu {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Size {
  std::size_t rows, columns;
};

void norm(const Array& x, const Array& w, const Array* b, Array& y, Size size) {
  for (std::size_t r = 0; r < size.rows; ++r) {
    const double* row = &x[r * size.columns];
    double mean = 0, squares = 0;
    for (std::size_t c = 0; c < size.columns && b; ++c) mean += row[c] / double(size.columns);
    for (std::size_t c = 0; c < size.columns; ++c) squares += (row[c] - mean) * (row[c] - mean);
    const double scale = 1 / std::sqrt(squares / double(size.columns) + kNormEpsilon);
    for (std::size_t c = 0; c < size.columns; ++c) {
      y[r * size.columns + c] = (row[c] - mean) * scale * w[c] + (b ? (*b)[c] : 0);
    }
  }
}

// The derivative of y = x w / sqrt(mean(x^2) + eps), summed over the outputs of a row.
void rmsnorm_backward(const Array& x, const Array& w, const Array& dy, Array& dx, Size size) {
  const auto n = double(size.columns);
  for (std::size_t r = 0; r < size.rows; ++r) {
    const std::size_t at = r * size.columns;
    double squares = 0, dot = 0;
    for (std::size_t c = 0; c < size.columns; ++c) {
      squares += x[at + c] * x[at + c];
      dot += dy[at + c] * w[c] * x[at + c];
    }
    const double variance = squares / n + kNormEpsilon;
    for (std::size_t c = 0; c < size.columns; ++c) {
      dx[at + c] = dy[at + c] * w[c] / std::sqrt(variance) -
                   x[at + c] * dot / n / (variance * std::sqrt(variance));
    }
  }
}

void swiglu(const Array& gates, const Array* dy, Array& out, Size size) {
  for (std::size_t i = 0; i < size.rows * size.columns; ++i) {
    const std::size_t left = i / size.columns * 2 * size.columns + i % size.columns;
    const std::size_t right = left + size.columns;
    const double a = gates[left], b = gates[right], s = sigmoid(a);
    if (dy) {
      out[left] = (*dy)[i] * b * (s + a * s * (1 - s));
      out[right] = (*dy)[i] * a * s;
    } else {
      out[i] = a * s * b;
    }
  }
}

void rope(const Array& x, const Array& cosine, const Array& sine, Array& y, Size size) {
  constexpr std::size_t kHalf = kRopeHead / 2;
  for (std::size_t r = 0; r < size.rows; ++r) {
    for (std::size_t head = 0; head < size.columns / kRopeHead; ++head) {
      for (std::size_t i = 0; i < kHalf; ++i) {
        const std::size_t a = r * size.columns + head * kRopeHead + i, b = a + kHalf;
        const double c = cosine[r * kHalf + i], s = sine[r * kHalf + i];
        y[a] = x[a] * c - x[b] * s;
        y[b] = x[b] * c + x[a] * s;
      }
    }
  }
}

void cross_entropy(std::vector<Array>& p, Size size, bool backward) {
  for (std::size_t r = 0; r < size.rows; ++r) {
    const double* row = &p[0][r * size.columns];
    const auto target = static_cast<std::size_t>(p[1][r]);
    if (backward) {
      for (std::size_t c = 0; c < size.columns; ++c) {
        p[3][r * size.columns + c] = std::exp(row[c] - p[2][r]) - (c == target ? 1 : 0);
      }
      continue;
    }
    double sum = 0;
    for (std::size_t c = 0; c < size.columns; ++c) sum += std::exp(row[c]);
    p[2][r] = std::log(sum) - row[target];
    p[3][r] = std::log(sum);
  }
}

void adam(std::vector<Array>& p) {
  const double b1 = kAdamBeta1, b2 = kAdamBeta2;
  for (std::size_t i = 0; i < p[0].size(); ++i) {
    p[1][i] = b1 * p[1][i] + (1 - b1) * p[3][i];
    p[2][i] = b2 * p[2][i] + (1 - b2) * p[3][i] * p[3][i];
    const double step = p[1][i] / (1 - b1) / (std::sqrt(p[2][i] / (1 - b2)) + kAdamEpsilon);
    p[0][i] -= kAdamRate * (step + kAdamDecay * p[0][i]);
    p[4][i] = p[0][i];
  }
}

double as_fp8(double value) { return std::clamp(value * kFp8Scale, -448.0, 448.0); }

}  // namespace

std::vector<Array> reference(const std::string& kernel, std::vector<Array> p, std::int64_t rows,
                             std::int64_t columns) {
  const Size size{static_cast<std::size_t>(rows), static_cast<std::size_t>(columns)};
  const std::size_t all = size.rows * size.columns;
  if (kernel == "rmsnorm") {
    norm(p[0], p[1], nullptr, p[2], size);
  } else if (kernel == "layernorm") {
    norm(p[0], p[1], &p[2], p[3], size);
  } else if (kernel == "rmsnorm_backward") {
    rmsnorm_backward(p[0], p[1], p[2], p[3], size);
  } else if (kernel == "residual_add") {
    for (std::size_t i = 0; i < all; ++i) p[2][i] = p[0][i] + p[1][i];
  } else if (kernel == "gelu") {
    for (std::size_t i = 0; i < all; ++i) {
      const double x = p[0][i];
      p[1][i] = 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    }
  } else if (kernel == "swiglu") {
    swiglu(p[0], nullptr, p[1], size);
  } else if (kernel == "swiglu_backward") {
    swiglu(p[0], &p[1], p[2], size);
  } else if (kernel == "rope") {
    rope(p[0], p[1], p[2], p[3], size);
  } else if (kernel == "cross_entropy" || kernel == "cross_entropy_backward") {
    cross_entropy(p, size, kernel != "cross_entropy");
  } else if (kernel == "adam") {
    adam(p);
  } else if (kernel == "embedding_gather" || kernel == "embedding_scatter") {
    for (std::size_t i = 0; i < all; ++i) {
      const auto row = static_cast<std::size_t>(p[1][i / size.columns]);
      const std::size_t entry = row * size.columns + i % size.columns;
      if (kernel == "embedding_gather") {
        p[2][i] = p[0][entry];
      } else {
        p[2][entry] += p[0][i];
      }
    }
  } else if (kernel == "cast_fp8" || kernel == "cast_transpose_fp8") {
    for (std::size_t i = 0; i < all; ++i) {
      p[1][i] = as_fp8(p[0][i]);
      if (p.size() > 2) p[2][i % size.columns * size.rows + i / size.columns] = p[1][i];
    }
  } else {
    throw std::invalid_argument("no kernel is called " + kernel);
  }
  return p;
}

}  // namespace plumbline::measure::gpu
