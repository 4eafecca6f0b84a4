/* What goes wrong with datagrams, and which code or event says so. */
#include "support/dgram_support.h"

#include <socketpoll/SocketSimulation.h>
#include <sys/stat.h>
#include <sys/un.h>

static void every_call_says_its_error(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char address[128], text[128];
  SocketDgram_T dgram = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_get_fd(dgram), SOCKET_ESTATE);
  assert_int_equal(SocketDgram_get_port(dgram), SOCKET_ESTATE);
  assert_int_equal(SocketDgram_get_local(dgram, text, 128), SOCKET_ESTATE);
  assert_int_equal(SocketDgram_bind(dgram, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_bind(dgram, "nonsense"), SOCKET_EADDRESS);
  assert_non_null(strstr(Socket_last_error_message(), "cannot bind datagrams to nonsense"));
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:70000"), SOCKET_EPORT);
  assert_int_equal(SocketDgram_bind(dgram, "unix:"), SOCKET_EADDRESS);
  if (!left_out_on_windows("Wine binds datagrams to addresses of other machines")) {
    assert_int_equal(SocketDgram_bind(dgram, "192.0.2.77:0"), SOCKET_EADDRNOTAVAIL);
    assert_int_equal(SocketDgram_get_fd(dgram), SOCKET_ESTATE); /* as before */
  }
  assert_int_equal(SocketDgram_connect(dgram, "127.0.0.1:x"), SOCKET_EPORT);
  assert_int_equal(SocketDgram_send_to(dgram, NULL, "x", 1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_to(dgram, "example.com:1", "x", 1), SOCKET_EADDRESS);
  assert_non_null(strstr(Socket_last_error_message(), "cannot send to example.com:1"));
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), 0);
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), SOCKET_ESTATE);
  SocketDgram_get_local(dgram, address, 128);
  assert_int_equal(SocketDgram_get_port(dgram), port_of(address));
  assert_int_equal(SocketDgram_send_to(dgram, address, NULL, 1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_to(dgram, address, "x", -1), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_send_to(dgram, "[::1]:1", "x", 1), SOCKET_EAFNOSUPPORT);
  assert_int_equal(SocketDgram_send_to(dgram, "unix:/x", "x", 1), SOCKET_EAFNOSUPPORT);
  assert_int_equal(SocketDgram_connect(dgram, "[::1]:1"), SOCKET_EAFNOSUPPORT);
  assert_int_equal(SocketDgram_get_local(dgram, NULL, 128), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_get_local(dgram, text, 0), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_get_local(dgram, text, 5), SOCKET_EINVAL);
  assert_int_equal(SocketDgram_get_peer(dgram, text, 128), SOCKET_ENOTCONN);
  assert_int_equal(SocketDgram_get_sender(dgram, NULL, text, 128), SOCKET_EBADHANDLE);
  assert_int_equal(SocketDgram_get_sender(dgram, NULL, NULL, 128), SOCKET_EINVAL);
  SocketDgram_T second = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_bind(second, address), SOCKET_EADDRINUSE);
  assert_non_null(strstr(Socket_last_error_message(), address));
  SocketLoop_free(&loop);
}

static void a_simulation_has_no_datagrams(void **state) {
  (void)state;
  SocketSimulation_T simulation = SocketSimulation_new(1);
  SocketDgram_T dgram = SocketDgram_new(SocketSimulation_new_loop(simulation));
  assert_non_null(dgram);
  assert_int_equal(SocketDgram_bind(dgram, "127.0.0.1:0"), SOCKET_ENOTSUP);
  assert_int_equal(SocketDgram_connect(dgram, "127.0.0.1:1"), SOCKET_ENOTSUP);
  assert_int_equal(SocketDgram_send_to(dgram, "127.0.0.1:1", "x", 1), SOCKET_ENOTSUP);
  SocketSimulation_free(&simulation);
}

