/* A socketpoll loop inside GLib's main loop: a source with its descriptor, whose prepare function
 * tells how long GLib may sleep. */
#include "embed.h"

#include <glib-unix.h>
#include <signal.h>

typedef struct {
  GSource source;
  SocketLoop_T loop;
  gpointer readable;
} LoopSource;

static gboolean prepare(GSource *source, gint *timeout) {
  *timeout = SocketLoop_get_timeout(((LoopSource *)source)->loop);
  return *timeout == 0;
}

static gboolean check(GSource *source) {
  LoopSource *self = (LoopSource *)source;
  return g_source_query_unix_fd(source, self->readable) || SocketLoop_get_timeout(self->loop) == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer user) {
  (void)callback, (void)user;
  embed_drive(((LoopSource *)source)->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean stop(gpointer foreign) {
  g_main_loop_quit(foreign);
  return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
  static GSourceFuncs functions = {.prepare = prepare, .check = check, .dispatch = dispatch};
  GMainLoop *foreign = g_main_loop_new(NULL, FALSE);
  GSource *source = g_source_new(&functions, sizeof(LoopSource));
  LoopSource *self = (LoopSource *)source;
  self->loop = embed_start(argc, argv);
  self->readable = g_source_add_unix_fd(source, SocketLoop_get_fd(self->loop), G_IO_IN);
  g_source_attach(source, NULL);
  g_unix_signal_add(SIGINT, stop, foreign);
  g_unix_signal_add(SIGTERM, stop, foreign);

  g_main_loop_run(foreign);

  g_source_destroy(source);
  SocketLoop_free(&self->loop);
  g_source_unref(source);
  g_main_loop_unref(foreign);
  return 0;
}
