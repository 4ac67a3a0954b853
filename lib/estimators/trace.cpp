#include "hessq/estimators/trace.hpp"

#include "hessq/core/large_matrix.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/estimators/probes.hpp"
#include "intervals.hpp"
#include "probe_sums.hpp"
#include "products.hpp"
#include "sketch.hpp"
#include "tall.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace hessq {
namespace {

constexpr std::string_view trace_function = "estimate_trace";
constexpr Index least_products = 24;
constexpr Index least_probes = 16; // before the first look
constexpr Index pilot_probes = 16, largest_pilot = 64;
constexpr double look_growth = 1.25;
constexpr double never = std::numeric_limits<double>::infinity();

/// Each probe is left out of the range once, so that n products are the better way for many of them.
bool leaves_one_out(TraceMethod method) { return method == TraceMethod::xtrace || method == TraceMethod::xnystrace; }

void check(const SymmetricOperator& a, const TraceOptions& options) {
    require(options.products >= least_products, trace_function, "products must be at least 24", options.products);
    require(options.block >= 2, trace_function, "block must be at least 2", options.block);
    require(options.confidence > 0.0 && options.confidence < 1.0, trace_function, "confidence must lie between 0 and 1",
            options.confidence);
    if (options.target) {
        require(options.target->relative_error > 0.0 && options.target->relative_error < 1.0, trace_function,
                "relative_error must lie between 0 and 1", options.target->relative_error);
        require(options.target->confidence > 0.0 && options.target->confidence < 1.0, trace_function,
                "confidence must lie between 0 and 1", options.target->confidence);
    }
    if (!options.groups.groups.empty()) {
        require_groups(options.groups, a.dimension(), trace_function);
        require(!leaves_one_out(options.method), trace_function, "groups need another method", name(options.method));
    }
}

/// A run that can stop after any block and go on. Everything it decides depends on what it has seen and on the options
/// that `owner` names.
class TraceRun {
public:
    TraceRun(const SymmetricOperator& a, const TraceOptions& options)
        : a_(a), options_(options), n_(a.dimension()), symmetry_(trace_function),
          sketch_(SketchProbes::signs, options.seed), direct_(n_, options.groups, false),
          rest_(n_, options.groups, false), file_(options.file, owner()) {
        method_ = options.method;
        explain();
    }

    TraceEstimate run() {
        load();
        // For a target the exact trace is one of the candidates of the pilot, or what XTrace ends with.
        if ((method_ == TraceMethod::automatic || leaves_one_out(method_)) &&
            n_ <= (options_.target ? least_products : options_.products)) {
            method_ = TraceMethod::exact;
            explain();
        }
        if (method_ == TraceMethod::hutchpp && !options_.target) sketch_size_ = std::min(n_, options_.products / 3);
        if (method_ == TraceMethod::automatic || (method_ == TraceMethod::hutchpp && sketch_size_ == 0)) decide();
        switch (method_) {
        case TraceMethod::exact:
            return exact();
        case TraceMethod::xtrace:
            return xtrace_run();
        case TraceMethod::xnystrace:
            return xnystrace_run();
        case TraceMethod::hutchpp:
            return hutchpp_run();
        default:
            return hutchinson_run();
        }
    }

private:
    double confidence() const { return options_.target ? options_.target->confidence : options_.confidence; }

    /// A run that stops itself stops a little too early when its estimate is large by chance or its error small: with
    /// nine tenths of the misses that are allowed, the measured coverage is the one that was asked for.
    double nominal() const { return options_.target ? 1.0 - 0.9 * (1.0 - confidence()) : confidence(); }

    std::string owner() const {
        std::string text = fmt::format("{} {} n={} seed={} block={}", trace_function, name(options_.method), n_,
                                       options_.seed, options_.block);
        // Where the pilot decides, it decides for these.
        if (options_.method == TraceMethod::automatic || options_.method == TraceMethod::hutchpp) {
            text += fmt::format(" products={}", options_.products);
            if (options_.target)
                text += fmt::format(" target={} {}", options_.target->relative_error, options_.target->confidence);
        }
        for (const ParameterGroup& g : options_.groups.groups) text += fmt::format(" {}:{}", g.name, g.size());
        return text;
    }

