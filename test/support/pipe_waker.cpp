// Linked into a program, it makes a pipe of every waker, as systems need it that have nothing
// better.
#include "poll/waker.hpp"

static const bool chosen = socketpoll::Waker::pipes_only = true;
