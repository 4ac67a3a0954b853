#pragma once

#include "hessq/report/html.hpp"
#include "hessq/report/table.hpp"
#include "hessq/theory/clipping_runs.hpp"
#include "support/run.hpp"

#include <optional>
#include <string>
#include <vector>

namespace hessq::app {

/// What an optimizer's gradients were like.
struct MethodTrace {
    std::string name;
    double lr = 0.0;
    GradientTrace trace;
};

/// Where stationarity was looked at, and what the excess loss and the displacement are relative to.
struct StationaryMeasurement {
    double lr = 0.0;
    Index batch = 0, burn_in = 0, steps = 0;
    std::string reference;      ///< "the minimum in closed form", ...
    Vector origin;              ///< the reference point
    double least_loss = 0.0;    ///< L*
    double gradient_norm = 0.0; ///< at the reference point; NaN where there is none
    Stationarity found;
};

/// The same run with the loss times a factor and lr divided by it.
struct RescaledRun {
    double factor = 100.0;
    double gradient_norm[2] = {}; ///< RMS of mini-batch gradients: as it is, and rescaled
    double best_rate[2] = {};     ///< g'g / g'H g at the end
    double clipped[2] = {};       ///< share of steps beyond the threshold
    double loss_ratio[2] = {};    ///< of the stationary law
    double distance = 0.0;        ///< between the ends, relative to the length of the run
};

struct WidthRow {
    Index width = 0, parameters = 0;
    double gradient_norm = 0.0;             ///< full batch, mean over the late looks
    double batch_norm = 0.0;                ///< RMS over the late steps
    double sign_cosine = 0.0;               ///< mean over the late looks
    double measured = 0.0, predicted = 0.0; ///< share of late steps beyond the threshold
    SignRate rate;                          ///< at the end
};

/// All seeds of one remedy.
struct RescueRow {
    Rescue rescue = Rescue::none;
    std::vector<RescueRun> runs;
};

struct ClippingResult {
    double threshold = 1.0;
    std::vector<double> thresholds;
    Index late_from = 0; ///< the second half of the runs is "late"
    std::vector<MethodTrace> methods;
    StationaryMeasurement stationary;
    RescaledRun rescaled;
    std::vector<WidthRow> widths; ///< empty: `why_no_widths` says why
    std::string why_no_widths;
    double scale = 10.0; ///< of the bad starts
    double target = 0.0; ///< mean over the seeds
    double rescue_lr = 0.0;
    Index rescue_steps = 0;
    std::vector<RescueRow> rescues;
};

/// sqrt of the mean of |norms|^2.
double root_mean_square(VectorView norms);

Json to_json(const ClippingResult& result);

/// What was found, in a paragraph of plain words.
std::string finding_of(const ClippingResult& result, const std::string& problem);

TextTable method_table(const ClippingResult& result);
TextTable share_table(const ClippingResult& result);
TextTable stationary_table(const ClippingResult& result);
TextTable width_table(const ClippingResult& result);
TextTable rescue_table(const ClippingResult& result);

void add_sections(HtmlReport& report, const ClippingResult& result);

} // namespace hessq::app
