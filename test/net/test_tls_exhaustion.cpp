// TLS through the C ABI, out of memory at every allocation in turn: what was asked for fails and
// leaks nothing, a conversation works or ends, and the loop serves the next one. These are the
// library's own allocations; test_tls_engine_memory has those of the library that does the
// cryptography.
#include "cmocka_cpp.hpp"
#include "support/fail_allocations.hpp"

#include "SocketAsync.h"
#include "SocketListener.h"
#include "SocketLoop.h"
#include "SocketStream.h"
#include "SocketTLS.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

namespace {

constexpr int kHangMs = 20000;
constexpr const char *kTls13 = "modern", *kTls12 = "custom:ECDHE-ECDSA-AES128-GCM-SHA256";

struct Issued {
  char chain[SOCKET_TLS_PEM_BYTES], key[SOCKET_TLS_PEM_BYTES];
  int64_t chain_length() const { return static_cast<int64_t>(std::strlen(chain)); }
  int64_t key_length() const { return static_cast<int64_t>(std::strlen(key)); }
};
Issued authority, certificate;

int issue(Issued &to, const char *names, int kind, const Issued *issuer) {
  const int64_t now = std::time(nullptr);
  return SocketTLS_make_certificate(
      names, kind, now - 86400, now + 86400, issuer ? issuer->chain : nullptr,
      issuer ? issuer->key : nullptr, to.chain, sizeof to.chain, to.key, sizeof to.key);
}

int make_certificates(void **) {
  return issue(authority, "Test authority", SOCKET_TLS_AUTHORITY, nullptr) ||
         issue(certificate, "localhost", SOCKET_TLS_SERVER_CERTIFICATE, &authority);
}

struct Configs {
  SocketTLS_T server = SocketTLS_new_server(), client = SocketTLS_new_client();
  explicit Configs(const char *policy) {
    SocketTLS_set_policy(server, policy);
    SocketTLS_set_system_authorities(client, 0);
    SocketTLS_add_certificate(server, nullptr, certificate.chain, certificate.chain_length(),
                              certificate.key, certificate.key_length());
    SocketTLS_add_authorities(client, authority.chain, authority.chain_length());
  }
  Configs(const Configs &) = delete;
  Configs &operator=(const Configs &) = delete;
  ~Configs() {
    SocketTLS_free(&server);
    SocketTLS_free(&client);
  }
};

// ---- Configurations

bool configure_server() {
  SocketTLS_T tls = SocketTLS_new_server();
  const bool done =
      tls &&
      SocketTLS_add_certificate(tls, "a.example, b.example", certificate.chain,
                                certificate.chain_length(), certificate.key,
                                certificate.key_length()) == 1 &&
      SocketTLS_replace_certificate(tls, 1, certificate.chain, certificate.chain_length(),
                                    certificate.key, certificate.key_length()) == 0 &&
      SocketTLS_reload(tls) == 0 && SocketTLS_set_alpn(tls, "h2, http/1.1") == 0 &&
      SocketTLS_set_policy(tls, "intermediate") == 0 && SocketTLS_set_tickets(tls, 0) == 0 &&
      SocketTLS_set_tickets(tls, 1) == 0 && SocketTLS_set_client_check(tls, 1) == 0;
  SocketTLS_free(&tls);
  return done;
}

bool configure_client() {
  static const char pin[] = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  SocketTLS_T tls = SocketTLS_new_client();
  const bool done =
      tls && SocketTLS_set_system_authorities(tls, 0) == 0 &&
      SocketTLS_add_authorities(tls, authority.chain, authority.chain_length()) == 0 &&
      SocketTLS_add_pin(tls, pin) == 0 && SocketTLS_set_sessions(tls, 3) == 0 &&
      SocketTLS_trust_anybody_without_verification(tls) == 0;
  SocketTLS_free(&tls);
  return done;
}

bool make_and_describe() {
  static Issued made;
  char text[4096];
  return issue(made, "localhost,127.0.0.1", SOCKET_TLS_SERVER_CERTIFICATE, &authority) == 0 &&
         SocketTLS_fingerprint(made.chain, made.chain_length(), text, sizeof text) == 95;
}

void configurations(void **) {
  for (bool (*attempt)() : {configure_server, configure_client, make_and_describe}) {
    assert_true(attempt()); // what is made once is there
    const long before = allocations_live();
    assert_true(
        fail_each_allocation(attempt, [&] { assert_int_equal(allocations_live(), before); }) >= 5);
    assert_int_equal(allocations_live(), before);
  }
}

// A change that fails is as if it had not been made.
void changes_of_one_in_use(void **) {
  unsigned char keys[2 * SOCKET_TLS_TICKET_KEY_BYTES] = {1};
  Configs configs("intermediate");
  fail_each_allocation([&] {
    return SocketTLS_add_certificate(configs.server, "c.example", certificate.chain,
                                     certificate.chain_length(), certificate.key,
                                     certificate.key_length()) > 0;
  });
  // However often it failed, there is one more and no other.
  assert_int_equal(SocketTLS_replace_certificate(configs.server, 2, certificate.chain,
                                                 certificate.chain_length(), certificate.key,
                                                 certificate.key_length()),
                   0);
  assert_int_equal(SocketTLS_replace_certificate(configs.server, 3, certificate.chain,
                                                 certificate.chain_length(), certificate.key,
                                                 certificate.key_length()),
                   SOCKET_ENOENT);
  assert_true(fail_each_allocation([&] {
                return SocketTLS_set_ticket_keys(configs.server, keys, sizeof keys) == 0;
              }) >= 1);
  assert_int_equal(SocketTLS_get_ticket_keys(configs.server, keys, sizeof keys), sizeof keys);
}

// ---- A conversation: a handshake, a line each way with bytes of every kind behind it, an end.

constexpr int64_t kPart = 130000;
constexpr int kBuffer = 100000; // much smaller ones wait for delayed acknowledgements
char pattern[3 * kPart];

class Talk {
public:
  // With a listener of its own, so that nobody comes late from another one.
  Talk(SocketLoop_T loop, const Configs &configs, int file)
      : loop_(loop), listener_(SocketListener_new(loop)), configs_(configs), file_(file),
        total_(file < 0 ? 10 : sizeof pattern) {
    assert_int_equal(SocketListener_listen(listener_, "127.0.0.1:0"), 0);
  }
  Talk(const Talk &) = delete;
  Talk &operator=(const Talk &) = delete;
  ~Talk() {
    SocketListener_free(&listener_);
    SocketFuture_free(&write_);
    SocketFuture_free(&send_);
  }
  // True if all of it went well. Whatever fails, both sides end.
  bool run(bool upgrade) {
    upgrade_ = upgrade;
    char address[64];
    std::snprintf(address, sizeof address, "127.0.0.1:%d", SocketListener_get_port(listener_));
    if (!upgrade && SocketListener_set_tls(listener_, configs_.server) != 0) return false;
    client_ = upgrade
                  ? SocketStream_connect(loop_, address, kHangMs)
                  : SocketStream_connect_tls(loop_, address, configs_.client, "localhost", kHangMs);
    if (!client_) return false;
    while (client_ || server_ || released_ < lent_) {
      SocketCompletion_T event; // one at a time: dealing with it may free the next one's subject
      const int count = SocketLoop_wait(loop_, &event, 1, client_ || server_ ? kHangMs : 0);
      if (count == SOCKET_ENOMEM) continue;
      assert_true(count == 1 || (!client_ && !server_));
      if (count == 1) handle(event);
    }
    assert_int_equal(released_, lent_);
    return received_ == total_ && answered_;
  }

private:
  void handle(const SocketCompletion_T &event) {
    auto stream = static_cast<SocketStream_T>(event.subject);
    const bool is_client = stream == client_;
    switch (event.kind) {
    case SOCKET_ACCEPTED:
      server_ = stream;
      if (!upgrade_)
        begin(server_);
      else if (SocketStream_start_tls(server_, configs_.server, nullptr, kHangMs) != 0)
        drop(server_);
      break;
    case SOCKET_CONNECTED: connected(stream); break;
    case SOCKET_DATA: data(event, is_client); break;
    case SOCKET_EOF: SocketStream_close(stream); break;
    case SOCKET_COMPLETED: send_file(); break;
    case SOCKET_CLOSED: drop(is_client ? client_ : server_); break;
    default: break;
    }
  }
  // Where it cannot go on, the other side sees an end.
  static void drop(SocketStream_T &stream) { SocketStream_free(&stream); }
  // It may have ended since: then SOCKET_CLOSED follows.
  void begin(SocketStream_T stream) {
    const int code = SocketStream_start(stream);
    assert_true(code == 0 || code == SOCKET_ECLOSED);
  }
  void connected(SocketStream_T stream) {
    if (upgrade_ && stream == client_ && !started_) {
      started_ = true;
      if (SocketStream_start_tls(client_, configs_.client, "localhost", kHangMs) != 0)
        drop(client_);
      return;
    }
    begin(stream);
    if (stream == client_) send();
  }
  // Copied, lent, and of a file, more than the kernel takes at once.
  void send() {
    SocketStream_set_send_buffer(client_, kBuffer);
    SocketStream_set_marks(client_, kPart, 8 * kPart);
    if (file_ < 0) return (void)SocketStream_write(client_, pattern, total_);
    if (SocketStream_write(client_, pattern, kPart / 2) < 0) return;
    const int64_t queued = SocketStream_write_ref(
        client_, pattern + kPart / 2, kPart / 2,
        [](const void *, void *user) { static_cast<Talk *>(user)->released_++; }, this);
    if (queued < 0) return;
    lent_++;
    const void *const pieces[] = {pattern + kPart, pattern + kPart + 100};
    const int64_t lengths[] = {100, kPart - 100};
    write_ = SocketAsync_writev(client_, pieces, lengths, 2, -1);
    if (!write_ || SocketFuture_then(write_, nullptr, nullptr) != 0) drop(client_);
  }
  void send_file() {
    if (!client_) return;
    send_ = SocketAsync_send_file(client_, file_, 2 * kPart, kPart, -1);
    if (!send_) drop(client_);
  }
  void data(const SocketCompletion_T &event, bool is_client) {
    if (is_client) {
      assert_memory_equal(event.data, "all", 3);
      answered_ = true;
      SocketStream_shutdown(client_);
      return;
    }
    assert_true(received_ + event.length <= total_);
    assert_memory_equal(event.data, pattern + received_, static_cast<size_t>(event.length));
    received_ += event.length;
    if (received_ == total_) SocketStream_write(server_, "all", 3);
  }

