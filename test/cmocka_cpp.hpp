// cmocka needs these four before it, in this order; from C++ it needs a linkage as well, and two of
// its macros take the names of iostream members.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
extern "C" {
#include <cmocka.h>
}
#undef fail
#undef skip

#include "support/skip_on_windows.h"
