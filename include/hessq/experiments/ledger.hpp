#pragma once

#include "hessq/core/estimate.hpp"
#include "hessq/core/plot.hpp"
#include "hessq/core/random.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// A ledger of claims: what was said, what it predicts, what was measured, and what follows. An experiment states its
// claims, measures them in the regimes where they should hold and where they should not, and explains the outcome.

#pragma GCC visibility push(default)
namespace hessq {

enum class Verdict {
    holds,
    fails,
    holds_only, ///< of a claim: holds in some of the regimes tested and fails in others
    undecided   ///< the error bar is too wide to tell
};

/// "holds", "fails", "holds only", "undecided".
std::string to_string(Verdict verdict);

/// The probability with which the interval around a measured value covers the truth: three standard errors to either
/// side where they are well known, more where few replicates tell them.
inline constexpr double verdict_confidence = 0.9973;

/// Half the width of that interval: t std_error, t Student's quantile with samples - 1 degrees of freedom, 3 for many
/// samples and for an error that comes with fewer than two.
double verdict_doubt(const Estimate& measured);

/// Compares a measured value with a prediction that is meant to hold within `tolerance`, an absolute difference that
/// is stated beforehand: an exact identity has rounding as its tolerance, an approximation what it neglects. With the
/// doubt d of the measured value,
///
///     holds       |measured - predicted| + d <= tolerance
///     fails       |measured - predicted| - d > tolerance
///     undecided   otherwise, and for numbers that are not finite
///
/// Throws     std::invalid_argument if the tolerance or the error is negative.
Verdict verdict(double predicted, const Estimate& measured, double tolerance);

/// Where a predicted number comes from.
enum class Prediction {
    law,    ///< the claim itself: a closed form, or a limit that it states
    printed ///< another simulation printed it, and the case is a replication: it tests that number, no formula
};

/// "law", "printed number".
std::string to_string(Prediction prediction);

/// One regime in which a claim was measured.
struct Case {
    std::string claim = {};    ///< its id: "b3"
    std::string regime = {};   ///< where: "full-batch gradients, injected cloud"
    std::string quantity = {}; ///< what the numbers are: "q"
    double predicted = 0.0;
    Estimate measured = {};
    double tolerance = 0.0;
    Prediction prediction = Prediction::law;

    Verdict verdict() const { return hessq::verdict(predicted, measured, tolerance); }
};

/// Something that was said, by an essay or by this project.
struct Claim {
    std::string id = {};
    std::string statement = {}; ///< one line
    std::string source = {};    ///< who says so
};

enum class Effort {
    quick,    ///< a smoke run: seconds for all experiments together
    standard, ///< minutes
    precise   ///< error bars a fifth of the standard ones: at most a third, though errors themselves scatter
};

struct ExperimentOptions {
    Effort effort = Effort::standard;
    std::uint64_t seed = 0;

    /// `standard` independent draws at standard effort, a tenth of them (at least `least`) when quick, 25 times as
    /// many when precise.
    Index draws(Index standard, Index least = 2) const;
};

struct ExperimentResult {
    std::vector<Case> cases = {};
    Plot figure = {};
    std::string caption = {};   ///< of the figure
    std::string paragraph = {}; ///< what was done and what it shows, with this run's numbers
};

/// A self-contained entry of the ledger.
struct Experiment {
    std::string id = {};                     ///< "E-b1"
    std::string title = {};                  ///< the question
    std::vector<Claim> claims = {};          ///< stated here: each claim in one experiment
    std::vector<std::string> revisited = {}; ///< ids stated elsewhere that get further cases here
    std::function<ExperimentResult(const ExperimentOptions&)> run = {};
};

/// Where claims were made that belong together: what tests them has one name.
struct Essay {
    std::string letter = {}; ///< "b"
    std::string title = {};  ///< what it asks
    std::string source = {};
    std::vector<std::string> experiments = {}; ///< their ids

    bool has(const std::string& experiment) const;
};

/// A claim with all its cases.
struct LedgerRow {
    Claim claim = {};
    std::string experiment = {}; ///< the one that states it
    std::vector<Case> cases = {};
    Verdict verdict = Verdict::undecided;
    std::size_t deciding = 0; ///< the case to show: the first that fails, or the one nearest to failing
    double seconds = 0.0;     ///< of the experiments that contributed
};

/// What an experiment found and how long it took.
struct ExperimentRecord {
    const Experiment* experiment = nullptr;
    ExperimentResult result = {};
    double seconds = 0.0;
};

/// Holds or fails if all cases do; holds_only if some hold and some fail; otherwise undecided.
Verdict claim_verdict(const std::vector<Case>& cases);

/// The experiments that are needed for the given ids of experiments and claims, in the order of the list; all of them
/// for no ids. An essay's letter stands for its experiments.
///
/// Throws     InputError naming an unknown id and the nearest known one.
std::vector<const Experiment*> select_experiments(const std::vector<Experiment>& experiments,
                                                  const std::vector<std::string>& ids,
                                                  const std::vector<Essay>& essays = {});

/// The ledger of what was measured, in the order of the claims' ids. Claims without a case are left out.
///
/// Throws     std::invalid_argument if a case names a claim that its experiment neither states nor revisits.
std::vector<LedgerRow> ledger(const std::vector<Experiment>& experiments, const std::vector<ExperimentRecord>& records);

} // namespace hessq
#pragma GCC visibility pop
