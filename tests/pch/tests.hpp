// What nearly every test includes anyway.
#include "../../lib/core/eager_products.hpp"
#include "../../lib/core/eigen_kernels.hpp"
#include "../support/eigen_solvers.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>
