#include "hessq/estimators/trace.hpp"

#include "hessq/core/dense.hpp"
#include "hessq/core/parallel.hpp"
#include "hessq/core/require.hpp"
#include "hessq/estimators/xtrace.hpp"

#include <boost/test/unit_test.hpp>

#include "support/judged_spectra.hpp"
#include "support/matrices.hpp"
#include "support/messages.hpp"
#include "support/temporary_folder.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>

using namespace hessq;
using namespace hessq::test;

BOOST_AUTO_TEST_SUITE(trace)

namespace {

constexpr std::array methods = {TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace,
                                TraceMethod::xnystrace, TraceMethod::automatic};

bool covers(const IntervalEstimate& e, double truth) { return e.interval.lower <= truth && truth <= e.interval.upper; }

/// The same operator, which counts its products and refuses the one that would be more than `limit`.
struct Counted {
    explicit Counted(const SymmetricOperator& a, Index most = std::numeric_limits<Index>::max())
        : op(a.dimension(), [a, paid = count, most](MatrixView v) -> Matrix {
              *paid += v.cols();
              if (*paid > most) throw std::runtime_error("interrupted");
              return a * v;
          }) {}
    std::shared_ptr<Index> count = std::make_shared<Index>(0);
    SymmetricOperator op;
};

bool same(const IntervalEstimate& a, const IntervalEstimate& b) {
    return a.value == b.value && a.std_error == b.std_error && a.samples == b.samples && a.products == b.products &&
           a.interval.lower == b.interval.lower && a.interval.upper == b.interval.upper;
}

bool same(const TraceEstimate& a, const TraceEstimate& b) {
    if (a.groups.size() != b.groups.size()) return false;
    for (std::size_t g = 0; g < a.groups.size(); ++g)
        if (!same(a.groups[g].trace, b.groups[g].trace)) return false;
    return same(static_cast<const IntervalEstimate&>(a), b) && a.method == b.method && a.status == b.status &&
           a.reason == b.reason;
}

ParameterLayout halves(Index first, Index second) {
    ParameterLayout layout;
    layout.append("first", first);
    layout.append("second", second);
    return layout;
}

Matrix decaying(Index n) { return with_spectrum(Vector::LinSpaced(n, 0.0, -8.0).array().exp(), 5); }

} // namespace

BOOST_AUTO_TEST_CASE(every_method_pays_what_it_says_and_comes_near) {
    const Matrix a = decaying(80);
    for (const TraceMethod method : methods) {
        const Counted counted(dense_operator(a));
        const TraceEstimate e = estimate_trace(counted.op, {.method = method, .products = 61, .seed = 3});
        BOOST_TEST(*counted.count == e.products, name(method));
        BOOST_TEST(e.products >= 60);
        BOOST_TEST(e.products <= 61);
        BOOST_TEST((e.status == StoppingStatus::completed));
        BOOST_TEST(std::abs(e.value - a.trace()) <= 5.0 * e.std_error, name(method));
        BOOST_TEST(e.interval.upper - e.value > e.std_error);
        BOOST_TEST(e.confidence == 0.95);
    }
}

BOOST_AUTO_TEST_CASE(xnystrace_is_the_same_with_and_without_a_choice) {
    const SymmetricOperator a = dense_operator(decaying(80));
    const TraceEstimate e = estimate_trace(a, {.method = TraceMethod::xnystrace, .products = 30, .seed = 3});
    BOOST_TEST(same(e, xnystrace(a, {.samples = 30, .seed = 3})));
    BOOST_TEST(e.products == 30);
}

BOOST_AUTO_TEST_CASE(xtrace_is_the_same_with_and_without_a_choice) {
    const SymmetricOperator a = dense_operator(decaying(80));
    const TraceEstimate e = estimate_trace(a, {.method = TraceMethod::xtrace, .products = 60, .seed = 3});
    const LeaveOneOutEstimate x = xtrace(a, {.samples = 30, .seed = 3});
    BOOST_TEST(same(e, x));
    BOOST_TEST(e.reason == "as asked for");
}

