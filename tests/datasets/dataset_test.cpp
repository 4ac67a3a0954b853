#include "hessq/datasets/dataset.hpp"

#include "hessq/core/random.hpp"
#include "hessq/core/require.hpp"
#include "same.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(dataset)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

// Four samples of two features, two classes.
Dataset small() {
    Dataset data;
    data.name = "small";
    data.inputs = (Matrix(2, 4) << 1, 2, 3, 4, 5, 5, 5, 5).finished();
    data.targets = (Matrix(1, 4) << 0, 1, 1, 0).finished();
    data.class_names = {"no", "yes"};
    return data;
}

std::string message_of(const Dataset& data) {
    return refusal<InputError>([&] { validate(data); });
}

} // namespace

BOOST_AUTO_TEST_CASE(a_sound_data_set_is_valid) {
    Dataset data = small();
    BOOST_TEST(message_of(data) == "");
    BOOST_TEST(data.samples() == 4);
    BOOST_TEST(data.features() == 2);
    BOOST_TEST(data.classes() == 2);
    data.class_names.clear();
    data.targets = Matrix::Constant(3, 4, -0.5); // three real outputs
    BOOST_TEST(message_of(data) == "");
}

BOOST_AUTO_TEST_CASE(each_fault_is_named) {
    const auto faulty = [](const auto& spoil) {
        Dataset data = small();
        spoil(data);
        return message_of(data);
    };
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    BOOST_TEST(faulty([](Dataset& d) { d.inputs.resize(2, 0); }) ==
               "small: expected at least one sample and one feature; got 0 samples of 2 features");
    BOOST_TEST(faulty([](Dataset& d) { d.inputs.resize(0, 4); }) ==
               "small: expected at least one sample and one feature; got 4 samples of 0 features");
    BOOST_TEST(faulty([](Dataset& d) { d.targets.resize(1, 3); }) ==
               "small: expected one target for each sample; got 4 samples and 3 targets");
    BOOST_TEST(faulty([&](Dataset& d) { d.inputs(1, 2) = nan; }) ==
               "small: expected finite inputs; got NaN or infinity");
    BOOST_TEST(faulty([&](Dataset& d) { d.targets(0, 2) = infinity; }) ==
               "small: expected finite targets; got NaN or infinity");
    BOOST_TEST(faulty([](Dataset& d) { d.targets = Matrix::Zero(2, 4); }) ==
               "small: expected one row of class indices; got 2 rows");
    BOOST_TEST(faulty([](Dataset& d) { d.targets(0, 1) = 2.0; }) == "small: expected class indices 0, ..., 1; got 2");
    BOOST_TEST(faulty([](Dataset& d) { d.targets(0, 1) = -1.0; }) == "small: expected class indices 0, ..., 1; got -1");
    BOOST_TEST(faulty([](Dataset& d) { d.targets(0, 1) = 0.5; }) == "small: expected class indices 0, ..., 1; got 0.5");
    BOOST_TEST(faulty([](Dataset& d) { d.targets.setOnes(); }) ==
               "small: expected at least two classes among the targets; got 1");
}

BOOST_AUTO_TEST_CASE(standardized_1_2_3_4_is_the_closed_form) {
    const Dataset data = standardize_inputs(small());

    // Mean 5/2, variance 5/4: (x - 5/2) / sqrt(5/4) = (2x - 5) / sqrt(5).
    for (Index s = 0; s < 4; ++s)
        BOOST_TEST(std::abs(data.inputs(0, s) - (2.0 * static_cast<double>(s + 1) - 5.0) / std::sqrt(5.0)) <= 8 * eps);
    BOOST_TEST(same(data.targets, small().targets));
}

BOOST_AUTO_TEST_CASE(a_constant_feature_becomes_exactly_zero) {
    Dataset data = small();
    data.inputs.row(1).setConstant(0.1); // the mean of copies of 0.1 is not always 0.1
    BOOST_TEST((standardize_inputs(data).inputs.row(1).array() == 0.0).all());
}

BOOST_AUTO_TEST_CASE(every_scale_and_offset_is_standardized_to_mean_0_and_variance_1) {
    constexpr Index n = 1000;
    Dataset data;
    data.inputs.resize(5, n);
    const Vector z = normal_vector(RandomStream(1, 2), n);
    data.inputs.row(0) = z;
    data.inputs.row(1) = 1e307 * z;  // squares overflow
    data.inputs.row(2) = 1e-200 * z; // squares vanish
    data.inputs.row(3) = (1e8 + z.array()).matrix();
    data.inputs.row(4).setConstant(1.0);
    data.inputs(4, 0) = 1.0 - eps; // all but constant
    data.targets = z.transpose();

    const Dataset standard = standardize_inputs(data);

    for (Index i = 0; i < 5; ++i) {
        const auto row = standard.inputs.row(i).array();
        BOOST_TEST(std::abs(row.mean()) <= n * eps);
        BOOST_TEST(std::abs(row.square().mean() - 1.0) <= n * eps);
    }
}

BOOST_AUTO_TEST_CASE(standardizing_twice_changes_nothing_beyond_roundoff) {
    Dataset data = small();
    data.inputs.row(1) << 7, -1, 0, 3;
    const Dataset once = standardize_inputs(data);
    BOOST_TEST((standardize_inputs(once).inputs - once.inputs).cwiseAbs().maxCoeff() <= 16 * eps);
}

BOOST_AUTO_TEST_CASE(targets_are_standardized_only_if_they_are_numbers) {
    Dataset data = small();
    BOOST_TEST(refusal<std::invalid_argument>([&] { (void)standardize_targets(data); }) ==
               "standardize_targets: targets must be real numbers; got class labels");
    data.class_names.clear();
    const Dataset standard = standardize_targets(data);
    BOOST_TEST((standard.targets - (Matrix(1, 4) << -1, 1, 1, -1).finished()).cwiseAbs().maxCoeff() <= 4 * eps);
    BOOST_TEST(same(standard.inputs, data.inputs));
}

BOOST_AUTO_TEST_SUITE_END()
