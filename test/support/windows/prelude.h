/* Included before everything else in each test program for Windows (-include): POSIX names over
 * winsock and kernel handles, so that the tests are the same files everywhere.
 *
 * An fd is an int that holds a SOCKET or the HANDLE of a file, as in the library's own interface;
 * never a descriptor of the C run-time. errno is POSIX's. What Windows cannot have (fork, signals,
 * terminals, descriptors that travel) is declared so that the tests compile, and ends the program
 * with its name when it is reached: a test that needs it says skip_on_windows first.
 *
 * The run-time and winsock declare functions of the same names and other types. Their headers are
 * read here, with those names out of the way; the functions that the tests see have linker names of
 * their own (test_posix_NAME), so that a run-time linked in keeps its own. */
#ifndef SOCKETPOLL_TEST_WINDOWS_PRELUDE_H
#define SOCKETPOLL_TEST_WINDOWS_PRELUDE_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN 1
#endif
#ifndef NOMINMAX
#define NOMINMAX 1
#endif
#ifndef NOGDI
#define NOGDI 1 /* whose ERROR is a macro */
#endif
#ifndef _POSIX_THREAD_SAFE_FUNCTIONS
#define _POSIX_THREAD_SAFE_FUNCTIONS 1 /* gmtime_r */
#endif
#ifdef SOCKETPOLL_TEST_POSIX_INSIDE /* the functions themselves need what they stand on */
#define POSIX_FUNCTION(type, name, parameters) type test_posix_##name parameters
#define POSIX_STRUCT(name) test_posix_##name
#else
#define POSIX_FUNCTION(type, name, parameters) type name parameters __asm__("test_posix_" #name)
#define POSIX_STRUCT(name) name
#include "hidden_names.h"
#endif

#include <winsock2.h>

#include <ws2tcpip.h>

#include <afunix.h>
#include <direct.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <iphlpapi.h>
#include <netioapi.h>
#include <process.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <windows.h>

#include <pthread.h>
#include <sched.h>

#ifndef SOCKETPOLL_TEST_POSIX_INSIDE
#include "shown_names.h"
#endif
/* Of windows.h, in the way of other names. */
#undef far
#undef near
#undef small
#undef interface
#undef FAR
#undef NEAR
#define FAR
#define NEAR
#undef pthread_sigmask

#include "posix.h"

#endif
