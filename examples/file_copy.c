/* Copies a file through a pipeline, at most so many bytes a second if asked, and says how far it
 * has come.
 *
 *   file_copy FROM TO [BYTES_PER_SECOND] */
#include <SocketPipeline.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(const char *program) {
  fprintf(stderr, "%s: %s\n", program, Socket_last_error_message());
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: %s FROM TO [BYTES_PER_SECOND]\n", argv[0]);
    return 2;
  }
  SocketLoop_T loop = SocketLoop_new();
  SocketPipeline_T copy = SocketPipeline_new(loop);
  if (SocketPipeline_from_file(copy, argv[1], 0, -1) < 0) return failed(argv[0]);
  if (SocketPipeline_to_file(copy, argv[2], SOCKET_FILE_REPLACE) < 0) return failed(argv[0]);
  if (argc == 4) {
    long long rate = atoll(argv[3]);
    SocketLimiter_T limiter = SocketLimiter_new(loop, rate, rate / 10 + 1);
    if (!limiter) return failed(argv[0]);
    SocketPipeline_add_limiter(copy, limiter);
  }
  SocketPipeline_set_progress(copy, 1 << 20);
  if (SocketPipeline_start(copy) < 0) return failed(argv[0]);

  SocketCompletion_T event;
  while (SocketLoop_wait(loop, &event, 1, -1) == 1 && event.kind == SOCKET_PROGRESS)
    printf("%lld bytes\n", (long long)event.length);
  if (event.status < 0) {
    fprintf(stderr, "%s: after %lld bytes: %s\n", argv[0], (long long)event.length,
            Socket_error_text(event.status));
    return 1;
  }
  printf("%lld bytes copied\n", (long long)event.length);
  SocketLoop_free(&loop);
  return 0;
}
