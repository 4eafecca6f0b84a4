// Two engines, wire to wire, without a socket: they agree and speak, and when the memory of the
// library behind them runs out, at whichever of its allocations, what was asked for fails and
// everything is given back (the address sanitizer looks).
#include "cmocka_cpp.hpp"
#include "support/allocations.h"

#include "net/tls/engine.hpp"

#if defined(TEST_TLS_MBEDTLS)
#include <mbedtls/platform.h>
#else
#include <openssl/crypto.h>
#endif

#include <cstdlib>
#include <cstring>
#include <ctime>

using namespace socketpoll;
using namespace socketpoll::tls;

namespace {

// ---- The memory of the library

long left = -1; // allocations until the one that fails, once

bool fails() noexcept { return left >= 0 && left-- == 0; }

#if defined(TEST_TLS_MBEDTLS)
void *take_zeroed(size_t count, size_t size) {
  return fails() ? nullptr : std::calloc(count, size);
}
bool watch_memory() { return mbedtls_platform_set_calloc_free(take_zeroed, std::free) == 0; }
#else
void *take(size_t size, const char *, int) { return fails() ? nullptr : std::malloc(size); }
void *resize(void *memory, size_t size, const char *, int) {
  return fails() ? nullptr : std::realloc(memory, size);
}
void give_back(void *memory, const char *, int) { std::free(memory); }
bool watch_memory() { return CRYPTO_set_mem_functions(take, resize, give_back) == 1; }
#endif

// ---- Two ends of a wire

class End final : public Wire {
public:
  End *peer = nullptr;
  // What has come since is there to be taken.
  void load() {
    now_.assign(input_.begin(), input_.end());
    now_ += std::exchange(later_, {});
    held_.swap(now_);
    input_ = held_;
  }
  bool put(std::span<const char> records) noexcept override {
    try {
      peer->later_.append(records.data(), records.size());
    } catch (const std::bad_alloc &) {
      return false;
    }
    return true;
  }

private:
  std::string now_, held_, later_;
};

NewCertificate authority, certificate;

std::shared_ptr<Settings> settings(bool server, const char *policy) {
  auto made = std::make_shared<Settings>();
  made->server = server;
  made->policy = parse_policy(policy).take();
  if (server) {
    std::string why;
    auto identity =
        read_identity({{}, certificate.chain, Secret(certificate.key), {}, {}, {}}, why);
    if (!identity.ok()) return nullptr;
    made->identities.push_back(identity.take());
    made->tickets = std::make_shared<TicketKeys>();
  } else {
    made->check = PeerCheck::required;
    made->authorities.push_back(authority.chain);
    made->judge = [](std::string_view, int verdict) { return verdict; };
  }
  return made;
}

int handshake_failed; // its code

// Everything that a connection does; false if any of it failed.
bool converse(const char *policy) {
  std::string why;
  auto own = settings(true, policy);
  if (!own) return false;
  auto server = make_context(std::move(own), why);
  auto client = make_context(settings(false, policy), why);
  if (!server.ok() || !client.ok()) return false;
  End here, there;
  here.peer = &there;
  there.peer = &here;
  auto ours = (*client)->engine(here, "localhost"), theirs = (*server)->engine(there, {});
  if (!ours.ok() || !theirs.ok()) return false;
  bool done[2] = {};
  for (int round = 0; round < 10 && !(done[0] && done[1]); round++) {
    for (int i = 0; i < 2; i++) {
      (i ? there : here).load();
      const Status status = done[i] ? Status() : (i ? *theirs : *ours)->handshake();
      if (!status.ok() && status.code() != SOCKET_EAGAIN)
        return handshake_failed = status.code(), false;
      done[i] = status.ok();
    }
  }
  char got[16];
  if (!done[0] || !done[1] || !(*ours)->write(std::span("hello", 5)).ok()) return false;
  (*theirs)->idle();
  there.load();
  auto size = (*theirs)->read(got);
  if (!size.ok() || *size != 5 || std::memcmp(got, "hello", 5) != 0) return false;
  if (!(*theirs)->finish().ok()) return false;
  here.load();
  size = (*ours)->read(got);
  return size.ok() && *size == 0;
}

int make_certificates(void **) {
  assert_true(watch_memory());
  std::string why;
  CertificateRequest request;
  request.names = {"Test authority"};
  request.authority = true;
  request.not_before = std::time(nullptr) - 1000;
  request.not_after = request.not_before + 100000;
  authority = make_certificate(request, why).take();
  request.names = {"localhost"};
  request.authority = false;
  request.issuer_chain = authority.chain;
  request.issuer_key = authority.key;
  certificate = make_certificate(request, why).take();
  return certificate.key.empty() ? -1 : 0;
}

void fails_at_each(const char *policy) {
  assert_true(converse(policy)); // what is made once is there
  int failures = 0;
  for (long at = 0;; at += 1 + at / 40) { // each of the first, and then so many of the others
    left = at;
    bool done = false;
    try {
      done = converse(policy);
    } catch (const std::bad_alloc &) {
    }
    const bool reached = std::exchange(left, -1) < 0;
    if (!reached) {
      assert_true(done);
      break;
    }
    failures += !done;
    assert_true(converse(policy)); // the next one knows nothing of it
  }
  assert_true(failures > 20);
}

void out_of_memory_in_tls_1_3(void **) { fails_at_each("modern"); }
void out_of_memory_in_tls_1_2(void **) { fails_at_each("custom:ECDHE-ECDSA-AES128-GCM-SHA256"); }

// The same for what C++ allocates on our side of the seam.
void out_of_our_own_memory(void **) {
  for (long at = 0;; at++) {
    allocations_fail_at(at);
    bool done = false;
    handshake_failed = 0;
    try {
      done = converse("modern");
    } catch (const std::bad_alloc &) {
    }
    const bool reached = allocations_failed();
    allocations_fail_at(-1);
    // It is not taken for the peer's doing; what the wire cannot take is the wire's end.
    if (handshake_failed != SOCKET_EPIPE && handshake_failed != 0)
      assert_int_equal(handshake_failed, SOCKET_ENOMEM);
    if (!reached) {
      assert_true(done);
      return;
    }
  }
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(out_of_memory_in_tls_1_3),
      cmocka_unit_test(out_of_memory_in_tls_1_2),
      cmocka_unit_test(out_of_our_own_memory),
  };
  return cmocka_run_group_tests(tests, make_certificates, nullptr);
}
