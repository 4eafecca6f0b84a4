/* SPDX-License-Identifier: MIT
 * SocketSimulation.h - a network inside the program, for tests: the same seed gives the same run to
 * the byte, and virtual time passes without waiting.
 *
 *   SocketSimulation_T world = SocketSimulation_new (seed);
 *   SocketLoop_T loop = SocketSimulation_new_loop (world);
 *   ... listeners, streams, servers and timers on that loop, as anywhere else ...
 *   SocketSimulation_run (world, 60000);
 *
 * Everything above the system calls is the code that runs in production: only time, readiness and
 * the sockets themselves come from the simulation. Connections are made between listeners and
 * streams of one simulation, on one loop or several; addresses are numeric, names are answered by a
 * resolver hook or not at all; datagrams, unix sockets and foreign descriptors are SOCKET_ENOTSUP.
 * Bytes arrive late, in pieces and in the order in which they were sent; which descriptor is
 * reported ready first, and how much a send or a receive moves, is drawn from the seed. A wait for
 * something that can never happen returns SOCKET_ESTOPPED instead of hanging.
 *
 * Threads: a simulation, its loops and all on them stay on the thread that made it; elsewhere
 * SOCKET_EWRONGTHREAD. Bad handles: as SocketLoop.h says. */
#ifndef SOCKETPOLL_SOCKETSIMULATION_H
#define SOCKETPOLL_SOCKETSIMULATION_H

#include "SocketLoop.h"
#include "SocketStream.h"

typedef struct SocketSimulation *SocketSimulation_T;

enum SocketSimulationDefaults {
  SOCKET_SIMULATION_MIN_DELAY_US = 10, /* how long what is sent is on its way */
  SOCKET_SIMULATION_MAX_DELAY_US = 2000,
  SOCKET_SIMULATION_BUFFER = 65536 /* bytes on their way to, or unread by, one receiver */
};

/* A new world at time 0. The caller frees it. NULL with SOCKET_ENOMEM. */
SOCKET_API SocketSimulation_T SocketSimulation_new(uint64_t seed);

/* Frees it and those of its loops that are still there. Not inside a callback of one of them
 * (nothing happens then and SOCKET_EBUSY is recorded). NULL accepted; the variable is nulled. */
SOCKET_API void SocketSimulation_free(SocketSimulation_T *simulation);

/* A loop in that world, whose backend's name is "simulation". The caller frees it, or the
 * simulation does. NULL with SOCKET_ENOMEM. */
SOCKET_API SocketLoop_T SocketSimulation_new_loop(SocketSimulation_T simulation);

/* Two streams connected with each other, without a listener. They deliver no SOCKET_CONNECTED.
 * 0, SOCKET_EINVAL (NULL, or loops that are not of the same simulation), SOCKET_ENOMEM. */
SOCKET_API int SocketSimulation_pair(SocketLoop_T loop_a, SocketLoop_T loop_b, SocketStream_T *a,
                                     SocketStream_T *b);

/* Runs all loops of the world, in an order drawn from the seed, until nothing is left to happen
 * (0), or max_ms of virtual time have passed (SOCKET_ETIMEDOUT; -1: no limit), or SocketLoop_stop
 * was called on one (SOCKET_ESTOPPED). A single loop may be run with SocketLoop_run,
 * SocketLoop_wait and SocketFuture_await as well: waiting is what makes time pass. SOCKET_EINVAL
 * (less than -1), SOCKET_EBUSY inside a callback. */
SOCKET_API int SocketSimulation_run(SocketSimulation_T simulation, int64_t max_ms);

/* Virtual nanoseconds since the beginning. */
SOCKET_API int64_t SocketSimulation_get_time(SocketSimulation_T simulation);

/* How long what is sent is on its way, in microseconds: drawn anew for each piece, which never
 * overtakes another of its connection. SOCKET_EINVAL unless 0 <= min_us <= max_us. */
SOCKET_API int SocketSimulation_set_delay(SocketSimulation_T simulation, int min_us, int max_us);

/* Of a million pieces sent, how many break their connection instead of arriving: both ends see a
 * reset. 0, the default: none. SOCKET_EINVAL outside 0 to 1000000. */
SOCKET_API int SocketSimulation_set_loss(SocketSimulation_T simulation, int per_million);

/* The most that one send or receive moves: a number from 1 to max_bytes, drawn for each call. 0,
 * the default: as much as there is room for. SOCKET_EINVAL if negative. */
SOCKET_API int SocketSimulation_set_piece(SocketSimulation_T simulation, int max_bytes);

/* Bytes that may be on their way to a receiver or unread by it. SOCKET_EINVAL under 1. */
SOCKET_API int SocketSimulation_set_buffer(SocketSimulation_T simulation, int bytes);

/* 1, the default: ready descriptors are reported in a random order, and some of them later than
 * they might be. 0: all of them, in the order of their numbers. */
SOCKET_API int SocketSimulation_set_reordering(SocketSimulation_T simulation, int on);

/* Resets the connection of a simulated stream now, at both ends. 0, or SOCKET_ENOTSUP for a stream
 * of no simulation, SOCKET_ECLOSED. */
SOCKET_API int SocketSimulation_break(SocketStream_T stream);

/* A number from 0 to below - 1 for the program's own choices, from the same seed and independent of
 * what the network draws. SOCKET_EINVAL if below < 1. */
SOCKET_API int64_t SocketSimulation_random(SocketSimulation_T simulation, int64_t below);

/* A hash of everything that has happened in the network so far and when, 0 or more: two runs with
 * the same digest were the same. */
SOCKET_API int64_t SocketSimulation_get_digest(SocketSimulation_T simulation);

/* Simulated sockets that are open: 0 when nothing leaks. */
SOCKET_API int SocketSimulation_get_open(SocketSimulation_T simulation);

#endif
