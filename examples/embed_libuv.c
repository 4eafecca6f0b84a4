/* A socketpoll loop inside libuv's: a poll handle for its descriptor, a timer for its next
 * deadline, and a prepare handle that asks for that one each time before libuv sleeps. */
#define _GNU_SOURCE /* POSIX beside strict C11 */
#include "embed.h"

#include <signal.h>
#include <uv.h>

static uv_poll_t readable;
static uv_timer_t due;
static uv_prepare_t before_sleep;
static uv_signal_t stops[2];

static void on_readable(uv_poll_t *handle, int status, int events) {
  (void)status, (void)events;
  embed_drive(handle->data);
}

static void on_due(uv_timer_t *handle) { embed_drive(handle->data); }

static void set_timer(uv_prepare_t *handle) {
  const int timeout = SocketLoop_get_timeout(handle->data);
  uv_update_time(handle->loop); /* the timer counts from libuv's idea of now */
  if (timeout < 0)
    uv_timer_stop(&due);
  else
    uv_timer_start(&due, on_due, (uint64_t)timeout, 0);
}

static void on_signal(uv_signal_t *handle, int number) {
  (void)number;
  uv_stop(handle->loop);
}

static void close_handle(uv_handle_t *handle, void *unused) {
  (void)unused;
  uv_close(handle, NULL);
}

int main(int argc, char **argv) {
  const int numbers[2] = {SIGINT, SIGTERM};
  uv_loop_t *foreign = uv_default_loop();
  SocketLoop_T loop = embed_start(argc, argv);
  uv_poll_init(foreign, &readable, SocketLoop_get_fd(loop));
  uv_timer_init(foreign, &due);
  uv_prepare_init(foreign, &before_sleep);
  readable.data = due.data = before_sleep.data = loop;
  uv_poll_start(&readable, UV_READABLE, on_readable);
  uv_prepare_start(&before_sleep, set_timer);
  for (int i = 0; i < 2; i++) {
    uv_signal_init(foreign, &stops[i]);
    uv_signal_start(&stops[i], on_signal, numbers[i]);
  }

  uv_run(foreign, UV_RUN_DEFAULT);

  uv_walk(foreign, close_handle, NULL);
  uv_run(foreign, UV_RUN_DEFAULT);
  uv_loop_close(foreign);
  SocketLoop_free(&loop);
  return 0;
}
