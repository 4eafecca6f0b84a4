/* SocketAsync_resolve and the hook by which a program answers for a loop, through the C interface.
 * No name here leaves the machine. */
#include "support/net_support.h"

#include <socketpoll/SocketAsync.h>
#include <socketpoll/SocketResolver.h>

/* ---- A name service of the program's own */

typedef struct Service {
  SocketLoop_T loop;
  SocketQuery_T query; /* the latest */
  char name[256];
  int family;
  int asked, canceled;
  SocketQuery_T canceled_query;
  int inside; /* a call of the program's is under way */
} Service;

static void on_ask(SocketLoop_T loop, const char *name, int family, SocketQuery_T query,
                   void *user) {
  Service *service = user;
  assert_int_equal(service->inside, 0);
  assert_ptr_equal(loop, service->loop);
  service->query = query;
  service->family = family;
  snprintf(service->name, sizeof service->name, "%s", name);
  service->asked++;
}

static void on_cancel(SocketQuery_T query, void *user) {
  Service *service = user;
  assert_int_equal(service->inside, 0);
  assert_int_equal(SocketResolver_add_address(query, "192.0.2.1"), SOCKET_EBADHANDLE);
  assert_int_equal(SocketResolver_finish(query, 0), SOCKET_EBADHANDLE);
  service->canceled_query = query;
  service->canceled++;
}

static void serve(Service *service) {
  memset(service, 0, sizeof *service);
  service->loop = SocketLoop_new();
  assert_non_null(service->loop);
  assert_int_equal(SocketResolver_set_hook(service->loop, on_ask, on_cancel, service), 0);
}

static void turn(SocketLoop_T loop) { assert_true(SocketLoop_run_once(loop, 0) >= 0); }

/* A question that the service has heard of. */
static SocketFuture_T ask(Service *service, const char *name, int family, int timeout_ms) {
  int before = service->asked;
  service->inside = 1;
  SocketFuture_T future = SocketAsync_resolve(service->loop, name, family, timeout_ms);
  service->inside = 0;
  assert_non_null(future);
  assert_int_equal(service->asked, before);
  turn(service->loop);
  assert_int_equal(service->asked, before + 1);
  return future;
}

static void assert_address(SocketFuture_T future, int index, const char *expected) {
  char text[64];
  assert_int_equal(SocketResolver_get_address(future, index, text, sizeof text), strlen(expected));
  assert_string_equal(text, expected);
}

/* ---- Without it */

static void this_machine(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  SocketFuture_T future = SocketAsync_resolve(loop, "localhost", SOCKET_FAMILY_ANY, 1000);
  char text[64];
  assert_int_equal(SocketResolver_get_address(future, 0, text, sizeof text), SOCKET_EAGAIN);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 2);
  assert_address(future, 0, "::1");
  assert_address(future, 1, "127.0.0.1");
  assert_int_equal(SocketResolver_get_address(future, 2, text, sizeof text), SOCKET_ENOENT);
  assert_int_equal(SocketResolver_get_address(future, -1, text, sizeof text), SOCKET_ENOENT);
  assert_int_equal(SocketResolver_get_address(future, 0, NULL, 64), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_get_address(future, 0, text, 0), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_get_address(future, 0, text, 3), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_get_address(future, 0, text, 4), 3);
  SocketFuture_free(&future);
  future = SocketAsync_resolve(loop, "2001:db8::5", SOCKET_FAMILY_IPV6, -1);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 1);
  assert_address(future, 0, "2001:db8::5");
  SocketFuture_free(&future);
  future = SocketFuture_new(loop); /* some other future */
  assert_int_equal(SocketFuture_complete(future, 0, 1, NULL), 0);
  assert_int_equal(SocketResolver_get_address(future, 0, text, sizeof text), SOCKET_ENOENT);
  SocketLoop_free(&loop);
}

static void assert_refused(SocketFuture_T future, int code) {
  assert_null(future);
  assert_int_equal(Socket_last_error(), code);
}

