#pragma once

#include "hessq/report/html.hpp"
#include "hessq/report/table.hpp"
#include "hessq/theory/epsilon_measurement.hpp"
#include "support/run.hpp"

#include <optional>
#include <string>
#include <vector>

namespace hessq::app {

/// What the command found at one epsilon.
struct EpsilonRow {
    double eps = 0.0;                              ///< infinity: SGD
    std::vector<EpsilonCurve> curves;              ///< softsign, clip, ratio
    std::vector<std::optional<Estimate>> measured; ///< of the ratio form, a batch each; none: unbounded
    std::optional<EpsilonRun> run;                 ///< none for infinity
    std::optional<BestRunRate> best;               ///< none for infinity, or without runs
};

struct EpsilonStudy {
    double loss = 0.0; ///< of the point
    Index at_step = 0, dead = 0, live = 0;
    double gradient_rms = 0.0; ///< sqrt mean g_i^2
    double noise_rms = 0.0;    ///< sqrt mean sigma_i^2
    double batch_rms = 0.0;    ///< sqrt mean (g_i^2 + sigma_i^2 / B) for the batch of the runs
    Index batch = 0;
    double sign_curvature = 0.0;              ///< s'Hs / tr H, s = sign(g)
    double noise_curvature = 0.0;             ///< tr(Sigma H)
    double independent_noise_curvature = 0.0; ///< sum_i sigma_i^2 H_ii
    std::vector<Index> measured_batches;
    std::vector<EpsilonRow> rows;
};

const char* form_key(EpsilonForm form);

Json result_of(const EpsilonStudy& study);
std::string finding_of(const EpsilonStudy& study, const std::string& problem);
/// One row an epsilon: what the point says.
TextTable point_table(const EpsilonStudy& study);
/// One row an epsilon: what runs say.
TextTable run_table(const EpsilonStudy& study);
/// Real mini-batches against exact moments of independent coordinates.
TextTable measured_table(const EpsilonStudy& study);
void add_figures(HtmlReport& report, const EpsilonStudy& study);

} // namespace hessq::app