BOOST_AUTO_TEST_CASE(intervals_cover_as_they_say_on_every_spectrum) {
    // 400 seeds: Binomial(400, 0.95) has mean 380 and sd 4.4; 3.5 sd are 15. The bounds hold for each of 18 numbers.
    // Where the range holds all of A, rounding is what the interval is made of, and it covers always.
    for (const NamedSpectrum& s : judged_spectra(128)) {
        const SymmetricOperator a = dense_operator(with_spectrum(s.values, 4));
        for (const TraceMethod method : {TraceMethod::hutchinson, TraceMethod::hutchpp}) {
            int covered = 0;
            for (std::uint64_t seed = 0; seed < 400; ++seed)
                covered += covers(estimate_trace(a, {.method = method, .products = 30, .seed = seed}), s.values.sum());
            BOOST_TEST(covered >= 365, s.name << " " << name(method));
            BOOST_TEST(covered <= 395, s.name << " " << name(method));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_error_of_hutchinsons_estimate_is_better_known_than_by_the_spread_of_its_samples) {
    // z'Az of one dominating direction: |A|_F^2 times a chi-square variable with one degree of freedom. The mean of
    // std_error^2 is 2 sum_{i != j} A_ij^2 / m; its relative variance is 2 / m where that of the spread is 14 / m.
    Vector values = Vector::Constant(128, 1e-3);
    values(0) = 1.0;
    const Matrix a = with_spectrum(values, 6);
    const SymmetricOperator op = dense_operator(a);
    const double truth = 2.0 * (a.squaredNorm() - a.diagonal().squaredNorm()) / 32.0;
    double mean = 0.0, square = 0.0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        const double relative =
            std::pow(estimate_trace(op, {.method = TraceMethod::hutchinson, .products = 32, .seed = seed}).std_error,
                     2) /
                truth -
            1.0;
        mean += relative / 400.0;
        square += relative * relative / 400.0;
    }
    BOOST_TEST(std::abs(mean) <= 4.0 * 0.25 / 20.0);
    BOOST_TEST(square == 2.0 / 32.0, boost::test_tools::tolerance(0.5));
}

BOOST_AUTO_TEST_CASE(the_pilot_picks_the_method_that_is_the_most_accurate) {
    // Root mean square errors of 30 seeds; one that is within a factor 2 of the best is no mistake.
    for (const NamedSpectrum& s : judged_spectra(128)) {
        const SymmetricOperator a = dense_operator(with_spectrum(s.values, 4));
        std::map<TraceMethod, double> square;
        std::map<TraceMethod, int> chosen;
        for (std::uint64_t seed = 0; seed < 30; ++seed)
            for (const TraceMethod method : methods) {
                if (method == TraceMethod::xnystrace) continue; // some have negative eigenvalues
                const TraceEstimate e = estimate_trace(a, {.method = method, .products = 60, .seed = seed});
                square[method] += std::pow(e.value - s.values.sum(), 2);
                if (method == TraceMethod::automatic) ++chosen[e.method];
            }
        double best = std::numeric_limits<double>::infinity();
        for (const TraceMethod method : {TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace})
            best = std::min(best, square[method]);
        const double rounding = 1e-24 * s.values.squaredNorm();
        BOOST_TEST(square[TraceMethod::automatic] <= 4.0 * best + rounding, s.name);
        if (s.name == "flat") BOOST_TEST(chosen[TraceMethod::hutchinson] == 30);
        if (s.name == "0.7^i") BOOST_TEST(chosen[TraceMethod::xtrace] == 30);
    }
    const TraceEstimate e = estimate_trace(dense_operator(decaying(80)), {.products = 60});
    BOOST_TEST(e.reason.starts_with("predicted standard errors with these products: Hutchinson "), e.reason);
}

BOOST_AUTO_TEST_CASE(as_many_products_as_dimensions_give_the_trace_exactly) {
    const Matrix a = random_symmetric(50, 3);
    const Counted counted(dense_operator(a));
    const TraceEstimate e = estimate_trace(counted.op, {.products = 50, .groups = halves(20, 30)});
    BOOST_TEST((e.method == TraceMethod::exact));
    BOOST_TEST(*counted.count == 50);
    BOOST_TEST(std::abs(e.value - a.trace()) <= 50 * eps * a.norm());
    BOOST_TEST(std::abs(e.groups[0].trace.value - a.diagonal().head(20).sum()) <= 50 * eps * a.norm());
    BOOST_TEST(e.reason == "50 products give the trace exactly");
}

BOOST_AUTO_TEST_CASE(small_and_zero_operators_work) {
    for (const TraceMethod method : methods) {
        for (const bool target : {false, true}) {
            TraceOptions options = {.method = method};
            if (target) options.target = Target{};
            const TraceEstimate e = estimate_trace(diagonal_operator(Vector::Constant(1, -2.5)), options);
            BOOST_TEST(std::abs(e.value + 2.5) <= 64 * eps, name(method));
            BOOST_TEST(covers(e, -2.5));
            const TraceEstimate zero = estimate_trace(diagonal_operator(Vector::Zero(200)), options);
            BOOST_TEST(zero.value == 0.0);
            BOOST_TEST(zero.std_error == 0.0);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_target_stops_when_it_is_reached_and_says_when_it_is_not) {
    const Matrix a = with_spectrum(Vector::LinSpaced(200, 1.0, 3.0), 8);
    for (const TraceMethod method : methods) {
        const Counted counted(dense_operator(a));
        const TraceEstimate e =
            estimate_trace(counted.op, {.method = method, .products = 2000, .target = Target{.relative_error = 0.03}});
        BOOST_TEST((e.status == StoppingStatus::target_reached), name(method));
        BOOST_TEST(*counted.count == e.products);
        BOOST_TEST(e.interval.upper - e.value <= 0.03 * e.interval.lower);
        const TraceEstimate capped = estimate_trace(
            dense_operator(a), {.method = method, .products = 60, .target = Target{.relative_error = 1e-5}});
        BOOST_TEST((capped.status == StoppingStatus::product_limit), name(method));
        BOOST_TEST(capped.products <= 60);
        BOOST_TEST(capped.products >= 58);
    }
    BOOST_TEST(name(StoppingStatus::product_limit) == "product_limit");
}

BOOST_AUTO_TEST_CASE(an_interval_keeps_its_coverage_when_it_decides_itself_when_to_stop) {
    // 400 seeds as above; targets that take several looks.
    for (const NamedSpectrum& s : judged_spectra(128)) {
        const double relative = s.name == "flat" ? 0.01 : s.name == "+-1/i" || s.name == "i^-2" ? 0.4 : 0.06;
        if (s.name == "huge step" || s.name == "indefinite") continue;
        const SymmetricOperator a = dense_operator(with_spectrum(s.values, 4));
        int covered = 0, reached = 0;
        double products = 0.0;
        for (std::uint64_t seed = 0; seed < 400; ++seed) {
            const TraceEstimate e = estimate_trace(a, {.method = TraceMethod::hutchinson,
                                                       .products = 2000,
                                                       .target = Target{.relative_error = relative},
                                                       .seed = seed});
            covered += covers(e, s.values.sum());
            reached += e.status == StoppingStatus::target_reached;
            products += static_cast<double>(e.products) / 400.0;
        }
        BOOST_TEST(reached == 400, s.name);
        BOOST_TEST(products > 20.0, s.name);
        BOOST_TEST(covered >= 365, s.name);
        BOOST_TEST(covered <= 395, s.name);
    }
}

BOOST_AUTO_TEST_CASE(an_interrupted_run_ends_with_the_same_bytes) {
    const TemporaryFolder folder;
    const SymmetricOperator a = dense_operator(decaying(90));
    for (const TraceMethod method : methods)
        for (const double relative : {0.0, 0.2, 0.02}) {
            TraceOptions options = {.method = method, .products = 77, .seed = 4, .block = 8};
            if (relative > 0.0) options.target = Target{.relative_error = relative};
            if (method == TraceMethod::hutchinson || method == TraceMethod::hutchpp) options.groups = halves(40, 50);
            const TraceEstimate whole = estimate_trace(a, options);
            for (const Index after : {8, 20, 30, 45, 60, 70}) {
                options.file = folder / "state";
                std::filesystem::remove(options.file);
                if (after >= whole.products) continue;
                BOOST_CHECK_THROW((void)estimate_trace(Counted(a, after).op, options), std::runtime_error);
                const Counted rest(a);
                const TraceEstimate resumed = estimate_trace(rest.op, options);
                BOOST_TEST(same(resumed, whole), name(method) << " " << relative << " after " << after);
                // At most a block and a tail were lost, and one product compared the operators.
                BOOST_TEST(*rest.count <= whole.products - after + 17);
            }
        }
}

BOOST_AUTO_TEST_CASE(few_products_are_enough_for_every_method_and_never_exceeded) {
    const SymmetricOperator a = diagonal_operator(Vector::LinSpaced(60, 1.0, 60.0).array().square().inverse());
    for (const TraceMethod method : methods)
        for (Index products = 24; products <= 36; ++products)
            for (const bool groups : {false, true}) {
                TraceOptions options = {.method = method, .products = products, .target = Target{}};
                if (groups && (method == TraceMethod::xtrace || method == TraceMethod::xnystrace)) continue;
                if (groups) options.groups = halves(20, 40);
                const TraceEstimate e = estimate_trace(a, options);
                BOOST_TEST(e.products <= products, name(method));
                BOOST_TEST(std::isfinite(e.std_error), name(method));
            }
}

BOOST_AUTO_TEST_CASE(a_finished_run_answers_the_same_when_it_is_asked_again) {
    // A pilot that is no whole number of blocks, and fewer products than the file has.
    const TemporaryFolder folder;
    const SymmetricOperator a = dense_operator(Matrix::Ones(50, 50) + 30.0 * Matrix::Identity(50, 50));
    TraceOptions options = {
        .products = 40, .target = Target{.relative_error = 0.2}, .block = 16, .file = folder / "automatic"};
    const TraceEstimate first = estimate_trace(a, options);
    BOOST_TEST(same(estimate_trace(a, options), first));
    options = {.method = TraceMethod::xnystrace, .products = 48, .file = folder / "xnystrace"};
    const TraceEstimate more = estimate_trace(dense_operator(decaying(60)), options);
    options.products = 24;
    BOOST_TEST(same(estimate_trace(dense_operator(decaying(60)), options), more));
}

BOOST_AUTO_TEST_CASE(more_probes_extend_an_earlier_result) {
    const TemporaryFolder folder;
    const SymmetricOperator a = dense_operator(decaying(90));
    for (const TraceMethod method : {TraceMethod::hutchinson, TraceMethod::xtrace, TraceMethod::xnystrace}) {
        TraceOptions options = {.method = method, .products = 40, .seed = 4, .block = 8, .file = folder / name(method)};
        (void)estimate_trace(a, options);
        options.products = 83;
        const Counted rest(a);
        const TraceEstimate extended = estimate_trace(rest.op, options);
        options.file.clear();
        BOOST_TEST(same(extended, estimate_trace(a, options)), name(method));
        BOOST_TEST(*rest.count <= 45 + 8, name(method));
    }
}

BOOST_AUTO_TEST_CASE(a_file_of_something_else_is_refused) {
    const TemporaryFolder folder;
    const SymmetricOperator a = dense_operator(decaying(60));
    TraceOptions options = {.method = TraceMethod::hutchinson, .products = 32, .block = 8, .file = folder / "state"};
    (void)estimate_trace(a, options);
    const std::string path = options.file.string();

    TraceOptions other = options;
    other.seed = 1;
    BOOST_TEST(refusal<InputError>([&] { (void)estimate_trace(a, other); }) ==
               path + ": expected the state of \"estimate_trace hutchinson n=60 seed=1 block=8\"; got that of "
                      "\"estimate_trace hutchinson n=60 seed=0 block=8\"");
    BOOST_TEST(refusal<InputError>([&] {
                   (void)estimate_trace(dense_operator(random_symmetric(60, 1)), options);
               }).starts_with(path + ": expected the operator that it was made with, z'Az = "));
    std::filesystem::resize_file(options.file, std::filesystem::file_size(options.file) - 8);
    BOOST_TEST(refusal<InputError>([&] { (void)estimate_trace(a, options); }) ==
               path + ": expected all of its numbers; got a damaged file");
    options.file = folder.write("letter", "Dear reader\n");
    BOOST_TEST(refusal<InputError>([&] { (void)estimate_trace(a, options); }) ==
               options.file.string() + ": expected a file of a hessq estimate; got another file");
}

BOOST_AUTO_TEST_CASE(groups_add_up_to_the_trace_and_cover_as_they_say) {
    // A block matrix with coupling. Binomial(400, 0.95) as above; Student's t of skewed sums is given 1 % less.
    const Matrix a = with_spectrum(Vector::LinSpaced(60, -1.0, 3.0), 9);
    const SymmetricOperator op = dense_operator(a);
    for (const TraceMethod method : {TraceMethod::hutchinson, TraceMethod::hutchpp}) {
        int covered = 0;
        for (std::uint64_t seed = 0; seed < 400; ++seed) {
            const TraceEstimate e =
                estimate_trace(op, {.method = method, .products = 48, .seed = seed, .groups = halves(20, 40)});
            BOOST_TEST(std::abs(e.groups[0].trace.value + e.groups[1].trace.value - e.value) <= 1e3 * eps * a.norm());
            covered += covers(e.groups[0].trace, a.diagonal().head(20).sum());
        }
        BOOST_TEST(covered >= 361, name(method));
        BOOST_TEST(covered <= 395, name(method));
    }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes_on_one_thread_and_on_four) {
    const SymmetricOperator a = dense_operator(decaying(150));
    for (const TraceMethod method : methods) {
        const auto estimate = [&](int threads) {
            const ThreadLimit limit(threads);
            return estimate_trace(a, {.method = method, .products = 90});
        };
        BOOST_TEST(same(estimate(1), estimate(4)), name(method));
    }
}

BOOST_AUTO_TEST_CASE(an_operator_that_is_not_symmetric_is_refused_with_what_was_measured) {
    // A symmetric matrix with one entry of size 1e-3 |A|_F on one side only: |A - A'|_F / |A|_F = 1.4e-3.
    Matrix a = random_symmetric(40, 3);
    a(3, 7) += 1e-3 * a.norm();
    const SymmetricOperator op(40, [a](MatrixView v) -> Matrix { return a * v; });
    for (const TraceMethod method : methods)
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            const std::string message = refusal<std::invalid_argument>(
                [&] { (void)estimate_trace(op, {.method = method, .products = 36, .seed = seed}); });
            const std::string start =
                "estimate_trace: the operator must be symmetric to 1e-6; measured |A - A'| / |A|; got ";
            BOOST_TEST_REQUIRE(message.starts_with(start), message);
            const double measured = std::stod(message.substr(start.size()));
            BOOST_TEST(measured >= 1.4e-4);
            BOOST_TEST(measured <= 1.4e-2);
        }
}

BOOST_AUTO_TEST_CASE(a_product_that_is_not_finite_stops_at_once_and_is_named) {
    const auto seen = std::make_shared<Index>(0);
    const SymmetricOperator op(
        40,
        [seen](MatrixView v) -> Matrix {
            Matrix y = v;
            if ((*seen += v.cols()) > 16) y(5, 2) = std::numeric_limits<double>::infinity();
            return y;
        },
        "Hessian");
    BOOST_CHECK_EXCEPTION(
        (void)estimate_trace(op, {.method = TraceMethod::hutchinson, .products = 30, .block = 8}), NumericalError,
        says("estimate_trace, products 16 to 23: Hessian product is not finite: entry (5, 2) is inf"));
    BOOST_TEST(*seen == 24);
}

BOOST_AUTO_TEST_CASE(options_out_of_range_are_refused) {
    const SymmetricOperator a = identity_operator(10);
    const auto message = [&](const TraceOptions& options) {
        return refusal<std::invalid_argument>([&] { (void)estimate_trace(a, options); });
    };
    BOOST_TEST(message({.products = 23}) == "estimate_trace: products must be at least 24; got 23");
    BOOST_TEST(message({.confidence = 0.0}) == "estimate_trace: confidence must lie between 0 and 1; got 0");
    BOOST_TEST(message({.block = 1}) == "estimate_trace: block must be at least 2; got 1");
    BOOST_TEST(message({.target = Target{.relative_error = 1.0}}) ==
               "estimate_trace: relative_error must lie between 0 and 1; got 1");
    BOOST_TEST(message({.target = Target{.confidence = 1.5}}) ==
               "estimate_trace: confidence must lie between 0 and 1; got 1.5");
    BOOST_TEST(message({.groups = halves(3, 4)}) == "estimate_trace: the groups must have 10 entries; got 7");
    ParameterLayout overlapping = halves(3, 7);
    overlapping.groups[1].offset = 2;
    BOOST_TEST(message({.groups = overlapping}) ==
               "estimate_trace: each group must begin where the one before it ends, " + overlapping.groups[1].name +
                   " at 3; got 2");
    BOOST_TEST(message({.method = TraceMethod::xtrace, .groups = halves(3, 7)}) ==
               "estimate_trace: groups need another method; got xtrace");
}

BOOST_AUTO_TEST_SUITE_END()
