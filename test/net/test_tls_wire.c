/* TLS through the C ABI, with somebody in between: records that come in pieces, damaged ones, ends
 * in the midst of a handshake, peers that speak something else. */
#include "support/sanitized.h"
#include "support/tls_support.h"

/* Every byte where a handshake takes a millisecond or two; elsewhere every seventh. */
enum { STRIDE = SANITIZED ? 7 : 1 };

enum { TO_SERVER = 0, TO_CLIENT = 1, MOST = 65536 };

/* One direction: what has come, how much of it went on. */
typedef struct Way {
  SocketStream_T to;
  unsigned char bytes[MOST];
  int64_t came, went;
} Way;

typedef struct Middle {
  Secured *secured; /* the server behind it */
  SocketListener_T listener;
  SocketStream_T sides[2]; /* towards the client, towards the server */
  Way ways[2];
  int cut_way;     /* where the bytes up to `cut` go on first */
  int64_t cut;     /* -1: nowhere */
  int flip_way;    /* whose record number `flip_record` is damaged */
  int flip_record; /* -1: none */
  int flip_first;  /* in its first byte, else in the midst of it */
  int end_way;     /* ends after `end` bytes of this way */
  int64_t end;     /* -1: it does not */
  int flipped;
  int turns; /* until the rest goes on */
} Middle;

static void renew_middle(Middle *middle) {
  for (int i = 0; i < 2; i++) {
    SocketStream_free(&middle->sides[i]);
    middle->ways[i].came = middle->ways[i].went = 0;
  }
  middle->cut = middle->end = middle->flip_record = -1;
  middle->flip_first = middle->flipped = middle->turns = 0;
}

/* Flips a bit of the record's body, once all of it is there. */
static void flip(Middle *middle) {
  Way *way = &middle->ways[middle->flip_way];
  int64_t at = 0;
  for (int record = 0; at + 5 <= way->came; record++) {
    const int64_t length = way->bytes[at + 3] * 256 + way->bytes[at + 4];
    if (at + 5 + length > way->came) return;
    if (record == middle->flip_record && at >= way->went && !middle->flipped) {
      way->bytes[at + 5 + (middle->flip_first ? 0 : length / 2)] ^= 0x10;
      middle->flipped = 1;
    }
    at += 5 + length;
  }
}

static void close_middle(Middle *middle) {
  for (int i = 0; i < 2; i++)
    if (middle->sides[i]) SocketStream_close(middle->sides[i]);
}

static void follow(const SocketCompletion_T *event, void *user);

/* Hands on what may go on now; the rest follows some turns later, when that was read. */
static void forward(Middle *middle, int way) {
  Way *it = &middle->ways[way];
  SocketStream_T to = middle->sides[!way];
  int64_t until = it->came;
  if (!to || until == it->went || SocketStream_get_fd(to) < 0) return;
  if (middle->turns > 0 && middle->cut_way == way) return;
  if (middle->flip_record >= 0 && middle->flip_way == way) flip(middle);
  const int halved = middle->cut > it->went && middle->cut < until && middle->cut_way == way;
  if (halved) until = middle->cut;
  if (middle->end >= 0 && middle->end_way == way && until >= middle->end) {
    until = middle->end;
    SocketStream_write(to, it->bytes + it->went, until - it->went);
    close_middle(middle);
    it->went = it->came;
    return;
  }
  assert_true(SocketStream_write(to, it->bytes + it->went, until - it->went) >= 0);
  it->went = until;
  if (!halved) return;
  middle->turns = 3;
  SocketLoop_post(middle->secured->loop, follow, middle);
}

static void follow(const SocketCompletion_T *event, void *user) {
  Middle *middle = user;
  (void)event;
  if (--middle->turns > 0)
    SocketLoop_post(middle->secured->loop, follow, middle);
  else
    forward(middle, middle->cut_way);
}

static void on_side(const SocketCompletion_T *event, void *user) {
  Middle *middle = user;
  const int way = event->subject == middle->sides[0] ? TO_SERVER : TO_CLIENT;
  Way *it = &middle->ways[way];
  if (event->kind == SOCKET_DATA) {
    assert_true(it->came + event->length <= MOST);
    memcpy(it->bytes + it->came, event->data, (size_t)event->length);
    it->came += event->length;
    forward(middle, way);
  }
  if (event->kind == SOCKET_EOF && middle->sides[!way]) SocketStream_shutdown(middle->sides[!way]);
  if (event->kind == SOCKET_CLOSED) {
    SocketStream_free(&middle->sides[way]);
    if (middle->sides[!way]) SocketStream_close(middle->sides[!way]);
  }
  if (event->kind == SOCKET_CONNECTED) {
    SocketStream_start(middle->sides[1]);
    forward(middle, TO_SERVER);
  }
}

