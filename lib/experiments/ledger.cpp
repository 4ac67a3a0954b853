#include "hessq/experiments/ledger.hpp"

#include "hessq/core/require.hpp"
#include "hessq/core/statistics.hpp"
#include "hessq/core/text.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <utility>

namespace hessq {
namespace {

bool states(const Experiment& experiment, const std::string& id) {
    return std::any_of(experiment.claims.begin(), experiment.claims.end(),
                       [&](const Claim& claim) { return claim.id == id; });
}

bool concerns(const Experiment& experiment, const std::string& id) {
    return experiment.id == id || states(experiment, id) ||
           std::find(experiment.revisited.begin(), experiment.revisited.end(), id) != experiment.revisited.end();
}

/// How far a case is from holding, in units of what is allowed; above 1 it does not hold.
double strain(const Case& tested) {
    const double distance = std::abs(tested.measured.value - tested.predicted);
    const double reach = distance + verdict_doubt(tested.measured);
    if (!std::isfinite(reach)) return std::numeric_limits<double>::infinity();
    return tested.tolerance > 0.0 ? reach / tested.tolerance : reach;
}

std::size_t deciding_case(const std::vector<Case>& cases) {
    const auto failing =
        std::find_if(cases.begin(), cases.end(), [](const Case& tested) { return tested.verdict() == Verdict::fails; });
    if (failing != cases.end()) return static_cast<std::size_t>(failing - cases.begin());
    const auto strained = std::max_element(cases.begin(), cases.end(),
                                           [](const Case& a, const Case& b) { return strain(a) < strain(b); });
    return static_cast<std::size_t>(strained - cases.begin());
}

/// "b9" before "b10": letters, then numbers by their value.
bool comes_before(const LedgerRow& a, const LedgerRow& b) {
    const auto parts = [](const std::string& id) {
        const std::size_t digits = std::min(id.find_first_of("0123456789"), id.size());
        return std::pair(id.substr(0, digits), digits < id.size() ? std::stod(id.substr(digits)) : 0.0);
    };
    return parts(a.claim.id) < parts(b.claim.id);
}

} // namespace

std::string to_string(Verdict verdict) {
    switch (verdict) {
    case Verdict::holds:
        return "holds";
    case Verdict::fails:
        return "fails";
    case Verdict::holds_only:
        return "holds only";
    case Verdict::undecided:
        break;
    }
    return "undecided";
}

std::string to_string(Prediction prediction) { return prediction == Prediction::law ? "law" : "printed number"; }

double verdict_doubt(const Estimate& measured) {
    constexpr double normal_quantile = 3.0;
    if (measured.samples < 2 || measured.std_error == 0.0) return normal_quantile * measured.std_error;
    const Interval interval = student_interval(measured, verdict_confidence);
    return 0.5 * (interval.upper - interval.lower);
}

Verdict verdict(double predicted, const Estimate& measured, double tolerance) {
    require(tolerance >= 0.0, "verdict", "tolerance must be at least 0", tolerance);
    require(!(measured.std_error < 0.0), "verdict", "std_error must be at least 0", measured.std_error);
    const double distance = std::abs(measured.value - predicted);
    const double doubt = verdict_doubt(measured);
    if (!std::isfinite(distance) || !std::isfinite(doubt)) return Verdict::undecided;
    if (distance + doubt <= tolerance) return Verdict::holds;
    return distance - doubt > tolerance ? Verdict::fails : Verdict::undecided;
}

Index ExperimentOptions::draws(Index standard, Index least) const {
    switch (effort) {
    case Effort::quick:
        return std::max(least, standard / 10);
    case Effort::standard:
        break;
    case Effort::precise:
        return 25 * standard;
    }
    return standard;
}

Verdict claim_verdict(const std::vector<Case>& cases) {
    const auto count = [&](Verdict wanted) {
        return std::count_if(cases.begin(), cases.end(),
                             [&](const Case& tested) { return tested.verdict() == wanted; });
    };
    const auto all = static_cast<std::ptrdiff_t>(cases.size());
    const std::ptrdiff_t hold = count(Verdict::holds), fail = count(Verdict::fails);
    if (hold > 0 && fail > 0) return Verdict::holds_only;
    if (all > 0 && hold == all) return Verdict::holds;
    return all > 0 && fail == all ? Verdict::fails : Verdict::undecided;
}

bool Essay::has(const std::string& experiment) const {
    return std::find(experiments.begin(), experiments.end(), experiment) != experiments.end();
}

std::vector<const Experiment*> select_experiments(const std::vector<Experiment>& experiments,
                                                  const std::vector<std::string>& ids,
                                                  const std::vector<Essay>& essays) {
    std::vector<std::string> known, letters;
    for (const Experiment& experiment : experiments) {
        known.push_back(experiment.id);
        for (const Claim& claim : experiment.claims) known.push_back(claim.id);
    }
    for (const Essay& essay : essays) letters.push_back(essay.letter);
    const auto is_among = [](const std::vector<std::string>& list, const std::string& id) {
        return std::find(list.begin(), list.end(), id) != list.end();
    };
    for (const std::string& id : ids) {
        if (is_among(known, id) || is_among(letters, id)) continue;
        const std::string near = nearest_name(id, known);
        throw InputError(fmt::format(
            "expected ids of experiments or claims ({} ... {}){}; got {}{}", known.front(), known.back(),
            letters.empty() ? "" : fmt::format(", or the letter of an essay ({})", fmt::join(letters, ", ")), id,
            near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
    }
    const auto is_wanted = [&](const Experiment& experiment, const std::string& id) {
        return concerns(experiment, id) || std::any_of(essays.begin(), essays.end(), [&](const Essay& essay) {
                   return essay.letter == id && essay.has(experiment.id);
               });
    };
    std::vector<const Experiment*> selected;
    for (const Experiment& experiment : experiments)
        if (ids.empty() ||
            std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return is_wanted(experiment, id); }))
            selected.push_back(&experiment);
    return selected;
}

std::vector<LedgerRow> ledger(const std::vector<Experiment>& experiments,
                              const std::vector<ExperimentRecord>& records) {
    for (const ExperimentRecord& record : records)
        for (const Case& tested : record.result.cases)
            require(concerns(*record.experiment, tested.claim), "ledger",
                    "an experiment's cases must belong to claims that it states or revisits",
                    fmt::format("{} in {}", tested.claim, record.experiment->id));
    std::vector<LedgerRow> rows;
    for (const Experiment& experiment : experiments)
        for (const Claim& claim : experiment.claims) {
            LedgerRow row{.claim = claim, .experiment = experiment.id};
            for (const ExperimentRecord& record : records) {
                const std::size_t before = row.cases.size();
                for (const Case& tested : record.result.cases)
                    if (tested.claim == claim.id) row.cases.push_back(tested);
                if (row.cases.size() > before) row.seconds += record.seconds;
            }
            if (row.cases.empty()) continue;
            row.verdict = claim_verdict(row.cases);
            row.deciding = deciding_case(row.cases);
            rows.push_back(std::move(row));
        }
    std::stable_sort(rows.begin(), rows.end(), comes_before);
    return rows;
}

} // namespace hessq