    void save() {
        if (options_.file.empty()) return;
        NumberWriter out;
        out.add(first_form_).add(static_cast<Index>(method_)).add(sketch_size_);
        out.add(needed_).add(in_products_ ? 1.0 : 0.0);
        for (const double x : predicted_) out.add(x);
        sketch_.save(out);
        out.add(products_.leftCols(multiplied_));
        direct_.save(out);
        rest_.save(out);
        file_.save(out.numbers());
    }

    void load() {
        if (options_.file.empty()) return;
        const std::vector<double> numbers = file_.load();
        if (numbers.empty()) return;
        NumberReader in(numbers);
        first_form_ = in.number();
        method_ = static_cast<TraceMethod>(in.integer());
        sketch_size_ = in.integer();
        needed_ = in.number();
        in_products_ = in.number() != 0.0;
        for (double& x : predicted_) x = in.number();
        sketch_.load(in);
        products_ = in.matrix();
        multiplied_ = products_.cols();
        direct_.load(in);
        rest_.load(in);
        explain();
        require_same_operator(a_, first_form_, options_.seed, options_.file.string(), trace_function);
    }

    void remember(MatrixView z, MatrixView y) {
        if (first_form_ == 0.0) first_form_ = z.col(0).dot(y.col(0));
        symmetry_.add(z, y);
    }

    /// One more block of the sketch; the products serve Hutchinson's estimate as well.
    void grow_sketch(Index count) {
        const Matrix y = sketch_.grow(a_, count, trace_function);
        remember(sketch_.grown(), y);
        if (method_ != TraceMethod::xtrace) direct_.add(sketch_.grown(), y);
    }

    /// In whole blocks, each of which the file gets; what is beyond the last whole block is not kept.
    void grow_sketch_to(Index size) {
        while (sketch_.size() + options_.block <= size) {
            grow_sketch(options_.block);
            save();
        }
        if (sketch_.size() < size) grow_sketch(size - sketch_.size());
    }

    // --- the decision -------------------------------------------------------------------------------------------

    double target_std_error() const {
        return options_.target->relative_error * std::abs(direct_.total().trace.mean) /
               student_factor(never, confidence());
    }

    double hutchinson_products() const {
        const double wanted = target_std_error();
        return wanted > 0.0 ? 2.0 * direct_.total().spread.mean / (wanted * wanted) : never;
    }

    /// |(I - P) A|_F^2 with a range of so many probes: a power law through what was seen with half of them and with
    /// all.
    double left_over_with(Index probes) const {
        const Index k = sketch_.size();
        const double now = left_over(sketch_), half = left_over(sketch_, k / 2);
        const double power =
            k >= 4 && now > 0.0 && half > now
                ? std::log(half / now) / std::log(static_cast<double>(k - 1) / static_cast<double>(k / 2))
                : 0.0;
        return now * std::pow(static_cast<double>(k - 1) / static_cast<double>(probes), power);
    }

    /// XTrace's estimates share their ranges: about twice the variance of as many independent ones (measured).
    double xtrace_variance(Index probes) const {
        return 4.0 * left_over_with(probes - 1) / static_cast<double>(probes);
    }

    void decide() {
        const Index m = options_.products;
        const bool target = options_.target.has_value();
        if (!target) sketch_.reserve(n_, std::min(n_, m / 3));
        grow_sketch_to(std::min({n_, m / 3, target ? pilot_probes : m}));
        if (target) {
            // Where Hutchinson would need many, a larger sketch shows how the spectrum goes on.
            if (needed_ == 0.0) needed_ = hutchinson_products();
            if (needed_ > 3.0 * pilot_probes) {
                const auto third = static_cast<Index>(std::min(static_cast<double>(m), needed_)) / 3;
                grow_sketch_to(std::min(
                    {n_, m / 3, largest_pilot, std::max(pilot_probes, third / options_.block * options_.block)}));
            }
        }
        const Index k = sketch_.size();
        const bool only = options_.method == TraceMethod::hutchpp;
        const bool with_xtrace = !only && options_.groups.groups.empty() && n_ > least_products;
        sketch_size_ = k;
        in_products_ = false;
        if (target && target_std_error() > 0.0) {
            // Products that the target will cost. XTrace must reach it with its wider interval.
            const double variance = target_std_error() * target_std_error();
            in_products_ = true;
            predicted_ = {hutchinson_products(), never, never};
            for (Index probes = k; 2 * probes + least_probes <= m && probes <= n_; probes += options_.block) {
                const double rest = 2.0 * left_over_with(probes - 1) / variance;
                const double cost =
                    2.0 * static_cast<double>(probes) + std::max(rest, static_cast<double>(least_probes));
                if (cost < predicted_[1]) {
                    predicted_[1] = cost;
                    sketch_size_ = probes;
                }
                if (with_xtrace && 4.0 * xtrace_variance(probes) <= variance)
                    predicted_[2] = std::min(predicted_[2], 2.0 * static_cast<double>(probes));
            }
        }
        if (!in_products_ || *std::min_element(predicted_.begin(), predicted_.end()) > static_cast<double>(m)) {
            in_products_ = false;
            predicted_ = {std::sqrt(2.0 * direct_.total().spread.mean / static_cast<double>(m)),
                          std::sqrt(2.0 * left_over_with(k - 1) / static_cast<double>(m - 2 * k)),
                          with_xtrace ? std::sqrt(xtrace_variance(std::min(n_, m) / 2)) : never};
            sketch_size_ = k;
        }
        const auto best = std::min_element(predicted_.begin(), predicted_.end());
        constexpr TraceMethod methods[] = {TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace};
        method_ = only ? TraceMethod::hutchpp : methods[best - predicted_.begin()];
        if (!only && target && n_ <= m && (!in_products_ || static_cast<double>(n_) <= *best))
            method_ = TraceMethod::exact;
        explain();
        save();
    }

