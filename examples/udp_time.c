/* A time server over UDP, RFC 868: whatever arrives, the answer is four bytes, the seconds since
 * 1900 in network order.
 *
 *   udp_time ADDRESS     "127.0.0.1:3700", "[::1]:0" */
#include <SocketDgram.h>
#include <stdio.h>
#include <time.h>

static const uint32_t seconds_1900_to_1970 = 2208988800u;

static void on_event(const SocketCompletion_T *event, void *user) {
  (void)user;
  if (event->kind != SOCKET_DATAGRAM) return;
  const uint32_t now = (uint32_t)time(NULL) + seconds_1900_to_1970;
  const unsigned char answer[] = {(unsigned char)(now >> 24), (unsigned char)(now >> 16),
                                  (unsigned char)(now >> 8), (unsigned char)now};
  /* A full socket loses an answer, as the network may: who wants it asks again. */
  SocketDgram_reply(event->subject, event->source, answer, sizeof answer);
}

int main(int argc, char **argv) {
  char local[128];
  SocketLoop_T loop = SocketLoop_new();
  SocketDgram_T dgram = SocketDgram_new(loop);
  SocketDgram_set_callback(dgram, on_event, NULL);
  if (SocketDgram_bind(dgram, argc > 1 ? argv[1] : "127.0.0.1:3700") < 0 ||
      SocketDgram_start(dgram) < 0 || SocketDgram_get_local(dgram, local, sizeof local) < 0) {
    fprintf(stderr, "udp_time: %s\n", Socket_last_error_message());
    return 1;
  }
  printf("answering on %s\n", local);
  fflush(stdout);
  return SocketLoop_run(loop);
}