static void bad_input(void **state) {
  (void)state;
  SocketLoop_T loop = SocketLoop_new();
  char label[66], name[300];
  memset(label, 'a', sizeof label);
  label[64] = '\0';
  memset(name, 'a', sizeof name);
  for (size_t i = 10; i < sizeof name; i += 10) name[i] = '.';
  name[sizeof name - 1] = '\0';
  assert_refused(SocketAsync_resolve(loop, NULL, 0, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_resolve(loop, "localhost", 5, -1), SOCKET_EINVAL);
  assert_refused(SocketAsync_resolve(loop, "localhost", 0, -2), SOCKET_EINVAL);
  assert_refused(SocketAsync_resolve(loop, label, 0, -1), SOCKET_ENAMETOOLONG);
  assert_refused(SocketAsync_resolve(loop, name, 0, -1), SOCKET_ENAMETOOLONG);
  assert_refused(SocketAsync_resolve(loop, "", 0, -1), SOCKET_EADDRESS);
  assert_refused(SocketAsync_resolve(loop, "127.1", 0, -1), SOCKET_EADDRESS);
  assert_refused(SocketAsync_resolve(loop, "a b", 0, -1), SOCKET_EADDRESS);
  assert_string_equal(Socket_last_error_message(),
                      "\"a b\" cannot be a host: not an address with a port (SOCKET_EADDRESS)");
  assert_refused(SocketAsync_resolve(loop,
                                     "b\xc3\xbc"
                                     "cher.example",
                                     0, -1),
                 SOCKET_EADDRESS);
  assert_non_null(strstr(Socket_last_error_message(), "xn--"));
  SocketLoop_free(&loop);
}

/* ---- With it */

static void the_program_answers(void **state) {
  (void)state;
  Service service;
  serve(&service);
  SocketFuture_T future = ask(&service, "WWW.Example.Test", SOCKET_FAMILY_ANY, 1000);
  assert_string_equal(service.name, "www.example.test");
  assert_int_equal(service.family, SOCKET_FAMILY_ANY);
  SocketQuery_T query = service.query;
  assert_int_equal(SocketResolver_add_address(query, NULL), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_add_address(query, "example.test"), SOCKET_EADDRESS);
  assert_int_equal(SocketResolver_add_address(query, "2001:db8::1"), 0);
  assert_int_equal(SocketResolver_add_address(query, "2001:db8::2"), 0);
  assert_int_equal(SocketResolver_add_address(query, "192.0.2.1"), 0);
  turn(service.loop);
  assert_int_equal(SocketFuture_is_done(future), 0);
  assert_int_equal(SocketResolver_add_address(query, "192.0.2.2"), 0);
  assert_int_equal(SocketResolver_finish(query, 1), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_finish(query, SOCKET_EAGAIN), SOCKET_EINVAL);
  assert_int_equal(SocketResolver_finish(query, 0), 0);
  assert_int_equal(SocketFuture_is_done(future), 0);
  assert_int_equal(SocketResolver_finish(query, 0), SOCKET_ESTATE);
  assert_int_equal(SocketResolver_add_address(query, "192.0.2.3"), SOCKET_ESTATE);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 4);
  assert_address(future, 0, "2001:db8::1");
  assert_address(future, 1, "192.0.2.1");
  assert_address(future, 2, "2001:db8::2");
  assert_address(future, 3, "192.0.2.2");
  assert_int_equal(SocketResolver_finish(query, 0), SOCKET_EBADHANDLE);
  SocketFuture_free(&future);
  turn(service.loop);
  assert_int_equal(service.canceled, 0);
  SocketLoop_free(&service.loop);
  assert_int_equal(service.canceled, 0);
}

static void the_program_refuses(void **state) {
  (void)state;
  const int codes[][2] = {{0, SOCKET_ENONAME},
                          {SOCKET_ENONAME, SOCKET_ENONAME},
                          {SOCKET_ENAMESERVER, SOCKET_ENAMESERVER}};
  Service service;
  serve(&service);
  for (size_t i = 0; i < 3; i++) {
    SocketFuture_T future = ask(&service, "a.test", SOCKET_FAMILY_IPV4, -1);
    assert_int_equal(service.family, SOCKET_FAMILY_IPV4);
    assert_int_equal(SocketResolver_add_address(service.query, "::1"), SOCKET_EAFNOSUPPORT);
    assert_int_equal(SocketResolver_finish(service.query, codes[i][0]), 0);
    assert_int_equal(SocketFuture_await(future, HANG_MS), codes[i][1]);
    SocketFuture_free(&future);
  }
  /* What was found counts, whatever follows. */
  SocketFuture_T future = ask(&service, "a.test", SOCKET_FAMILY_IPV6, -1);
  for (int i = 0; i < 64; i++)
    assert_int_equal(SocketResolver_add_address(service.query, "::1"), 0);
  assert_int_equal(SocketResolver_add_address(service.query, "::1"), SOCKET_ELIMIT);
  assert_int_equal(SocketResolver_finish(service.query, SOCKET_ENAMESERVER), 0);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 64);
  SocketLoop_free(&service.loop);
}

