#pragma once

#include "hessq/datasets/dataset.hpp"

#include <string>
#include <vector>

namespace hessq {

/// Makes the labels the data's classes: sorted, named, and as indices in the only row of the targets.
/// Labels must be finite; 1 and 1.0 are one class, "1".
void set_classes(Dataset& data, VectorView labels);

/// The same for labels that may be text. If all of them are numbers they are taken as numbers.
void set_classes(Dataset& data, const std::vector<std::string>& labels);

} // namespace hessq
