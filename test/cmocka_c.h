/* cmocka needs these four before it, in this order. */
#ifndef SOCKETPOLL_TEST_CMOCKA_C_H
#define SOCKETPOLL_TEST_CMOCKA_C_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/skip_on_windows.h"

#endif
