// Weighted nonlinear least squares for a handful of positive parameters.
//
// Minimises sum_i rho(r_i(theta)) with rho Huber's loss, over theta > 0 by Gauss-Newton steps in
// log(theta), damped by Levenberg and Marquardt.  Working in logarithms keeps the parameters
// positive, makes steps relative, and turns the covariance into relative standard errors.
#pragma once

#include <functional>
#include <vector>

namespace plumbline {

struct LeastSquaresFit {
  std::vector<double> parameters;
  std::vector<double> relative_standard_error;  ///< infinite where the data do not tell
  int iterations = 0;
  bool converged = false;
};

/// Fills residuals (one per sample) for given parameters.
using Residuals = std::function<void(const std::vector<double>& parameters, double* residuals)>;

/// @param start first guess, all > 0
/// @param samples number of residuals, at least as many as parameters
/// @param huber residuals beyond this count linearly: an outlier pulls, it does not decide
/// Source: Huber, Robust Statistics, 1981, section 7; Levenberg-Marquardt as in Madsen, Nielsen,
/// Tingleff, "Methods for non-linear least squares problems", 2004.
LeastSquaresFit least_squares(const Residuals& residuals, std::vector<double> start,
                              std::size_t samples, double huber);

}  // namespace plumbline