static void canceled(void **state) {
  (void)state;
  Service service;
  serve(&service);
  SocketFuture_T future = ask(&service, "a.test", 0, -1);
  SocketQuery_T query = service.query;
  service.inside = 1;
  assert_int_equal(SocketFuture_cancel(future), 0);
  service.inside = 0;
  assert_int_equal(SocketFuture_get_status(future), SOCKET_ECANCELED);
  assert_int_equal(SocketResolver_add_address(query, "192.0.2.1"), SOCKET_ECANCELED);
  turn(service.loop);
  assert_int_equal(service.canceled, 1);
  assert_ptr_equal(service.canceled_query, query);
  assert_int_equal(SocketResolver_finish(query, 0), SOCKET_EBADHANDLE);
  SocketFuture_free(&future);
  /* The program ends it before it hears of that. */
  future = ask(&service, "a.test", 0, -1);
  SocketFuture_free(&future);
  assert_int_equal(SocketResolver_finish(service.query, 0), 0);
  turn(service.loop);
  assert_int_equal(service.canceled, 1);
  /* It never hears of one that is canceled in the same turn. */
  future = SocketAsync_resolve(service.loop, "a.test", 0, -1);
  SocketFuture_free(&future);
  turn(service.loop);
  assert_int_equal(service.asked, 2);
  /* Answered, and then nobody wants to know. */
  future = ask(&service, "a.test", 0, -1);
  assert_int_equal(SocketResolver_add_address(service.query, "192.0.2.1"), 0);
  assert_int_equal(SocketResolver_finish(service.query, 0), 0);
  SocketFuture_free(&future);
  turn(service.loop);
  assert_int_equal(service.canceled, 1);
  SocketLoop_free(&service.loop);
}

static void timed_out(void **state) {
  (void)state;
  Service service;
  serve(&service);
  SocketFuture_T future = ask(&service, "a.test", 0, 1);
  assert_int_equal(SocketFuture_await(future, HANG_MS), SOCKET_ETIMEDOUT);
  turn(service.loop);
  assert_int_equal(service.canceled, 1);
  SocketLoop_free(&service.loop);
}

static void the_loop_goes_first(void **state) {
  (void)state;
  Service service;
  serve(&service);
  SocketFuture_T first = ask(&service, "a.test", 0, -1);
  SocketFuture_T second = ask(&service, "b.test", 0, -1);
  SocketFuture_free(&second); /* its cancel callback is due */
  SocketFuture_T unheard = SocketAsync_resolve(service.loop, "c.test", 0, -1);
  assert_non_null(unheard);
  SocketLoop_free(&service.loop);
  assert_int_equal(service.asked, 2);
  assert_int_equal(service.canceled, 2);
  assert_int_equal(SocketFuture_get_status(first), SOCKET_EBADHANDLE);
}

static void answered_from_inside_the_hook(SocketLoop_T loop, const char *name, int family,
                                          SocketQuery_T query, void *user) {
  (void)loop, (void)name, (void)family;
  ++*(int *)user;
  assert_int_equal(SocketResolver_add_address(query, "192.0.2.9"), 0);
  assert_int_equal(SocketResolver_finish(query, 0), 0);
}

static void hooks_come_and_go(void **state) {
  (void)state;
  Service service;
  serve(&service);
  SocketFuture_T old = ask(&service, "a.test", 0, -1);
  int asked = 0;
  assert_int_equal(
      SocketResolver_set_hook(service.loop, answered_from_inside_the_hook, NULL, &asked), 0);
  SocketFuture_T future = SocketAsync_resolve(service.loop, "b.test", 0, -1);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 1);
  assert_address(future, 0, "192.0.2.9");
  assert_int_equal(asked, 1);
  SocketFuture_free(&old); /* of the hook that was asked */
  turn(service.loop);
  assert_int_equal(service.canceled, 1);
  assert_int_equal(SocketResolver_set_hook(service.loop, on_ask, NULL, &service), 0);
  SocketFuture_free(&future);
  future = ask(&service, "c.test", 0, -1);
  SocketFuture_free(&future); /* nobody to tell */
  turn(service.loop);
  assert_int_equal(SocketResolver_set_hook(service.loop, NULL, NULL, NULL), 0);
  future = SocketAsync_resolve(service.loop, "localhost", 0, -1);
  assert_int_equal(SocketFuture_await(future, HANG_MS), 2);
  SocketLoop_free(&service.loop);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(this_machine),
      cmocka_unit_test(bad_input),
      cmocka_unit_test(the_program_answers),
      cmocka_unit_test(the_program_refuses),
      cmocka_unit_test(canceled),
      cmocka_unit_test(timed_out),
      cmocka_unit_test(the_loop_goes_first),
      cmocka_unit_test(hooks_come_and_go),
  };
  return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
