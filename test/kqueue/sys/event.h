/* kqueue(2) and kevent(2) for tests on Linux, over epoll. After FreeBSD's manual page; of its
 * filters and flags those that socketpoll uses and their next of kin. What differs from a BSD
 * kernel, because a program on Linux cannot see it:
 *   - an fd that was closed is noticed when its event is looked at or its knotes are changed, not
 * at once; closed and opened again as the same file is not noticed;
 *   - EV_CLEAR may repeat where both filters watch an fd: what wakes one of them wakes the other;
 *   - the number of a pending socket error cannot be read without taking it: fflags says EIO;
 *   - that this side has shut down its sending shows for TCP alone, or once the peer did so as
 * well;
 *   - vnodes have no EVFILT_READ (EINVAL). */
#ifndef SOCKETPOLL_TEST_SYS_EVENT_H
#define SOCKETPOLL_TEST_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_USER (-11)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_DISPATCH 0x0080
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_LOWAT 0x00000001u
#define NOTE_FFNOP 0x00000000u
#define NOTE_FFAND 0x40000000u
#define NOTE_FFOR 0x80000000u
#define NOTE_FFCOPY 0xc0000000u
#define NOTE_FFCTRLMASK 0xc0000000u
#define NOTE_FFLAGSMASK 0x00ffffffu
#define NOTE_TRIGGER 0x01000000u

struct kevent {
  uintptr_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  intptr_t data;
  void *udata;
};

#define EV_SET(kevp, ident_, filter_, flags_, fflags_, data_, udata_)                              \
  do {                                                                                             \
    struct kevent *const kevp_ = (kevp);                                                           \
    kevp_->ident = (uintptr_t)(ident_);                                                            \
    kevp_->filter = (int16_t)(filter_);                                                            \
    kevp_->flags = (uint16_t)(flags_);                                                             \
    kevp_->fflags = (uint32_t)(fflags_);                                                           \
    kevp_->data = (intptr_t)(data_);                                                               \
    kevp_->udata = (udata_);                                                                       \
  } while (0)

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(hidden)
int kqueue(void);
int kevent(int kq, const struct kevent *changelist, int nchanges, struct kevent *eventlist,
           int nevents, const struct timespec *timeout);
#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