    static std::string shown(double predicted) {
        return predicted == never ? "not considered" : fmt::format("{:.3g}", predicted);
    }

    void explain() {
        if (method_ == TraceMethod::exact)
            reason_ = fmt::format("{} products give the trace exactly", n_);
        else if (options_.method != TraceMethod::automatic)
            reason_ = "as asked for";
        else
            reason_ = fmt::format("predicted {}: Hutchinson {}, Hutch++ {}, XTrace {}",
                                  in_products_ ? "products until the target is reached"
                                               : "standard errors with these products",
                                  shown(predicted_[0]), shown(predicted_[1]), shown(predicted_[2]));
    }

    // --- the methods --------------------------------------------------------------------------------------------

    /// Whether every number of the interval is within the target; always false without one.
    bool reached(const TraceEstimate& e) const {
        if (!options_.target) return false;
        const double half = std::max(e.interval.upper - e.value, e.value - e.interval.lower);
        return half <= options_.target->relative_error * (std::abs(e.value) - half);
    }

    TraceEstimate finished(TraceEstimate e) const {
        e.confidence = confidence();
        e.method = method_;
        e.reason = reason_;
        e.status = !options_.target ? StoppingStatus::completed
                   : reached(e)     ? StoppingStatus::target_reached
                                    : StoppingStatus::product_limit;
        return e;
    }

    /// The next look after one with m probes.
    Index next_look(Index m) const {
        const auto more = static_cast<Index>(look_growth * static_cast<double>(m));
        return std::max(m + options_.block, (more + options_.block - 1) / options_.block * options_.block);
    }
    /// Whether a run that has come to so many probes looks at its target: it does where one of the looks, each after a
    /// quarter more probes, falls into its last block. So one that goes on from a file looks when one that was never
    /// interrupted does.
    bool looks_at(Index probes) const {
        if (!options_.target) return false;
        Index look = (least_probes + options_.block - 1) / options_.block * options_.block;
        while (look <= probes - options_.block) look = next_look(look);
        return look <= probes;
    }

    TraceEstimate exact() {
        const Matrix dense = all_products(a_, options_.block, trace_function);
        TraceEstimate e;
        e.value = dense.trace();
        e.samples = e.products = n_;
        const double rounding = rounding_of_sums(n_) * dense.diagonal().cwiseAbs().sum();
        e.interval = {e.value - rounding, e.value + rounding};
        for (const ParameterGroup& g : options_.groups.groups) {
            const double trace = dense.diagonal().segment(g.offset, g.size()).sum();
            IntervalEstimate group;
            group.value = trace;
            group.samples = group.products = n_;
            group.interval = {trace - rounding, trace + rounding};
            group.confidence = confidence();
            e.groups.push_back({g.name, group});
        }
        return finished(std::move(e));
    }

