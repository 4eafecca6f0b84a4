/* SPDX-License-Identifier: MIT
 * SocketAll.h - all of socketpoll; also <socketpoll.h> where file names tell case apart. What its
 * interface promises, everywhere:
 *
 *  1. Names. Module_verb, opaque Module_T, Module_free (Module_T *) nulls the variable and accepts
 * NULL. New constants are SOCKET_*. Every header compiles as C11 and C++17.
 *  2. FFI first. Fixed-width integers or int; no struct by value, no varargs, no bit-fields, no
 * macro to evaluate, no errno variable of our own. SocketEvent_T and SocketCompletion_T never
 * change.
 *  3. Errors. SocketPoll_* returns -1 with errno; everything newer a negative SOCKET_E... code, the
 * very integer that events carry. Constructors return NULL and leave the code in
 * Socket_last_error(). The end of a stream is an event, not an error. SIGPIPE never reaches the
 * program.
 *  4. Stale handles. NULL, a freed handle, a handle of another type or any integer whatever is
 * answered with an error, never with undefined behaviour.
 *  5. Push or pull. A callback on the loop's thread, never from inside the call that caused it; or,
 * where none is set, an element of the array that the caller hands to SocketLoop_wait.
 *  6. Completion. What was begun ends exactly once, and after that never touches the caller's
 * memory.
 *  7. Threads. A loop and all that stands on it belong to one thread, and tell others so. Safe from
 * any thread: SocketLoop_post, SocketLoop_stop, SocketLoop_get_stat, SocketWorkers_*,
 * SocketPoll_* and SocketCompletionPort_*. The library starts no thread but those that look names
 * up (SocketResolver.h) and the workers that were asked for (SocketWorkers.h).
 *  8. Waiting goes on after a signal with the time that is left; nothing polls, nothing spins.
 *  9. Ownership. Who calls _new, or is handed a handle by accept, frees it. After _free no callback
 * comes; freeing inside a callback is safe. Nothing is allocated on one side and freed on the
 * other.
 * 10. Limits are on by default, each with a setter and a documented default. */
#ifndef SOCKETPOLL_SOCKETALL_H
#define SOCKETPOLL_SOCKETALL_H

#include "SocketAsync.h"
#include "SocketBuf.h"
#include "SocketCompletionPort.h"
#include "SocketDgram.h"
#include "SocketError.h"
#include "SocketFuture.h"
#include "SocketLimiter.h"
#include "SocketListener.h"
#include "SocketLoop.h"
#include "SocketPipeline.h"
#include "SocketPlatform.h"
#include "SocketPoll.h"
#include "SocketResolver.h"
#include "SocketSimulation.h"
#include "SocketStream.h"
#include "SocketTLS.h"
#include "SocketTimer.h"
#include "SocketVersion.h"
#include "SocketWatch.h"
#include "SocketWorkers.h"

#if defined(__has_include)
#if __has_include("SocketHTTPServer.h")
#include "SocketHTTPServer.h"
#endif
#endif

#endif
