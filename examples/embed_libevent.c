/* A socketpoll loop inside libevent's: an event for its descriptor, and one for its next deadline,
 * which is asked for each time before libevent sleeps. */
#include "embed.h"

#include <event2/event.h>
#include <signal.h>

static int stopping;

static void on_due(evutil_socket_t fd, short what, void *loop) {
  (void)fd, (void)what;
  embed_drive(loop);
}

static void on_signal(evutil_socket_t number, short what, void *unused) {
  (void)number, (void)what, (void)unused;
  stopping = 1;
}

int main(int argc, char **argv) {
  struct event_base *foreign = event_base_new();
  SocketLoop_T loop = embed_start(argc, argv);
  struct event *readable =
      event_new(foreign, SocketLoop_get_fd(loop), EV_READ | EV_PERSIST, on_due, loop);
  struct event *due = evtimer_new(foreign, on_due, loop);
  struct event *stops[2] = {evsignal_new(foreign, SIGINT, on_signal, NULL),
                            evsignal_new(foreign, SIGTERM, on_signal, NULL)};
  event_add(readable, NULL);
  for (int i = 0; i < 2; i++) event_add(stops[i], NULL);

  while (!stopping) {
    const int timeout = SocketLoop_get_timeout(loop);
    const struct timeval left = {timeout / 1000, timeout % 1000 * 1000};
    if (timeout < 0)
      evtimer_del(due);
    else
      evtimer_add(due, &left);
    event_base_loop(foreign, EVLOOP_ONCE);
  }

  for (int i = 0; i < 2; i++) event_free(stops[i]);
  event_free(due);
  event_free(readable);
  event_base_free(foreign);
  SocketLoop_free(&loop);
  return 0;
}
