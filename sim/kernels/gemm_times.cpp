// t = form(m, n, k) * exp(residual of the measured neighbours) * layout + fp32 accumulation.
//
// Samples are bursts of a few milliseconds on a cool chip. A training step runs at the clock that
// the power limit leaves: only the compute term of the form slows down by it, so a product that
// waits for memory costs the same in both regimes.
#include "sim/kernels/gemm_times.h"

#include <array>
#include <cmath>
#include <utility>

#include "sim/core/diagnostic.h"
#include "sim/kernels/coordinates.h"
#include "sim/kernels/forms.h"
#include "sim/kernels/samples.h"

namespace plumbline {
namespace {

ResidualTable read_residuals(const SampleFile& file, const GemmFit& fit) {
  const CsvTable csv = read_samples(file);
  const std::size_t cm = csv.column("m"), cn = csv.column("n"), ck = csv.column("k"),
                    ct = csv.column("latency_us");
  ResidualTable table;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const double m = csv.number(row, cm), n = csv.number(row, cn), k = csv.number(row, ck);
    const double measured = csv.number(row, ct) * 1e-6;
    const Seconds form = gemm_form(fit, gemm_work(fit, file.dtype, m, n, k));
    table.add(gemm_point(padded_rows(m, fit.row_tile), n, k), std::log(measured / form.base()));
  }
  table.finish();
  return table;
}

// The dtype whose measured form stands in for another's, best first.
constexpr std::array kStandIns{"bf16", "fp16"};

double factor_or_one(const std::map<std::string, Sourced<double>>& factors, const char* key) {
  const auto it = factors.find(key);
  return it == factors.end() ? 1.0 : it->second.value;
}

}  // namespace

GemmTimes::Samples::Samples(const DeviceSpec& device) {
  for (const SampleFile& file : device.samples) {
    if (file.operation != "gemm") continue;
    const bool foreign = file.inherited && device.origin;
    const std::map<std::string, GemmFit>& fits = foreign ? device.origin->gemm : device.gemm;
    const auto fit = fits.find(file.dtype);
    if (fit == fits.end()) continue;
    tables.emplace(file.dtype, read_residuals(file, fit->second));
    if (foreign) inherited.insert(file.dtype);
  }
}

GemmTimes::GemmTimes(const DeviceSpec& device)
    : GemmTimes(device, std::make_shared<const Samples>(device)) {}

GemmTimes::GemmTimes(const DeviceSpec& device, std::shared_ptr<const Samples> samples)
    : device_name_(device.name),
      samples_(std::move(samples)),
      layout_nn_(factor_or_one(device.layout_factor, "nn")),
      layout_nt_(factor_or_one(device.layout_factor, "nt")),
      accumulate_bytes_(device.accumulate_bytes.value),
      streaming_(device.memory_bandwidth_streaming.value) {
  const std::map<std::string, ResidualTable>& tables = samples_->tables;
  const auto sustained = [&](const std::string& dtype, double otherwise) {
    const auto it = device.sustained.find(dtype);
    return it == device.sustained.end() ? otherwise : it->second.value;
  };
  std::string base;
  for (const char* name : kStandIns) {
    if (base.empty() && device.gemm.count(name)) base = name;
  }
  const double base_clock = base.empty() ? 1.0 : sustained(base, 1.0);
  const auto residuals = [&](const std::string& dtype) -> const ResidualTable* {
    const auto own = tables.find(dtype);
    if (own != tables.end()) return &own->second;
    const auto other = tables.find(base);
    return other == tables.end() ? nullptr : &other->second;
  };
  for (const auto& [dtype, fit] : device.gemm) {
    models_[dtype] = {fit,
                      sustained(dtype, base_clock),
                      residuals(dtype),
                      tables.count(dtype) > 0 && !samples_->inherited.count(dtype),
                      {},
                      {}};
  }
  // A dtype that nobody measured: the stand-in's form with the rate scaled by the peaks.
  for (const auto& [dtype, peak] : device.peak_flops) {
    if (models_.count(dtype) || base.empty()) continue;
    const auto base_peak = device.peak_flops.find(base);
    if (base_peak == device.peak_flops.end()) continue;
    const double ratio = peak / base_peak->second;
    Model model{device.gemm.at(base), sustained(dtype, base_clock), residuals(base), false, {}, {}};
    model.fit.flops = ratio * model.fit.flops;
    const bool same_units = ratio == 1.0 && element_bytes(dtype) == element_bytes(base);
    model.own_samples = same_units && models_.at(base).own_samples;
    if (!same_units) model.stand_in = base;
    models_[dtype] = model;
  }
  for (auto& [dtype, model] : models_) {
    auto source = device.sustained.find(dtype);
    if (source == device.sustained.end()) source = device.sustained.find(base);
    if (source == device.sustained.end()) continue;
    if (source->second.provenance != Provenance::kMeasured) {
      model.clock_source = source->second.source;
    }
  }
}

std::vector<std::string> GemmTimes::notes(std::string_view dtype) const {
  const Model& priced = model(dtype);
  std::vector<std::string> out;
  const std::string name = device_name_ + ": " + std::string(dtype) + " products";
  if (!priced.stand_in.empty()) {
    out.push_back(name + " are priced as " + priced.stand_in + " times the ratio of the peaks");
  }
  if (!priced.clock_source.empty()) {
    std::string rate = std::to_string(priced.clock);
    rate.resize(4);
    out.push_back(name + " sustain " + rate + " of their burst rate (" + priced.clock_source + ")");
  }
  return out;
}

const GemmTimes::Model& GemmTimes::model(std::string_view dtype) const {
  auto it = models_.find(dtype);
  // Block-scaled fp8 runs at the rate of fp8 where a profile does not tell them apart.
  if (it == models_.end() && dtype == "mxfp8") it = models_.find("fp8");
  if (it != models_.end()) return it->second;
  std::string known;
  for (const auto& [name, unused] : models_) known += (known.empty() ? "" : ", ") + name;
  throw InputError(
      {diagnose("training.precision", device_name_ + " has no units for " + std::string(dtype),
                "it has " + known)});
}

KernelPrice GemmTimes::price(const GemmQuery& query) const {
  KernelPrice price;
  if (query.m <= 0 || query.n <= 0 || query.k <= 0 || query.batch <= 0) return price;
  const Model& model = this->model(query.dtype);
  const GemmWork work = gemm_work(model.fit, query.dtype, query.m, query.n, query.k, query.batch);

  double factor = 1.0;
  price.extrapolated = !model.own_samples;
  if (model.residuals) {
    // A batch fills the chip as one product with all its rows does.
    const double rows = query.batch * padded_rows(query.m, model.fit.row_tile);
    const auto estimate =
        model.residuals->at(gemm_point(rows, query.n, query.k), model.fit.neighbours);
    factor = std::exp(estimate.log_residual);
    price.extrapolated = price.extrapolated || estimate.outside;
  }
  if (query.layout == GemmLayout::kNn) factor *= layout_nn_;
  if (query.layout == GemmLayout::kNt) factor *= layout_nt_;

  Seconds accumulation;
  if (query.accumulate_fp32) {
    accumulation = Bytes(accumulate_bytes_ * query.m * query.n * query.batch) / streaming_;
  }
  price.burst = factor * gemm_form(model.fit, work) + accumulation;
  price.sustained = factor * gemm_form(model.fit, work, model.clock) + accumulation;
  return price;
}

}  // namespace plumbline
