// What nearly every test includes anyway.
#include <Eigen/Core>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>
