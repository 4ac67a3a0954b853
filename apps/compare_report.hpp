#pragma once

#include "hessq/report/html.hpp"
#include "hessq/report/table.hpp"
#include "hessq/theory/newton_comparison.hpp"

#include <string>

namespace hessq::app {

/// "positive definite", "indefinite", "singular".
const char* name_of(NewtonStatus status);

/// "quadratic model", "line search", "full step".
const char* name_of(StepQuality::Scale scale);

/// What was found, in a paragraph of plain words.
std::string finding_of(const NewtonComparison& comparison);

/// One row a checkpoint.
TextTable checkpoint_table(const NewtonComparison& comparison);

/// One row a checkpoint: the two-source fit (metric M2) and the coordinate slopes (M3).
TextTable metric_table(const NewtonComparison& comparison);

/// What must stand beside coordinate slopes.
inline constexpr const char* coordinate_warning =
    "Coordinate slopes do not tell the two laws apart: a rank-one Hessian gives p = 1/2 under both.";

/// One row a method.
TextTable method_table(const NewtonCheckpoint& point);

void add_figures(HtmlReport& report, const NewtonComparison& comparison);

} // namespace hessq::app