static void too_long_is_said_at_once(void **state) {
  (void)state;
  static char block[300000];
  SocketLoop_T loop = SocketLoop_new();
  char address[128], address6[128];
  SocketDgram_T dgram = bound(loop, address), dgram6 = bound_at(loop, "[::1]:0", address6);
  assert_int_equal(SocketDgram_send_to(dgram, address, block, 65508), SOCKET_EMSGSIZE);
  assert_int_equal(SocketDgram_send_to(dgram, address, block, sizeof block), SOCKET_EMSGSIZE);
  assert_int_equal(SocketDgram_send_to(dgram, address, block, INT64_MAX), SOCKET_EMSGSIZE);
  assert_int_equal(SocketDgram_send_to(dgram, address, block, 65507), 0);
  assert_int_equal(pull_one(loop, SOCKET_DATAGRAM).length, 65507);
  assert_int_equal(SocketDgram_send_to(dgram6, address6, block, 65528), SOCKET_EMSGSIZE);
  assert_int_equal(SocketDgram_send_to(dgram6, address6, block, 65527), 0);
  assert_int_equal(pull_one(loop, SOCKET_DATAGRAM).length, 65527);
  assert_int_equal(SocketDgram_connect(dgram, address), 0);
  assert_int_equal(SocketDgram_send(dgram, block, 65508), SOCKET_EMSGSIZE);
  SocketLoop_free(&loop);
}

/* Each refusal is told with whom it was about, and none by a later send. */
static void refusals_of_unconnected_sends_are_events(void **state) {
  (void)state;
  static const char *const places[] = {"127.0.0.1:0", "[::1]:0"};
  for (int place = 0; place < 2; place++) {
    for (int pushed = 0; pushed < 2; pushed++) {
      SocketLoop_T loop = SocketLoop_new();
      char nobody[128], address[128], live_address[128];
      Recorder recorder = {0};
      SocketDgram_T live = bound_at(loop, places[place], live_address);
      SocketDgram_T dgram = bound_at(loop, places[place], address);
      if (!(SocketDgram_get_capabilities(dgram) & SOCKET_DGRAM_CAN_TELL_ERRORS))
        skip_on_this_system(WITHOUT_ERROR_QUEUE);
      nobody_at(loop, places[place], nobody);
      if (pushed) SocketDgram_set_callback(dgram, record, &recorder);
      for (int i = 0; i < 20; i++) {
        send_text(dgram, nobody, "anyone?");
        send_text(dgram, live_address, "hello");
      }
      for (int errors = 0, hellos = 0; errors < 20 || hellos < 20;) {
        SocketCompletion_T event;
        if (SocketLoop_wait(loop, &event, 1, pushed ? 0 : HANG_MS) == 1) {
          if (event.kind == SOCKET_DATAGRAM_ERROR) {
            assert_int_equal(event.status, SOCKET_ECONNREFUSED);
            assert_string_equal(sender_of(dgram, event.source), nobody);
            errors++;
          } else {
            assert_ptr_equal(event.subject, live);
            hellos++;
          }
        }
        if (pushed) errors = recorder.count[SOCKET_DATAGRAM_ERROR];
      }
      SocketLoop_free(&loop);
    }
  }
}

static void record_sender(const SocketCompletion_T *event, void *user) {
  assert_string_equal(sender_of(event->subject, event->source), user);
  assert_int_equal(event->status, SOCKET_ECONNREFUSED);
  SocketDgram_T self = event->subject;
  SocketDgram_free(&self);
  assert_int_equal(SocketDgram_reply(event->subject, event->source, "x", 1), SOCKET_EBADHANDLE);
}

static void a_refused_socket_may_free_itself(void **state) {
  skip_on_windows(WITHOUT_REFUSALS);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char nobody[128], address[128];
  SocketDgram_T dgram = bound(loop, address);
  nobody_at(loop, "127.0.0.1:0", nobody);
  SocketDgram_set_callback(dgram, record_sender, nobody);
  for (int i = 0; i < 3; i++) send_text(dgram, nobody, "anyone?");
  assert_int_equal(SocketLoop_run_once(loop, HANG_MS), 1);
  assert_int_equal(SocketLoop_run_once(loop, 20), 0);
  SocketLoop_free(&loop);
}