static void on_middle(const SocketCompletion_T *event, void *user) {
  Middle *middle = user;
  if (event->kind != SOCKET_ACCEPTED) return;
  middle->sides[0] = event->subject;
  middle->sides[1] = SocketStream_connect(middle->secured->loop, middle->secured->address, HANG_MS);
  for (int i = 0; i < 2; i++) SocketStream_set_callback(middle->sides[i], on_side, middle);
  SocketStream_start(middle->sides[0]);
}

static int set_up_middle(void **state) {
  Middle *middle = calloc(1, sizeof *middle);
  set_up_secured(state);
  middle->secured = *state;
  *state = middle;
  renew_middle(middle);
  SocketTLS_set_sessions(middle->secured->client, 0);
  middle->listener = SocketListener_new(middle->secured->loop);
  SocketListener_set_callback(middle->listener, on_middle, middle);
  assert_int_equal(SocketListener_listen(middle->listener, "127.0.0.1:0"), 0);
  return 0;
}

static int tear_down_middle(void **state) {
  Middle *middle = *state;
  renew_middle(middle);
  SocketListener_free(&middle->listener);
  *state = middle->secured;
  tear_down_secured(state);
  free(middle);
  return 0;
}

/* What became of a client that connected through the middle: its stream's status, or 1 when both
 * are connected and a line went each way. */
static int through(Middle *middle) {
  char address[64];
  SocketLoop_T loop = middle->secured->loop;
  snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(middle->listener));
  SocketStream_T client =
      SocketStream_connect_tls(loop, address, middle->secured->client, "localhost", HANG_MS);
  SocketStream_T server = NULL;
  int code = 0, got = 0;
  while (code == 0 && got < 2) {
    SocketCompletion_T event;
    /* A length may be what was damaged: then its reader waits for more, as it must, and the end of
     * the connection is what it gets. */
    const int may_be_stuck = middle->flipped && !middle->flip_first;
    const int count = SocketLoop_wait(loop, &event, 1, may_be_stuck ? 20 : HANG_MS);
    if (count == 0 && may_be_stuck) {
      close_middle(middle);
      continue;
    }
    assert_int_equal(count, 1);
    if (event.kind == SOCKET_ACCEPTED) {
      server = event.subject;
      SocketStream_start(server);
    }
    if (event.kind == SOCKET_CONNECTED) {
      SocketStream_start(client);
      SocketStream_write(client, "hello\n", 6);
    }
    if (event.kind == SOCKET_DATA && event.subject == server)
      SocketStream_write(server, "hello\n", 6);
    if (event.kind == SOCKET_DATA) got++;
    if (event.kind == SOCKET_CLOSED && event.subject == client)
      code = event.status ? event.status : SOCKET_ECLOSED;
    if (event.kind == SOCKET_EOF && event.subject == client) code = SOCKET_ECLOSED;
  }
  SocketStream_free(&client);
  SocketStream_free(&server);
  return code ? code : 1;
}

static void split_at_every_byte(void **state) {
  Middle *middle = *state;
  for (int way = 0; way < 2; way++) {
    int64_t length = 1;
    for (int64_t cut = 1; cut < length || cut == 1; cut += STRIDE) {
      renew_middle(middle);
      middle->cut_way = way;
      middle->cut = cut;
      assert_int_equal(through(middle), 1);
      length = middle->ways[way].came;
    }
  }
}

/* Each record in turn: that connection ends, and no other. How many there are of a way. */
static int damage_each_record(Middle *middle, int way, int first) {
  for (int record = 0;; record++) {
    renew_middle(middle);
    middle->flip_way = way;
    middle->flip_record = record;
    middle->flip_first = first;
    const int code = through(middle);
    if (middle->flipped) {
      assert_true(code < 0);
    } else {
      assert_int_equal(code, 1);
      return record;
    }
  }
}

static void damaged_records(void **state) {
  for (int way = 0; way < 2; way++) {
    const int records = damage_each_record(*state, way, 0);
    assert_true(records >= 3);
    assert_int_equal(damage_each_record(*state, way, 1), records);
  }
}

static void ends_in_the_midst_of_it(void **state) {
  Middle *middle = *state;
  for (int way = 0; way < 2; way++)
    for (int64_t end = 0; end < 300; end += 23) {
      renew_middle(middle);
      middle->end_way = way;
      middle->end = end;
      assert_true(through(middle) < 0);
    }
  renew_middle(middle);
  assert_int_equal(through(middle), 1);
}

