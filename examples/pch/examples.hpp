// What nearly every example includes anyway.
#include <cstdio>
#include <hessq/objectives/objective.hpp>
