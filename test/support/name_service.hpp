// A name service for tests, in the place of getaddrinfo(3). What a name is called says what
// happens:
//   both.*     two IPv6 addresses and two IPv4, one of them twice
//   v4.* v6.*  one address of that family, the latter beside one that needs a scope
//   hang.*     like v4, but not before let_go()
//   none.* down.* broken.* files.* memory.* family.* empty.*   failures, each of its own
#pragma once

#include "cmocka_cpp.hpp"

#include "net/names/resolver_pool.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <mutex>
#include <sched.h>
#include <string>
#include <vector>

namespace test_names {

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> asked; // in the order in which they began
  int hanging = 0;
  bool held = true;
  bool signals_blocked = true;
};
inline State &state() {
  static State *const never_destroyed = new State; // a thread may hang in it when the process ends
  return *never_destroyed;
}

inline addrinfo *make_list(std::initializer_list<const char *> addresses, int family) {
  addrinfo *first = nullptr, **end = &first;
  for (const char *text : addresses) {
    const int of = std::strchr(text, ':') ? AF_INET6 : AF_INET;
    if (family != AF_UNSPEC && family != of) continue;
    auto *made = static_cast<addrinfo *>(std::calloc(1, sizeof(addrinfo)));
    auto *to = static_cast<sockaddr_storage *>(std::calloc(1, sizeof(sockaddr_storage)));
    to->ss_family = static_cast<sa_family_t>(of);
    void *bytes = of == AF_INET6
                      ? static_cast<void *>(&reinterpret_cast<sockaddr_in6 *>(to)->sin6_addr)
                      : static_cast<void *>(&reinterpret_cast<sockaddr_in *>(to)->sin_addr);
    inet_pton(of, text, bytes);
    if (std::strncmp(text, "fe80:", 5) == 0)
      reinterpret_cast<sockaddr_in6 *>(to)->sin6_scope_id = 1;
    made->ai_family = of;
    made->ai_addr = reinterpret_cast<sockaddr *>(to);
    made->ai_addrlen = sizeof *to;
    *end = made;
    end = &made->ai_next;
  }
  return first;
}

inline void release(addrinfo *list) {
  while (list) {
    addrinfo *next = list->ai_next;
    std::free(list->ai_addr);
    std::free(list);
    list = next;
  }
}

inline void begin(const char *name) {
  State &service = state();
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  std::unique_lock lock(service.mutex);
  service.asked.push_back(name);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD, SIGUSR1, SIGPIPE})
    if (!sigismember(&blocked, signal)) service.signals_blocked = false;
  if (std::strncmp(name, "hang.", 5) != 0) return;
  service.hanging++;
  service.changed.notify_all();
  service.changed.wait(lock, [&] { return !service.held; });
  service.hanging--;
}

inline int find(const char *name, const char *, const addrinfo *hints, addrinfo **out) {
  begin(name);
  const auto is = [&](const char *kind) {
    return std::strncmp(name, kind, std::strlen(kind)) == 0 && name[std::strlen(kind)] == '.';
  };
  errno = EMFILE;
  if (is("none")) return EAI_NONAME;
  if (is("down")) return EAI_AGAIN;
  if (is("broken")) return EAI_FAIL;
  if (is("files")) return EAI_SYSTEM;
  if (is("memory")) return EAI_MEMORY;
  if (is("family")) return EAI_FAMILY;
  if (is("both"))
    *out = make_list({"2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.1", "192.0.2.2"},
                     hints->ai_family);
  else if (is("v6"))
    *out = make_list({"fe80::1", "2001:db8::6"}, hints->ai_family);
  else if (!is("empty"))
    *out = make_list({"192.0.2.4"}, hints->ai_family);
  return 0;
}

inline int64_t clock_ns = 1; // what the cache takes for the time

inline void install() {
  state().asked.reserve(10000); // no allocation of the test's own fails
  socketpoll::name_service = {find, release};
  socketpoll::resolver_settings.now_ns = [] {
    return __atomic_load_n(&clock_ns, __ATOMIC_SEQ_CST);
  };
}

inline int times_asked(const char *name) {
  std::lock_guard lock(state().mutex);
  int times = 0;
  for (const std::string &asked : state().asked) times += asked == name;
  return times;
}
inline void wait_for_hanging(int wanted) {
  std::unique_lock lock(state().mutex);
  assert_true(state().changed.wait_for(lock, std::chrono::seconds(20),
                                       [&] { return state().hanging >= wanted; }));
}
inline void hold() {
  std::lock_guard lock(state().mutex);
  state().held = true;
}
inline void let_go() {
  std::lock_guard lock(state().mutex);
  state().held = false;
  state().changed.notify_all();
}
// Until what other threads do has led to `met`.
template <class Condition> void wait_until(Condition &&met) {
  const std::time_t begun = std::time(nullptr);
  while (!met()) {
    assert_true(std::time(nullptr) - begun < 20);
    sched_yield();
  }
}

} // namespace test_names
