#include "hessq/results/comparison.hpp"

#include "hessq/core/random.hpp"
#include "hessq/datasets/npy.hpp"
#include "hessq/datasets/synthetic.hpp"
#include "hessq/objectives/mlp.hpp"
#include "hessq/theory/run_observer.hpp"
#include "support/json.hpp"
#include "support/messages.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>

using namespace hessq;
using namespace hessq::test;
using Json = nlohmann::json;

BOOST_AUTO_TEST_SUITE(comparison)

namespace {

/// Gradient descent, nothing of the library's own.
NewtonComparison observed(bool full_batch, const Preconditioner* yours = nullptr) {
    const Mlp loss = softmax_regression(softmax_data(60, 4, 3).data);
    RunObserver observer(loss, {.batch = 60, .sampling = Sampling::epochs, .full_batch = full_batch});
    if (yours) observer.compare_too(*yours);
    Vector w = 0.1 * normal_vector(RandomStream(3, 0), 15);
    for (int t = 1; t <= 12; ++t) {
        const Vector g = loss.gradient(w);
        (void)observer.observe(w, g);
        w -= 0.5 * g;
        if (t == 4 || t == 12) (void)observer.checkpoint(w);
    }
    return observer.comparison();
}

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_folder_holds_the_keys_of_compare_and_the_arrays_of_the_last_checkpoint) {
    const TemporaryFolder folder;
    const NewtonComparison found = observed(true);
    write_comparison(folder / "out", found, {.name = "my net", .settings = {{"Optimizer", "my <own>"}}});
    const Json json = test::json_in(folder / "out" / "result.json");
    BOOST_TEST(json["schema"] == "hessq/compare/1");
    BOOST_TEST(json["problem"]["name"] == "my net");
    BOOST_TEST(json["problem"]["parameters"] == 15);
    BOOST_TEST(json["finding"].get<std::string>() == finding_of(found));
    BOOST_TEST_REQUIRE(json["checkpoints"].size() == 2u);
    const Json& last = json["checkpoints"][1];
    BOOST_TEST(last["step"] == 12);
    BOOST_TEST(last["loss"].get<double>() == found.checkpoints[1].loss);
    BOOST_TEST(last["exponent"]["minibatch"]["value"].get<double>() ==
               found.checkpoints[1].minibatch.exponent->exponent.value);
    for (const char* name : {"adam", "rmsprop", "sgd", "full_matrix", "gauss_newton_diagonal"})
        BOOST_TEST(last["preconditioners"][name]["cos_newton"].is_number(), name);
    BOOST_TEST((load_npy_vector(folder / "out" / "theta.npy") == found.theta));
    BOOST_TEST((load_npy(folder / "out" / "hessian.npy") == found.hessian));
    const std::string html = content_of(folder / "out" / "report.html");
    for (const char* text : {"Newton against Adam: my net", "my &lt;own&gt;", "step 12", "step 4"})
        BOOST_TEST(html.find(text) != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(a_method_of_your_own_is_in_the_tables_the_figures_and_the_file) {
    const TemporaryFolder folder;
    const auto yours = diagonal_preconditioner(Vector::LinSpaced(15, 1.0, 2.0), "my metric");
    const NewtonComparison found = observed(true, yours.get());
    BOOST_TEST(method_table(found.checkpoints.back()).str().find("\nmy metric ") != std::string::npos);
    BOOST_TEST(test::json_of(comparison_json(found))["checkpoints"][0]["preconditioners"]["my metric"]["cos_newton"]
                   .is_number());
}

BOOST_AUTO_TEST_CASE(what_was_not_measured_is_left_out) {
    const NewtonComparison found = observed(false);
    const Json json = test::json_of(comparison_json(found));
    BOOST_TEST(json["loss_curve"].empty());
    BOOST_TEST(json["checkpoints"][0]["exponent"]["full_batch"].is_null());
    BOOST_TEST(finding_of(found).find("Full-batch") == std::string::npos);
    HtmlReport with("t", "f", {.gnuplot = "no-such-program"}), without("t", "f", {.gnuplot = "no-such-program"});
    add_comparison(with, observed(true));
    add_comparison(without, found);
    BOOST_TEST(with.str().find("Full-batch second moment") != std::string::npos);
    BOOST_TEST(without.str().find("Full-batch second moment") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_run_that_went_up_is_told_first) {
    NewtonComparison found = observed(true);
    BOOST_TEST(finding_of(found).find("The loss rose") == std::string::npos);
    found.checkpoints.front().loss = 0.25;
    found.checkpoints.back().loss = 40.0;
    BOOST_TEST(finding_of(found).starts_with("The loss rose from 0.25 to 40 over the run: "));
}

BOOST_AUTO_TEST_CASE(a_newton_step_that_goes_up_is_no_measure_of_others) {
    NewtonComparison found = observed(true);
    BOOST_TEST(finding_of(found).find("No damping") == std::string::npos);
    for (MethodComparison& row : found.checkpoints.back().methods) {
        row.step.decrease_actual = -1.0;
        row.newton_fraction = std::numeric_limits<double>::quiet_NaN();
    }
    BOOST_TEST(
        finding_of(found).ends_with("No damping makes the Newton step lower the loss here, so the rows say little."));
    BOOST_TEST(finding_of(found).find("of what Newton's does") == std::string::npos);
    BOOST_TEST(finding_of(found).find("that lowers the loss most") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_law_that_is_named_is_the_one_the_interval_meets) {
    NewtonComparison found = observed(false);
    const auto says = [&](Interval interval, const std::string& words) {
        found.checkpoints.back().minibatch.exponent->interval = interval;
        const std::string finding = finding_of(found);
        BOOST_TEST((finding.find(words + "; the claim that v") != std::string::npos), finding);
    };
    says({0.9, 1.1}, "compatible with the Fisher law (q = 1), which the 95 % interval from 0.90 to 1.10 contains");
    says({0.5, 0.86}, "the Fisher law (q = 1), which the 95 % interval from 0.50 to 0.86 misses by at most 0.15");
    says({2.14, 2.6},
         "the Hessian-squared law (q = 2), which the 95 % interval from 2.14 to 2.60 misses by at most 0.15");
    says({0.4, 0.84}, "compatible with neither the Fisher law (q = 1) nor the Hessian-squared law (q = 2)");
    says({1.1, 1.9}, "too uncertain to tell the Fisher law (q = 1) from the Hessian squared");
}

BOOST_AUTO_TEST_CASE(nothing_to_report_is_refused) {
    BOOST_CHECK_EXCEPTION((void)finding_of(NewtonComparison{}), std::invalid_argument,
                          says("a comparison: there must be at least one checkpoint; got 0"));
}

BOOST_AUTO_TEST_SUITE_END()
