/* For the first line of a test that needs what Windows, or the Wine it is tried under, has not: the
 * test is counted everywhere, and `tools/test wine` lists it with the reason. Of a test that needs
 * it for a part, `if (!left_out_on_windows(reason))` leaves out that part, and is listed as well.
 */
#ifndef SOCKETPOLL_TEST_SKIP_ON_WINDOWS_H
#define SOCKETPOLL_TEST_SKIP_ON_WINDOWS_H

#include <stdlib.h>

/* What depends on the kernel and not on the family of systems. */
#define skip_on_this_system(reason)                                                                \
  do {                                                                                             \
    print_message("skip_on_this_system: %s\n", reason);                                            \
    _skip(__FILE__, __LINE__);                                                                     \
  } while (0)

#if defined(_WIN32)
/* 8, 10; 0 on Windows itself. */
static inline int wine_major(void) {
  const char *(*version)(void) = (const char *(*)(void))(void (*)(void))GetProcAddress(
      GetModuleHandleA("ntdll.dll"), "wine_get_version");
  return version ? atoi(version()) : 0;
}
/* What Wine 8 still does as Linux, and Wine 10 as Windows or as neither. */
#define skip_on_younger_wine(reason)                                                               \
  do {                                                                                             \
    if (wine_major() != 8) skip_on_windows(reason);                                                \
  } while (0)
#define skip_on_windows(reason)                                                                    \
  do {                                                                                             \
    print_message("skip_on_windows: %s\n", reason);                                                \
    _skip(__FILE__, __LINE__);                                                                     \
  } while (0)
#define left_out_on_windows(reason) (print_message("left_out_on_windows: %s\n", reason), 1)
#else
#define skip_on_windows(reason) ((void)(reason))
#define skip_on_younger_wine(reason) ((void)(reason))
#define left_out_on_windows(reason) ((void)(reason), 0)
#endif

#define WITHOUT_UNIX_SOCKETS "Wine 8 has no sockets with paths (AF_UNIX)"
#define WITHOUT_ABSTRACT_NAMES "only Linux has abstract names"
#define WITHOUT_LINKS "symbolic links need a privilege, and Wine 8 makes none"
#define WITHOUT_FILE_LIMIT "no limit of open files can be set"
#define WITHOUT_SIGNALS "there are no signals"
#define WITHOUT_PIPES "pipes cannot be polled, and are no streams"
#define WITHOUT_TERMINALS "consoles cannot be polled, and are no streams"
#define WITHOUT_DESCRIPTORS "descriptors are not passed over sockets"
#define WITHOUT_HANDOVER "sockets are not handed from program to program"
#define WITHOUT_SHARED_PORTS "a port is not shared among listeners"
#define WITHOUT_MODES "files have no mode bits"
#define WITHOUT_REFUSALS "an unconnected socket is not told of refused datagrams"
#define WITHOUT_ICMP "Wine 8 keeps from a connected socket that its datagram was refused"
#define WITHOUT_GROUPS "Wine 8 knows neither interfaces by number nor RFC 3678's options"
#define WITHOUT_LATE_REFUSALS "a pair of TCP sockets is connected, whatever becomes of it"
#define WITHOUT_GRO "no datagrams are joined (UDP_GRO)"
#define WITHOUT_ERROR_QUEUE "errors of unconnected sends are not kept (IP_RECVERR)"
#define WITHOUT_FORK "a process cannot be forked"
#define WITHOUT_ASKING "no system call tells whether a socket blocks"
#define WITHOUT_LAST_WORDS "what nobody has read when a reset comes is lost"
#define WITHOUT_SMALL_BUFFERS "Wine 10 keeps the size of a socket's buffers to itself"
#define WITHOUT_POLLABLE_SET "a completion port is nothing that could be polled"

#endif