/* Freed by its program at each point of the handshake, on either side. */
static void freed_in_the_midst_of_it(void **state) {
  (void)state;
  for (int turns = 0; turns < 12; turns++) {
    Secured to;
    open_secured(&to, &good, &authority);
    SocketStream_T stream =
        SocketStream_connect_tls(to.loop, to.address, to.client, "localhost", HANG_MS);
    for (int i = 0; i < turns; i++) SocketLoop_run_once(to.loop, 0);
    if (turns % 2)
      SocketStream_free(&stream);
    else
      SocketListener_free(&to.listener);
    for (int i = 0; i < 4; i++) SocketLoop_run_once(to.loop, 0);
    close_secured(&to);
  }
}

/* Garbage, HTTP, an empty connection: each is closed, and costs nobody else anything. */
static void other_languages(void **state) {
  static const char *const said[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\xff\xff",
                                     "\x80\x2e\x01\x00\x02", "\x15\x03\x03\x00\x02\x02\x28", ""};
  Secured *to = *state;
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
    const int fd = raw_connect(port_of(to->address));
    assert_true(send(fd, said[i], i == 1 ? 5 : strlen(said[i]), 0) >= 0);
    shutdown(fd, SHUT_WR);
    SocketStream_T ours, theirs;
    assert_int_equal(connect_secured(to, "localhost", &ours, &theirs), 1);
    say_hello(ours, theirs);
    run_until_stat(to->loop, SOCKET_STAT_TLS_FAILED, (int64_t)i + 1);
    char answer[64];
    const ssize_t got = recv(fd, answer, sizeof answer, 0);
    assert_true(got <= 0 || answer[0] == 0x15); /* an alert, or nothing */
    close(fd);
    SocketStream_free(&ours);
    SocketStream_free(&theirs);
  }
}

static void a_handshake_takes_so_long(void **state) {
  Secured *to = *state;
  assert_int_equal(SocketTLS_set_handshake_timeout(to->server, 30), 0);
  const int fd = raw_connect(port_of(to->address));
  run_until_stat(to->loop, SOCKET_STAT_TLS_FAILED, 1);
  char answer[8];
  assert_true(recv(fd, answer, sizeof answer, 0) <= 0);
  close(fd);
  /* A client has the time of its connect. */
  char address[64];
  const int silent = raw_listen(4, address);
  SocketStream_T stream = SocketStream_connect_tls(to->loop, address, to->client, "localhost", 30);
  assert_int_equal(pull_one(to->loop, SOCKET_CLOSED).status, SOCKET_ETIMEDOUT);
  SocketStream_free(&stream);
  close(silent);
}

/* Who comes while there are as many handshakes as may be waits in the backlog, and is served. */
static void so_many_handshakes_at_once(void **state) {
  Secured *to = *state;
  assert_int_equal(SocketTLS_set_max_handshakes(to->server, 1), 0);
  const int fd = raw_connect(port_of(to->address)); /* says no more, and is in the way */
  assert_int_equal(send(fd, "\x16", 1, 0), 1);
  run_until_stat(to->loop, SOCKET_STAT_RECEIVED, 1);
  SocketStream_T stream =
      SocketStream_connect_tls(to->loop, to->address, to->client, "localhost", HANG_MS);
  for (int i = 0; i < 10; i++) SocketLoop_run_once(to->loop, 0);
  assert_null(SocketStream_get_tls_version(stream));
  close(fd);
  for (int seen = 0; seen < 2;) {
    SocketCompletion_T event;
    assert_int_equal(SocketLoop_wait(to->loop, &event, 1, HANG_MS), 1);
    if (event.kind == SOCKET_ACCEPTED || event.kind == SOCKET_CONNECTED) seen++;
  }
}

#define through_middle_in_each_version(test)                                                       \
  {#test ": TLS 1.3", test, set_up_middle, tear_down_middle, (char[]){ONLY_TLS_1_3}}, {            \
#test ": TLS 1.2", test, set_up_middle, tear_down_middle, (char[]) { ONLY_TLS_1_2 }            \
  }

int main(void) {
  const struct CMUnitTest tests[] = {
      through_middle_in_each_version(split_at_every_byte),
      through_middle_in_each_version(damaged_records),
      through_middle_in_each_version(ends_in_the_midst_of_it),
      cmocka_unit_test(freed_in_the_midst_of_it),
      secured_test(other_languages),
      secured_test(a_handshake_takes_so_long),
      secured_test(so_many_handshakes_at_once),
  };
  return cmocka_run_group_tests(tests, make_certificates, NULL);
}
