/* For the first line of a test that needs what Windows, or the Wine it is tried under, has not: the
 * test is counted everywhere, and `tools/test wine` lists it with the reason. */
#ifndef SOCKETPOLL_TEST_SKIP_ON_WINDOWS_H
#define SOCKETPOLL_TEST_SKIP_ON_WINDOWS_H

#if defined(_WIN32)
#define skip_on_windows(reason)                                                                    \
  do {                                                                                             \
    print_message("skip_on_windows: %s\n", reason);                                                \
    _skip(__FILE__, __LINE__);                                                                     \
  } while (0)
#else
#define skip_on_windows(reason) ((void)(reason))
#endif

#endif