static void a_connected_socket_hears_it_once(void **state) {
  skip_on_windows(WITHOUT_ICMP);
  (void)state;
  static const char *const places[] = {"127.0.0.1:0", "[::1]:0"};
  for (int place = 0; place < 2; place++) {
    SocketLoop_T loop = SocketLoop_new();
    char nobody[128];
    SocketDgram_T dgram = SocketDgram_new(loop);
    nobody_at(loop, places[place], nobody);
    assert_int_equal(SocketDgram_connect(dgram, nobody), 0);
    /* By the next send, while nothing reads... */
    assert_int_equal(SocketDgram_send(dgram, "anyone?", 7), 0);
    assert_int_equal(SocketDgram_send(dgram, "anyone?", 7), SOCKET_ECONNREFUSED);
    assert_int_equal(SocketDgram_send(dgram, "anyone?", 7), 0);
    /* ...or by an event. */
    SocketDgram_start(dgram);
    SocketCompletion_T event = pull_one(loop, SOCKET_DATAGRAM_ERROR);
    assert_int_equal(event.status, SOCKET_ECONNREFUSED);
    assert_null(event.source);
    assert_int_equal(SocketLoop_wait(loop, &event, 1, 20), 0);
    Recorder recorder = {0};
    SocketDgram_set_callback(dgram, record, &recorder);
    assert_int_equal(SocketDgram_send(dgram, "anyone?", 7), 0);
    run_until(loop, &recorder.count[SOCKET_DATAGRAM_ERROR], 1);
    assert_int_equal(recorder.last[SOCKET_DATAGRAM_ERROR].status, SOCKET_ECONNREFUSED);
    assert_int_equal(SocketLoop_run_once(loop, 20), 0);
    SocketLoop_free(&loop);
  }
}

/* ---- Unix datagrams */

static void unix_names_are_paths_or_abstract(void **state) {
  skip_on_windows(WITHOUT_ABSTRACT_NAMES);
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char folder[] = "/tmp/socketpoll-test-XXXXXX", path[64], place[128], missing[128], text[128];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/socket", folder);
  snprintf(place, sizeof place, "unix:%s", path);
  snprintf(missing, sizeof missing, "unix:%s/no/socket", folder);
  SocketDgram_T server = bound_at(loop, place, text);
  assert_string_equal(text, place);
  assert_int_equal(SocketDgram_get_port(server), 0);
  char abstract[128];
  abstract_name(abstract, "client");
  SocketDgram_T client = bound_at(loop, abstract, text);
  assert_string_equal(text, abstract);
  assert_true(SocketDgram_get_capabilities(client) & SOCKET_DGRAM_CAN_ABSTRACT);
  send_text(client, place, "hello");
  SocketCompletion_T event = pull_text(loop, server, "hello");
  assert_string_equal(sender_of(server, event.source), abstract);
  assert_int_equal(SocketDgram_reply(server, event.source, "welcome", 7), 0);
  event = pull_text(loop, client, "welcome");
  assert_string_equal(sender_of(client, event.source), place);
  /* Without a name there is no way back. */
  SocketDgram_T unnamed = SocketDgram_new(loop);
  send_text(unnamed, place, "who?");
  event = pull_text(loop, server, "who?");
  assert_int_equal(SocketDgram_reply(server, event.source, "x", 1), SOCKET_ENOTCONN);
  assert_int_equal(SocketDgram_get_sender(server, event.source, text, 128), SOCKET_ENOTCONN);
  assert_int_equal(SocketDgram_get_local(unnamed, text, 128), 5);
  assert_string_equal(text, "unix:");
  /* What is not there, and what nobody holds any more. */
  SocketDgram_T other = SocketDgram_new(loop);
  assert_int_equal(SocketDgram_bind(other, place), SOCKET_EADDRINUSE);
  assert_int_equal(SocketDgram_bind(other, missing), SOCKET_ENOENT);
  assert_int_equal(SocketDgram_send_to(client, missing, "x", 1), SOCKET_ENOENT);
  assert_int_equal(SocketDgram_connect(other, missing), SOCKET_ENOENT);
  assert_int_equal(SocketDgram_get_fd(other), SOCKET_ESTATE);
  SocketDgram_free(&server);
  struct stat file;
  assert_int_equal(stat(path, &file), 0); /* stays, as documented */
  assert_int_equal(SocketDgram_send_to(client, place, "x", 1), SOCKET_ECONNREFUSED);
  char longest[256] = "unix:/";
  memset(longest + 6, 'x', sizeof(((struct sockaddr_un *)0)->sun_path));
  assert_int_equal(SocketDgram_bind(other, longest), SOCKET_ENAMETOOLONG);
  unlink(path);
  rmdir(folder);
  SocketLoop_free(&loop);
}

