#include "hessq/datasets/bundled.hpp"

#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(bundled)

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

struct ClassSum {
    std::string name;
    Index samples;
    double sum; ///< of all its inputs
};

// The classes in order, their sizes, and their sums up to the roundoff n * eps * sum of either program.
void check_classes(const Dataset& data, const std::vector<ClassSum>& expected) {
    BOOST_REQUIRE(data.class_names.size() == expected.size());
    for (Index k = 0; k < data.classes(); ++k) {
        const ClassSum& wanted = expected[static_cast<std::size_t>(k)];
        Index samples = 0;
        double sum = 0.0;
        for (Index s = 0; s < data.samples(); ++s)
            if (data.targets(0, s) == static_cast<double>(k)) {
                ++samples;
                sum += data.inputs.col(s).sum();
            }
        const double slack = static_cast<double>(samples * data.features()) * eps * wanted.sum;
        BOOST_TEST(data.class_names[static_cast<std::size_t>(k)] == wanted.name);
        BOOST_TEST(samples == wanted.samples);
        BOOST_TEST(std::abs(sum - wanted.sum) <= slack);
    }
}

} // namespace

// Sums computed with NumPy 2.4 from the same files.

BOOST_AUTO_TEST_CASE(digits_are_1797_images_of_64_pixels_in_0_to_1) {
    const Dataset data = bundled_dataset("digits");
    BOOST_TEST(data.samples() == 1797);
    BOOST_TEST(data.features() == 64);
    BOOST_TEST(data.feature_names.front() == "p00");
    BOOST_TEST(data.inputs.minCoeff() == 0.0);
    BOOST_TEST(data.inputs.maxCoeff() == 1.0);
    check_classes(data, {{"0", 178, 56415 / 16.0},
                         {"1", 182, 57007 / 16.0},
                         {"2", 177, 55566 / 16.0},
                         {"3", 183, 56151 / 16.0},
                         {"4", 181, 56239 / 16.0},
                         {"5", 182, 55915 / 16.0},
                         {"6", 181, 56336 / 16.0},
                         {"7", 179, 54289 / 16.0},
                         {"8", 174, 57408 / 16.0},
                         {"9", 180, 56392 / 16.0}});
}

BOOST_AUTO_TEST_CASE(iris_are_50_flowers_of_each_species) {
    const Dataset data = bundled_dataset("iris");
    BOOST_TEST(data.samples() == 150);
    BOOST_TEST(data.features() == 4);
    check_classes(data, {{"setosa", 50, 507.1}, {"versicolor", 50, 714.6}, {"virginica", 50, 857.0}});
}

BOOST_AUTO_TEST_CASE(breast_cancer_has_357_benign_and_212_malignant_and_malignant_is_class_1) {
    const Dataset data = bundled_dataset("breast_cancer");
    BOOST_TEST(data.samples() == 569);
    BOOST_TEST(data.features() == 30);
    check_classes(data, {{"benign", 357, 456901.1559296}, {"malignant", 212, 599573.303706}});
}

BOOST_AUTO_TEST_CASE(diabetes_are_442_patients_with_10_measures_and_a_number) {
    const Dataset data = bundled_dataset("diabetes");
    BOOST_TEST(data.samples() == 442);
    BOOST_TEST(data.features() == 10);
    BOOST_TEST(data.class_names.empty());
    BOOST_TEST(data.targets.sum() == 67243.0); // whole numbers: exact
    const Vector sums =
        (Vector(10) << 21445, 649, 11658.1, 41833.98, 83600, 51024.1, 22006.5, 1799.05, 2051.5036, 40337).finished();
    const Vector loaded = data.inputs.rowwise().sum();
    BOOST_TEST(((loaded - sums).array().abs() <= 442 * eps * sums.array()).all());
}

BOOST_AUTO_TEST_CASE(every_bundled_set_is_named_and_tells_its_origin) {
    for (const std::string& name : bundled_dataset_names()) {
        const Dataset data = bundled_dataset(name);
        BOOST_TEST(data.name == name);
        const std::string source = name == "diabetes" ? "Annals of Statistics" : "doi:10.24432";
        BOOST_TEST(data.origin.find(source) != std::string::npos);
        BOOST_TEST(data.feature_names.size() == static_cast<std::size_t>(data.features()));
    }
}

BOOST_AUTO_TEST_CASE(an_unknown_name_brings_the_nearest) {
    const auto message = [](const char* name) {
        return refusal<std::invalid_argument>([&] { (void)bundled_dataset(name); });
    };
    const std::string rule = "bundled_dataset: the name must be one of digits, iris, breast_cancer, diabetes; got ";
    BOOST_TEST(message("digit") == rule + "'digit' (did you mean digits?)");
    BOOST_TEST(message("imagenet") == rule + "'imagenet'");
}

BOOST_AUTO_TEST_CASE(a_program_in_the_build_tree_reads_the_source_tree) {
    BOOST_TEST(bundled_data_directory() == std::filesystem::path(HESSQ_TEST_DATA));
    const std::vector<std::filesystem::path> source = {HESSQ_TEST_DATA};
    BOOST_TEST(bundled_data_candidates(HESSQ_PROGRAM, "/opt/hessq/lib/libhessq.so") == source);
    const std::filesystem::path build = std::filesystem::path(HESSQ_PROGRAM).parent_path().parent_path();
    BOOST_TEST(bundled_data_candidates("/usr/bin/program", build / "lib/libhessq.so") == source);
}

BOOST_AUTO_TEST_CASE(an_installed_program_looks_beside_itself_then_beside_the_library_then_where_it_was_installed) {
    const std::vector<std::filesystem::path> places =
        bundled_data_candidates("/opt/mine/bin/program", "/usr/local/lib/x86_64-linux-gnu/libhessq.so.0.1");
    BOOST_TEST(places.size() == 3U);
    BOOST_TEST(places[0] == "/opt/mine/share/hessq/data");
    BOOST_TEST(places[1].string().starts_with("/usr/local/"));
    BOOST_TEST(places[1].string().ends_with("/share/hessq/data"));
    BOOST_TEST(places[2].is_absolute());
    BOOST_TEST(places[2] != std::filesystem::path(HESSQ_TEST_DATA));
}

BOOST_AUTO_TEST_CASE(a_folder_whose_name_begins_like_the_build_tree_is_not_in_it) {
    const std::filesystem::path build = std::filesystem::path(HESSQ_PROGRAM).parent_path().parent_path();
    BOOST_TEST(
        bundled_data_candidates(build.string() + "-old/apps/hessq", build.string() + "-old/lib/libhessq.so").size() ==
        3U);
}

BOOST_AUTO_TEST_SUITE_END()
