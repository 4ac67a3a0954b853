#pragma once

#include "hessq/report/html.hpp"
#include "hessq/report/table.hpp"
#include "hessq/theory/batch_size.hpp"
#include "hessq/theory/batch_size_measurement.hpp"
#include "support/run.hpp"

#include <optional>
#include <string>
#include <vector>

namespace hessq::app {

/// A law: its best step for each batch of the grid, and without noise.
struct LawCurve {
    std::string name; ///< as in result.json
    std::string what; ///< a few words for legends and tables
    std::vector<BestStep> steps = {};
    BestStep limit = {};
    std::optional<RatePeak> peak = {}; ///< none: not looked for, or some step is unbounded
};

struct MeasuredPoint {
    Index batch = 0;
    MeasuredStep model; ///< of real mini-batches in the quadratic model
    MeasuredStep loss;  ///< of the same mini-batches, by the loss itself
    std::optional<double> law = {};
    std::optional<double> correlated = {}; ///< of signs: normal noise with the correlations of Sigma
};

struct MeasuredMethod {
    std::string name;
    std::vector<MeasuredPoint> points = {};
};

struct MuonGroup {
    ParameterGroup group;
    double simple_batch = 0.0;
    std::vector<double> predicted = {}; ///< (1 + B_simple / B)^(-1/2) for each measured batch
    std::vector<Estimate> measured = {};
};

struct HyperbolaResult {
    double target = 0.0;
    std::vector<TargetRun> runs = {};
    std::optional<HyperbolaFit> linear = {}, log = {};
    std::string why = {}; ///< there is no fit
};

/// Everything that the command found at its point.
struct BatchSizeResult {
    Index at_step = 0;
    double loss = 0.0, gradient_norm = 0.0;
    Index parameters = 0, live = 0;
    double hessian_trace = 0.0, noise_trace = 0.0, sign_curvature = 0.0; ///< the last: s'H s, s = sign(g)
    NoiseScales scales = {};
    double mean_ratio = 0.0; ///< kappa^2 of the essay; infinite if a gradient is zero and its noise is not
    double softsign_eps = 0.0, beta1 = 0.0;
    std::vector<double> batches = {};
    std::vector<LawCurve> curves = {};
    Index small_batch = 1, large_batch = 1, pairs = 0;
    SimpleNoiseEstimate two_batches = {};
    std::vector<Index> measured_batches = {};
    std::vector<MeasuredMethod> measured = {};
    std::vector<MuonGroup> muon = {};
    HyperbolaResult hyperbola = {};
    std::vector<RuleTest> rules = {};

    /// Null if there is no such curve.
    const LawCurve* curve(const std::string& name) const;
    const MeasuredMethod* method(const std::string& name) const;
    /// The largest |rate / rate of the exact form - 1| over the grid, where both are bounded.
    std::optional<double> deviation(const std::string& approximate, const std::string& exact) const;
};

Json to_json(const BatchSizeResult& result);

/// What was found, in a paragraph of plain words.
std::string finding_of(const BatchSizeResult& result, const std::string& problem);

/// A row for each law: noise batches, limits, peaks.
TextTable law_table(const BatchSizeResult& result);
/// A row for each method and batch: measured rates beside the laws'.
TextTable measured_table(const BatchSizeResult& result);
TextTable hyperbola_table(const BatchSizeResult& result);
TextTable rule_table(const BatchSizeResult& result);

void add_figures(HtmlReport& report, const BatchSizeResult& result);

} // namespace hessq::app
