// What nearly every source of the program includes anyway.
#include <CLI/App.hpp>
#include <Eigen/Core>
#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
