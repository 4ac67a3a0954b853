// What nearly every experiment includes anyway.
#include "../core/eager_products.hpp"
#include "lib.hpp"
