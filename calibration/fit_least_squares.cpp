#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "calibration/least_squares.h"

namespace plumbline {
namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

constexpr int kMostIterations = 200;
constexpr double kStep = 1e-6;           // of the forward difference, in log(theta)
constexpr double kConverged = 1e-10;     // relative change of the parameters
constexpr double kUnidentified = 1e-12;  // curvature below this: the data do not tell

double huber_loss(const Vector& r, double delta) {
  double sum = 0;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    const double a = std::abs(r[i]);
    sum += a <= delta ? 0.5 * a * a : delta * (a - 0.5 * delta);
  }
  return sum;
}

}  // namespace

LeastSquaresFit least_squares(const Residuals& residuals, std::vector<double> start,
                              std::size_t samples, double huber) {
  const auto n = static_cast<Eigen::Index>(samples);
  const auto p = static_cast<Eigen::Index>(start.size());
  LeastSquaresFit fit;
  fit.parameters = std::move(start);

  const auto evaluate = [&](const std::vector<double>& theta, Vector& r) {
    r.resize(n);
    residuals(theta, r.data());
  };
  const auto moved = [&](const Vector& step) {
    std::vector<double> theta = fit.parameters;
    for (Eigen::Index j = 0; j < p; ++j) theta[static_cast<std::size_t>(j)] *= std::exp(step[j]);
    return theta;
  };

  Vector r, shifted;
  Matrix jacobian(n, p), normal(p, p);
  double damping = 1e-3;
  evaluate(fit.parameters, r);
  double loss = huber_loss(r, huber);
  for (; fit.iterations < kMostIterations && !fit.converged; ++fit.iterations) {
    for (Eigen::Index j = 0; j < p; ++j) {
      Vector step = Vector::Zero(p);
      step[j] = kStep;
      evaluate(moved(step), shifted);
      jacobian.col(j) = (shifted - r) / kStep;
    }
    Vector weight(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      weight[i] = std::abs(r[i]) <= huber ? 1.0 : huber / std::abs(r[i]);
    }
    normal = jacobian.transpose() * weight.asDiagonal() * jacobian;
    const Vector gradient = jacobian.transpose() * weight.cwiseProduct(r);
    bool improved = false;
    while (!improved && damping < 1e12) {
      Matrix damped = normal;
      damped.diagonal() += damping * (normal.diagonal().array() + kUnidentified).matrix();
      Vector step = -damped.ldlt().solve(gradient);
      step = step.cwiseMax(-1.0).cwiseMin(1.0);
      const std::vector<double> theta = moved(step);
      evaluate(theta, shifted);
      const double next = huber_loss(shifted, huber);
      if (std::isfinite(next) && next <= loss) {
        improved = true;
        fit.converged =
            step.cwiseAbs().maxCoeff() < kConverged || loss - next <= 1e-14 * (loss + 1e-300);
        fit.parameters = theta;
        r = shifted;
        loss = next;
        damping = std::max(1e-12, damping / 5);
      } else {
        damping *= 4;
      }
    }
    if (!improved) fit.converged = true;  // no direction leads down
  }

  // Covariance of log(theta): sigma^2 (J'WJ)^-1, sigma^2 from the loss the fit is left with.
  const double freedom = std::max<double>(1.0, static_cast<double>(n - p));
  const double variance = 2 * loss / freedom;
  fit.relative_standard_error.assign(fit.parameters.size(),
                                     std::numeric_limits<double>::infinity());
  std::vector<Eigen::Index> identified;
  for (Eigen::Index j = 0; j < p; ++j) {
    if (normal(j, j) > kUnidentified * static_cast<double>(n)) identified.push_back(j);
  }
  const Matrix information = normal(identified, identified);
  Eigen::FullPivLU<Matrix> lu(information);
  if (identified.empty() || !lu.isInvertible()) return fit;
  const Matrix covariance = variance * lu.inverse();
  for (std::size_t k = 0; k < identified.size(); ++k) {
    const auto at = static_cast<Eigen::Index>(k);
    if (covariance(at, at) >= 0) {
      fit.relative_standard_error[static_cast<std::size_t>(identified[k])] =
          std::sqrt(covariance(at, at));
    }
  }
  return fit;
}

}  // namespace plumbline