    /// inside + what the sums say, of the whole and of each group.
    TraceEstimate summary(const ProbeSums& sums, double inside, const Vector& group_inside, double rounding,
                          Index products) const {
        const auto interval = [&](IntervalEstimate& e, double half) {
            e.interval = {e.value - half, e.value + half};
            e.confidence = confidence();
            e.samples = sums.count();
            e.products = products;
        };
        TraceEstimate e;
        const TraceError error = trace_error(sums.total());
        e.value = inside + sums.total().trace.mean;
        e.std_error = error.std_error;
        const double noise = rounding + rounding_of_sums(n_) * sums.diagonal().cwiseAbs().sum();
        interval(e, student_factor(error.degrees_of_freedom, nominal()) * error.std_error + noise);
        for (std::size_t g = 0; g < options_.groups.groups.size(); ++g) {
            const ProbeSums::Group& group = sums.groups()[g];
            IntervalEstimate trace;
            trace.value = group_inside(static_cast<Index>(g)) + group.trace.mean;
            // Between once the variances of the entries (all coupling leaves the group) and twice (all stays in it).
            const double variance = std::clamp(group.trace.variance(), group.spread.mean, 2.0 * group.spread.mean);
            trace.std_error = std::sqrt(variance / static_cast<double>(sums.count()));
            interval(trace, student_factor(static_cast<double>(sums.count() - 1), nominal()) * trace.std_error + noise);
            e.groups.push_back({options_.groups.groups[g].name, trace});
        }
        return finished(std::move(e));
    }

    TraceEstimate hutchinson_run() {
        sketch_ = Sketch();
        const Vector none = Vector::Zero(static_cast<Index>(options_.groups.groups.size()));
        Matrix z;
        while (true) {
            const Index count = std::min(options_.block, options_.products - direct_.count());
            if (looks_at(direct_.count()) || count <= 0) {
                TraceEstimate e = summary(direct_, 0.0, none, 0.0, direct_.count());
                if (count <= 0 || reached(e)) return e;
            }
            resize_large(z, n_, count);
            sign_probes(options_.seed, direct_.count(), z);
            const Matrix y = multiply(a_, z, direct_.count(), trace_function);
            remember(z, y);
            direct_.add(z, y);
            if (count == options_.block) save();
        }
    }

    TraceEstimate hutchpp_run() {
        const Index m = options_.products;
        sketch_.reserve(n_, sketch_size_);
        grow_sketch_to(sketch_size_);
        while (sketch_.multiplied() < sketch_.size()) {
            sketch_.multiply_q(a_, options_.block, trace_function, options_.block);
            save();
        }
        const Matrix h = inner(sketch_.q(), sketch_.aq());
        require_symmetric(h, trace_function);
        // The diagonal of A - (I - P) A (I - P).
        Vector inside(n_);
        parallel_for(tall_chunks(n_), [&](Index c) {
            const Index first = c * tall_chunk, rows = tall_rows(c, n_);
            const auto q = sketch_.q().middleRows(first, rows);
            const Matrix outside = 2.0 * sketch_.aq().middleRows(first, rows) - q * h;
            inside.segment(first, rows) = q.cwiseProduct(outside).rowwise().sum();
        });
        const double rounding =
            rounding_of_sums(n_) * (h.diagonal().cwiseAbs().sum() + direct_.diagonal().cwiseAbs().sum());
        Vector groups(static_cast<Index>(options_.groups.groups.size()));
        for (Index g = 0; g < groups.size(); ++g) {
            const ParameterGroup& group = options_.groups.groups[static_cast<std::size_t>(g)];
            groups(g) = inside.segment(group.offset, group.size()).sum();
        }
        const Index paid = 2 * sketch_.size();
        Matrix z, outside;
        while (true) {
            const Index count = std::min(options_.block, m - paid - rest_.count());
            if (looks_at(rest_.count()) || count <= 0) {
                TraceEstimate e = summary(rest_, h.trace(), groups, rounding, paid + rest_.count());
                if (count <= 0 || reached(e)) return e;
            }
            resize_large(z, n_, count);
            resize_large(outside, n_, count);
            sign_probes(options_.seed, sketch_.size() + rest_.count(), z);
            outside = z;
            subtract_product(outside, sketch_.q(), inner(sketch_.q(), z));
            Matrix y = multiply(a_, outside, paid + rest_.count(), trace_function);
            subtract_product(y, sketch_.q(), inner(sketch_.q(), y));
            rest_.add(z, y);
            if (count == options_.block) save();
        }
    }

    TraceEstimate summary(const LeaveOneOut& found, Index products) const {
        TraceEstimate e;
        e.value = found.value();
        e.std_error = found.jackknife();
        e.samples = found.estimates.size();
        e.products = products;
        const double half =
            student_factor(static_cast<double>(e.samples - 1), confidence()) * e.std_error + found.rounding;
        e.interval = {e.value - half, e.value + half};
        return finished(std::move(e));
    }

