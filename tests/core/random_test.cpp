#include "hessq/core/random.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <vector>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(random_)

namespace {

constexpr Index draws = 100000;
constexpr double eps = std::numeric_limits<double>::epsilon();

template <class Entry>
Vector sample(const Entry& entry) {
    return Vector::NullaryExpr(draws, [&](Index i) { return entry(static_cast<std::uint64_t>(i)); });
}

/// The largest distance between the sample's distribution function and the true one, times sqrt(n).
template <class Cdf>
double kolmogorov(Vector x, const Cdf& cdf) {
    std::sort(x.begin(), x.end());
    const auto n = static_cast<double>(x.size());
    double distance = 0.0;
    for (Index i = 0; i < x.size(); ++i) {
        const double below = cdf(x(i)) - static_cast<double>(i) / n;
        distance = std::max({distance, below, 1.0 / n - below});
    }
    return distance * std::sqrt(n);
}

// P(sqrt(n) D > x) <= 2 exp(-2 x^2) (Dvoretzky, Kiefer, Wolfowitz; constant by Massart): 1e-9 at this x.
const double kolmogorov_bound = std::sqrt(std::log(2e9) / 2.0);

// A mean of n independent terms of variance 1 stays within six sigma.
const double six_sigma = 6.0 / std::sqrt(static_cast<double>(draws));

double correlation(const Vector& x, const Vector& y) {
    const Eigen::ArrayXd a = x.array() - x.mean(), b = y.array() - y.mean();
    return (a * b).mean() / std::sqrt(a.square().mean() * b.square().mean());
}

} // namespace

