// What nearly every source of the library includes anyway.
#include "../core/eigen_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <string>
#include <vector>