  SocketLoop_T loop_;
  SocketListener_T listener_;
  const Configs &configs_;
  int file_; // -1: a line is enough
  int64_t total_;
  bool upgrade_ = false, started_ = false, answered_ = false;
  SocketStream_T client_ = nullptr, server_ = nullptr;
  SocketFuture_T write_ = nullptr, send_ = nullptr;
  int64_t received_ = 0, lent_ = 0, released_ = 0;
};

struct Case {
  const char *policy;
  bool upgrade;
};

void a_conversation_works_or_ends(void **state) {
  const Case &it = *static_cast<Case *>(*state);
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = static_cast<char>(i * 13 + (i >> 9));
  char path[] = "/tmp/socketpoll-test-XXXXXX";
  const int file = mkstemp(path);
  assert_true(file >= 0 && unlink(path) == 0);
  assert_int_equal(write(file, pattern, sizeof pattern), sizeof pattern);
  int broken = 0, survived = 0;
  for (long n = 0;; n++) {
    // Everything is new each time: the first growth of everything is among what fails.
    const Configs configs(it.policy);
    SocketLoop_T loop = SocketLoop_new();
    bool whole = false, failed = false;
    {
      Talk talk(loop, configs, file);
      allocations_fail_at(n);
      whole = talk.run(it.upgrade);
      failed = allocations_failed();
      allocations_fail_at(-1);
    }
    ++(whole ? survived : broken);
    assert_true(whole || failed);
    if (failed) assert_true(Talk(loop, configs, -1).run(it.upgrade));
    SocketLoop_free(&loop);
    if (!failed) break;
    assert_true(n < 2000);
  }
  close(file);
  print_message("%d ended, %d went on\n", broken, survived);
  assert_true(broken >= 10);
  assert_true(survived >= 1);
}

} // namespace

int main() {
  static Case accepted13{kTls13, false}, accepted12{kTls12, false};
  static Case upgraded13{kTls13, true}, upgraded12{kTls12, true};
  const CMUnitTest tests[] = {
      cmocka_unit_test(configurations),
      cmocka_unit_test(changes_of_one_in_use),
      {"accepted, TLS 1.3", a_conversation_works_or_ends, nullptr, nullptr, &accepted13},
      {"accepted, TLS 1.2", a_conversation_works_or_ends, nullptr, nullptr, &accepted12},
      {"start_tls, TLS 1.3", a_conversation_works_or_ends, nullptr, nullptr, &upgraded13},
      {"start_tls, TLS 1.2", a_conversation_works_or_ends, nullptr, nullptr, &upgraded12},
  };
  return cmocka_run_group_tests_name("TLS: exhaustion", tests, make_certificates, nullptr);
}