/* Fills the way until it is refused; how many went. */
static int fill(SocketDgram_T dgram, const char *address) {
  int sent = 0, code;
  while ((code = address ? SocketDgram_send_to(dgram, address, "x", 1)
                         : SocketDgram_send(dgram, "x", 1)) == 0)
    sent++;
  assert_int_equal(code, SOCKET_EAGAIN);
  return sent;
}

static void room_is_told_when_there_is_some(void **state) {
  skip_on_windows(WITHOUT_ABSTRACT_NAMES);
  (void)state;
  for (int connected = 0; connected < 2; connected++) {
    SocketLoop_T loop = SocketLoop_new();
    char address[128];
    SocketCompletion_T event;
    abstract_name(address, "full");
    SocketDgram_T server = bound_at(loop, address, address), client = SocketDgram_new(loop);
    SocketDgram_pause(server);
    if (connected) assert_int_equal(SocketDgram_connect(client, address), 0);
    int sent = fill(client, connected ? NULL : address);
    assert_true(sent > 0);
    if (connected) /* nothing spins, and nothing is told before there is room */
      assert_int_equal(SocketLoop_wait(loop, &event, 1, 50), 0);
    SocketDgram_start(server);
    int got = 0, drained = 0;
    while (got < sent || drained == 0) {
      assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
      if (event.kind == SOCKET_DRAINED) {
        assert_ptr_equal(event.subject, client);
        drained++;
      } else {
        got++;
      }
    }
    assert_int_equal(drained, 1);
    assert_int_equal(connected ? SocketDgram_send(client, "y", 1)
                               : SocketDgram_send_to(client, address, "y", 1),
                     0);
    pull_text(loop, server, "y");
    assert_int_equal(SocketLoop_wait(loop, &event, 1, 30), 0);
    /* The peer goes while room is waited for. */
    SocketDgram_pause(server);
    fill(client, connected ? NULL : address);
    SocketDgram_free(&server);
    assert_int_equal(SocketLoop_wait(loop, &event, 1, HANG_MS), 1);
    assert_int_equal(event.kind, SOCKET_DRAINED);
    assert_int_equal(connected ? SocketDgram_send(client, "y", 1)
                               : SocketDgram_send_to(client, address, "y", 1),
                     SOCKET_ECONNREFUSED);
    SocketLoop_free(&loop);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_says_its_error),
      cmocka_unit_test(a_simulation_has_no_datagrams),
      cmocka_unit_test(too_long_is_said_at_once),
      cmocka_unit_test(refusals_of_unconnected_sends_are_events),
      cmocka_unit_test(a_refused_socket_may_free_itself),
      cmocka_unit_test(a_connected_socket_hears_it_once),
      cmocka_unit_test(unix_names_are_paths_or_abstract),
      cmocka_unit_test(room_is_told_when_there_is_some),
  };
  return cmocka_run_group_tests_name("datagram errors", tests, NULL, NULL);
}
