// What arrays each streaming kernel takes.
#include "calibration/measure/gpu/streaming_parts.h"

namespace plumbline::measure::gpu {

int size_of(Element element) {
  switch (element) {
    case Element::kBf16:
    case Element::kFp16:
      return 2;
    case Element::kFp8:
      return 1;
    case Element::kFp32:
    case Element::kInt32:
      return 4;
  }
  return 4;
}

std::vector<Part> parts_of(const std::string& kernel, std::int64_t rows, std::int64_t columns) {
  const std::int64_t all = rows * columns, half = rows * (kRopeHead / 2);
  const Element h = Element::kBf16, f = Element::kFp32, i = Element::kInt32, q = Element::kFp8;
  const Part x{"x", h, all}, w{"w", h, columns}, y{"y", h, all, 0, true};
  if (kernel == "rmsnorm") return {x, w, y};
  if (kernel == "layernorm") return {x, w, {"b", h, columns}, y};
  if (kernel == "rmsnorm_backward") return {x, w, {"dy", h, all}, y};
  if (kernel == "residual_add") return {x, {"residual", h, all}, y};
  if (kernel == "gelu") return {x, y};
  if (kernel == "swiglu") return {{"gates", h, 2 * all}, y};
  if (kernel == "swiglu_backward") {
    return {{"gates", h, 2 * all}, {"dy", h, all}, {"dgates", h, 2 * all, 0, true}};
  }
  if (kernel == "rope") return {x, {"cos", f, half}, {"sin", f, half}, y};
  if (kernel == "cross_entropy") {
    return {x, {"target", i, rows, columns}, {"loss", f, rows, 0, true}, {"lse", f, rows, 0, true}};
  }
  if (kernel == "cross_entropy_backward") {
    return {x, {"target", i, rows, columns}, {"lse", f, rows}, y};
  }
  if (kernel == "adam") {
    return {{"master", f, all, 0, true},
            {"m", f, all, 0, true},
            {"v", f, all, 1, true},
            {"gradient", f, all},
            {"weights", h, all, 0, true}};
  }
  if (kernel == "embedding_gather") {
    return {{"table", h, 2 * all}, {"index", i, rows, 2 * rows}, y};
  }
  if (kernel == "embedding_scatter") {
    return {x, {"index", i, rows, 2 * rows}, {"gradient", f, 2 * all, 0, true}};
  }
  if (kernel == "cast_fp8") return {x, {"y8", q, all, 0, true}};
  if (kernel == "cast_transpose_fp8") {
    return {x, {"y8", q, all, 0, true}, {"t8", q, all, 0, true}};
  }
  return {};
}

}  // namespace plumbline::measure::gpu