// The counter is (index, stream), the key is the seed, low words first; the four 32-bit results are those of the file
// kat_vectors that comes with Random123.
BOOST_AUTO_TEST_CASE(draws_are_the_known_answers_of_philox_4x32_10) {
    const struct {
        std::uint64_t seed, stream, index;
        std::uint32_t answer[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (const auto& k : known) {
        const RandomStream stream(k.seed, k.stream);
        const std::uint64_t first = std::uint64_t{k.answer[0]} << 32 | k.answer[1];
        const std::uint64_t second = std::uint64_t{k.answer[2]} << 32 | k.answer[3];
        const auto unit = [](std::uint64_t bits) { return std::ldexp(static_cast<double>(bits >> 12) + 0.5, -52); };
        constexpr Index most = std::numeric_limits<Index>::max();
        BOOST_TEST(stream.uniform(k.index) == unit(first));
        BOOST_TEST(stream.sign(k.index) == (first >> 63 ? 1.0 : -1.0));
        BOOST_TEST(stream.integer(k.index, most) == static_cast<Index>(first % static_cast<std::uint64_t>(most)));
        const double normal = std::sqrt(-2.0 * std::log(unit(first))) * std::cos(2.0 * std::numbers::pi * unit(second));
        BOOST_TEST(std::abs(stream.normal(k.index) - normal) <= 4.0 * eps);
    }
}

// From another implementation of Philox, in Python. Everything but the normals is exact on every machine.
BOOST_AUTO_TEST_CASE(seed_42_stream_7_never_changes) {
    const RandomStream stream(42, 7);
    const Index integers[] = {484, 830, 189, 744, 569, 782, 424, 199};
    for (std::uint64_t i = 0; i < 8; ++i) BOOST_TEST(stream.integer(i, 1000) == integers[i]);
    const double uniforms[] = {0x1.9fb9bcb395506p-2, 0x1.cbbbd280c01edp-1, 0x1.2767e37780054p-3};
    for (std::uint64_t i = 0; i < 3; ++i) BOOST_TEST(stream.uniform(i) == uniforms[i]);
    const Vector signs{{-1, 1, -1, 1, 1, -1, -1, 1, -1, -1, 1, -1}};
    BOOST_TEST(sign_vector(stream, 12).cwiseEqual(signs).all());
    const Vector normals{{-1.1917784202360697, -0.42958519782987814, -1.0569981046932508, -1.02792033814408}};
    BOOST_TEST((normal_vector(stream, 4) - normals).cwiseAbs().maxCoeff() <= 8.0 * eps);
    const std::vector<Index> order = {2, 6, 1, 5, 4, 0, 3, 7};
    BOOST_TEST(random_permutation(stream, 8) == order, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_vector_continues_where_another_stopped) {
    const RandomStream stream(1, 2);
    const Vector whole = normal_vector(stream, 50);
    BOOST_TEST(whole.tail(30).cwiseEqual(normal_vector(stream, 30, 20)).all());
    BOOST_TEST(sign_vector(stream, 50).tail(30).cwiseEqual(sign_vector(stream, 30, 20)).all());
    BOOST_TEST(whole(17) == stream.normal(17));
}

BOOST_AUTO_TEST_CASE(uniforms_are_uniform) {
    const RandomStream stream(3, 1);
    const Vector u = sample([&](std::uint64_t i) { return stream.uniform(i); });
    BOOST_TEST(u.minCoeff() > 0.0);
    BOOST_TEST(u.maxCoeff() < 1.0);
    BOOST_TEST(kolmogorov(u, [](double x) { return x; }) < kolmogorov_bound);
}

BOOST_AUTO_TEST_CASE(a_block_is_filled_with_pairs_of_normals_that_a_stream_can_name) {
    const RandomStream stream(7, 3);
    Matrix block(3, 3);
    BOOST_TEST(fill_normal(stream, 10, block) == 15u);
    for (Index k = 0; k < 4; ++k) {
        const auto pair = stream.normal_pair(10 + static_cast<std::uint64_t>(k));
        BOOST_TEST(block.data()[2 * k] == pair.first);
        BOOST_TEST(block.data()[2 * k + 1] == pair.second);
    }
    BOOST_TEST(block(2, 2) == stream.normal(14));
    BOOST_TEST(stream.normal_pair(20).first == stream.normal(20));

    Matrix many(1000, 200);
    (void)fill_normal(stream, 0, many);
    const auto count = static_cast<double>(many.size());
    BOOST_TEST(std::abs(many.mean()) <= 4.0 / std::sqrt(count));
    BOOST_TEST(std::abs(many.cwiseAbs2().mean() - 1.0) <= 4.0 * std::sqrt(2.0 / count));
    // The two of a pair are independent, squares included: corr(x^2, y^2) would show a shared radius.
    const auto pairs = many.reshaped(2, many.size() / 2);
    BOOST_TEST(std::abs(pairs.row(0).dot(pairs.row(1))) <= 4.0 * std::sqrt(count / 2));
    BOOST_TEST(
        std::abs((pairs.row(0).array().square() - 1.0).matrix().dot((pairs.row(1).array().square() - 1.0).matrix())) <=
        4.0 * 2.0 * std::sqrt(count / 2));
}

BOOST_AUTO_TEST_CASE(normals_are_normal) {
    const RandomStream stream(3, 2);
    const Vector x = normal_vector(stream, draws);
    BOOST_TEST(kolmogorov(x, [](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }) < kolmogorov_bound);
    // Moments 1 to 4 are 0, 1, 0, 3 with variances 1, 2, 15, 96 a draw.
    BOOST_TEST(std::abs(x.mean()) < six_sigma);
    BOOST_TEST(std::abs(x.array().square().mean() - 1.0) < six_sigma * std::sqrt(2.0));
    BOOST_TEST(std::abs(x.array().cube().mean()) < six_sigma * std::sqrt(15.0));
    BOOST_TEST(std::abs(x.array().square().square().mean() - 3.0) < six_sigma * std::sqrt(96.0));
}

BOOST_AUTO_TEST_CASE(signs_are_fair) {
    const Vector s = sign_vector(RandomStream(3, 3), draws);
    BOOST_TEST(s.cwiseAbs().cwiseEqual(Vector::Ones(draws)).all());
    BOOST_TEST(std::abs(s.mean()) < six_sigma);
}

BOOST_AUTO_TEST_CASE(neighboring_indices_streams_and_seeds_are_uncorrelated) {
    const Vector x = normal_vector(RandomStream(3, 2), draws);
    BOOST_TEST(std::abs(correlation(x, normal_vector(RandomStream(3, 2), draws, 1))) < six_sigma);
    BOOST_TEST(std::abs(correlation(x, normal_vector(RandomStream(3, 3), draws))) < six_sigma);
    BOOST_TEST(std::abs(correlation(x, normal_vector(RandomStream(4, 2), draws))) < six_sigma);
    // Seed and stream are not interchangeable.
    BOOST_TEST(std::abs(correlation(x, normal_vector(RandomStream(2, 3), draws))) < six_sigma);
}

BOOST_AUTO_TEST_CASE(integers_fill_their_range_evenly) {
    const RandomStream stream(9, 0);
    Vector counts = Vector::Zero(10);
    for (Index i = 0; i < draws; ++i) counts(stream.integer(static_cast<std::uint64_t>(i), 10)) += 1.0;
    // Binomial with mean n / 10 and variance 0.09 n.
    const double sigma = std::sqrt(0.09 * static_cast<double>(draws));
    BOOST_TEST((counts.array() - 0.1 * static_cast<double>(draws)).abs().maxCoeff() < 6.0 * sigma);
    BOOST_TEST(stream.integer(0, 1) == 0);
}

BOOST_AUTO_TEST_CASE(every_order_of_four_is_equally_likely) {
    std::map<std::vector<Index>, int> counts;
    const int seeds = 24000;
    for (int seed = 0; seed < seeds; ++seed)
        ++counts[random_permutation(RandomStream(static_cast<std::uint64_t>(seed), 1), 4)];
    BOOST_TEST(counts.size() == 24u);
    // Each count is binomial with mean 1000 and variance 1000 * 23 / 24.
    for (const auto& [order, count] : counts)
        BOOST_TEST(std::abs(count - 1000) < 6.0 * std::sqrt(1000.0 * 23.0 / 24.0));
}

BOOST_AUTO_TEST_CASE(a_permutation_holds_every_index_once) {
    std::vector<Index> order = random_permutation(RandomStream(1, 1), 1000);
    BOOST_TEST(!std::is_sorted(order.begin(), order.end()));
    std::sort(order.begin(), order.end());
    for (Index i = 0; i < 1000; ++i) BOOST_TEST(order[static_cast<std::size_t>(i)] == i);
    BOOST_TEST(random_permutation(RandomStream(1, 1), 0).empty());
    BOOST_TEST(random_permutation(RandomStream(1, 1), 1).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
