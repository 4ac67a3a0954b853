#include "hessq/datasets/batch.hpp"
#include "hessq/datasets/bundled.hpp"

#include <boost/test/unit_test.hpp>

using namespace hessq;

BOOST_AUTO_TEST_SUITE(datasets_example)

BOOST_AUTO_TEST_CASE(an_epoch_meets_every_sample_once) {
    const Dataset iris = standardize_inputs(bundled_dataset("iris"));
    const BatchSampler batches(iris.samples(), 50, Sampling::epochs, 7);

    Vector met = Vector::Zero(iris.samples());
    for (Index step = 0; step < 3; ++step) {
        const Batch batch = batches(step);
        for (Index i = 0; i < batch.size(); ++i) met(batch[i]) += 1.0;
    }

    BOOST_TEST(iris.samples() == 150);
    BOOST_TEST((met.array() == 1.0).all());
}

BOOST_AUTO_TEST_SUITE_END()
