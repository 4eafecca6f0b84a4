/* What the parts of test_posix share. Beside the names of the system, which they use as they are,
 * they have the ones that they define (test_posix_NAME). */
#ifndef SOCKETPOLL_TEST_WINDOWS_INSIDE_H
#define SOCKETPOLL_TEST_WINDOWS_INSIDE_H

#define SOCKETPOLL_TEST_POSIX_INSIDE 1
#include "prelude.h"

static inline SOCKET socket_of(int fd) { return (SOCKET)(intptr_t)fd; }
static inline HANDLE handle_of(int fd) { return (HANDLE)(intptr_t)fd; }

/* The kernel ignores the two lowest bits of a handle: 5 would be 4. */
static inline int may_be_handle(int fd) { return fd > 0 && fd % 4 == 0; }

int is_socket(int fd);
/* Sets errno to what the last failure of winsock, or of the kernel, means; -1. */
int fail_socket(void);
int fail_socket_of(int fd);
int fail_file(void);
int fail_with(int error);
/* errno for a WSAE number. */
int errno_of_socket_error(int code);

/* The system has no way to ask for it. */
void note_blocking(int fd, int blocks);
int blocks(int fd);

#endif