    TraceEstimate xtrace_run() {
        // Beyond n / 2 probes, n products are cheaper and leave nothing to chance.
        const Index largest = std::min(n_, options_.products) / 2;
        if (!options_.target) sketch_.reserve(n_, largest);
        const auto multiply_q = [&] {
            while (sketch_.multiplied() < sketch_.size()) {
                sketch_.multiply_q(a_, options_.block, trace_function, options_.block);
                if (options_.method == TraceMethod::automatic || sketch_.size() % options_.block == 0) save();
            }
        };
        multiply_q();
        return leave_one_out_run(
            largest, [&] { return sketch_.size(); },
            [&](Index count) {
                grow_sketch(count);
                multiply_q();
            },
            [&] { return summary(xtrace_estimates(sketch_, false, trace_function), 2 * sketch_.size()); });
    }

    TraceEstimate xnystrace_run() {
        const Index largest = std::min(n_, options_.products);
        if (!options_.target) products_.conservativeResize(n_, std::max(largest, multiplied_));
        return leave_one_out_run(
            largest, [&] { return multiplied_; },
            [&](Index count) {
                const Matrix z = sign_probes(options_.seed, n_, multiplied_, count);
                const Matrix y = multiply(a_, z, multiplied_, trace_function);
                remember(z, y);
                if (multiplied_ + count > products_.cols())
                    products_.conservativeResize(n_, std::min(largest, std::max(multiplied_ + count, 2 * multiplied_)));
                products_.middleCols(multiplied_, count) = y;
                multiplied_ += count;
                if (count == options_.block) save();
            },
            [&] {
                const Matrix omega = sign_probes(options_.seed, n_, 0, multiplied_);
                return summary(xnystrace_estimates(omega, products_.leftCols(multiplied_), trace_function),
                               multiplied_);
            });
    }

    /// Grows by blocks up to `largest` probes and looks at the estimate in between; what that does not reach, n
    /// products may.
    template <typename Size, typename Grow, typename Look>
    TraceEstimate leave_one_out_run(Index largest, const Size& size, const Grow& grow, const Look& look) {
        while (true) {
            const Index count = std::min(options_.block, largest - size());
            if (count <= 0 || looks_at(size())) {
                TraceEstimate e = look();
                if (count <= 0 && !reached(e) && options_.products - e.products >= n_) {
                    const Index paid = e.products;
                    method_ = TraceMethod::exact;
                    e = exact();
                    e.products += paid;
                    return e;
                }
                if (count <= 0 || reached(e)) return e;
            }
            grow(count);
        }
    }

    const SymmetricOperator& a_;
    const TraceOptions& options_;
    Index n_;
    SymmetryCheck symmetry_;
    TraceMethod method_;
    std::string reason_;
    Sketch sketch_;
    Matrix products_;       ///< of XNysTrace, with room for more columns
    Index multiplied_ = 0;  ///< columns of it that are there
    Index sketch_size_ = 0; ///< of Hutch++; 0 while it is not known
    ProbeSums direct_;      ///< z'Az
    ProbeSums rest_;        ///< z'(I - P) A (I - P) z
    double first_form_ = 0.0;
    double needed_ = 0.0;                  ///< products of Hutchinson's estimate, as the first pilot predicts them
    bool in_products_ = false;             ///< what was predicted: products, or standard errors
    std::array<double, 3> predicted_ = {}; ///< for Hutchinson, Hutch++ and XTrace
    StateFile file_;
};

} // namespace

std::string_view name(TraceMethod method) {
    switch (method) {
    case TraceMethod::automatic:
        return "automatic";
    case TraceMethod::exact:
        return "exact";
    case TraceMethod::hutchinson:
        return "hutchinson";
    case TraceMethod::hutchpp:
        return "hutchpp";
    case TraceMethod::xtrace:
        return "xtrace";
    case TraceMethod::xnystrace:
        return "xnystrace";
    }
    return "";
}

std::string_view name(StoppingStatus status) {
    switch (status) {
    case StoppingStatus::completed:
        return "completed";
    case StoppingStatus::target_reached:
        return "target_reached";
    case StoppingStatus::product_limit:
        return "product_limit";
    }
    return "";
}

TraceEstimate estimate_trace(const SymmetricOperator& a, const TraceOptions& options) {
    check(a, options);
    return TraceRun(a, options).run();
}

} // namespace hessq
