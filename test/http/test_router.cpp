// The router: precedence, parameters, methods, refusals, and that many routes cost nothing.
#include "cmocka_cpp.hpp"
#include "failing_new.hpp"

#include "http/router.hpp"

using namespace socketpoll;
using namespace socketpoll::http;

namespace {

constexpr int kNotFound = -404, kNotAllowed = -405, kOptions = -204, kBad = -400;

int lookup(const Router &router, const char *method, std::string_view path,
           RouteMatch *result = nullptr) {
  RouteMatch match;
  router.find(method, path, match);
  if (result) *result = match;
  switch (match.outcome) {
  case RouteOutcome::found: return static_cast<int>(match.payload);
  case RouteOutcome::not_found: return kNotFound;
  case RouteOutcome::method_not_allowed: return kNotAllowed;
  case RouteOutcome::options: return kOptions;
  default: return kBad;
  }
}
std::string allowed(const Router &router, const char *method, const char *path) {
  RouteMatch match;
  router.find(method, path, match);
  char text[100];
  return {text, router.allow(match.allowed, text, sizeof text)};
}
std::string parameter(const Router &router, const char *path, const char *name) {
  RouteMatch match;
  router.find("GET", path, match);
  const int index = router.parameter_index(match, name);
  if (index < 0) return "(none)";
  return std::string(match.parameters[static_cast<size_t>(index)].in(path));
}
void add(Router &router, const char *method, const char *pattern, uint32_t payload) {
  const Status status = router.add(method, pattern, payload);
  if (!status) print_error("%s %s: %d\n", method, pattern, status.code());
  assert_true(status.ok());
}

std::string long_path(size_t length) {
  std::string path(length + 1, 'a');
  path[0] = '/';
  return path;
}

void literals(void **) {
  Router router;
  assert_true(router.empty());
  assert_int_equal(lookup(router, "GET", "/"), kNotFound);
  add(router, "GET", "/", 1);
  add(router, "GET", "/a", 2);
  add(router, "GET", "/a/", 3);
  add(router, "GET", "/a/b", 4);
  add(router, "GET", "/a%20b/c%2fd", 5);
  add(router, "GET", "/caf\xc3\xa9", 6);
  add(router, "GET", "/x:y", 7);
  assert_false(router.empty());
  const struct {
    const char *path;
    int expected;
  } cases[] = {{"/", 1},
               {"/a", 2},
               {"/a/", 3},
               {"/a/b", 4},
               {"/a%20b/c%2Fd", 5},
               {"/a%20b/c/d", kNotFound},
               {"/caf%C3%A9", 6},
               {"/%61", 2},
               {"/%61%2Fb", kNotFound},
               {"/x:y", 7},
               {"/A", kNotFound},
               {"//", kNotFound},
               {"/a//b", kNotFound},
               {"/a/b/", kNotFound},
               {"/a/b/c", kNotFound},
               {"", kNotFound},
               {"*", kNotFound},
               {"a", kNotFound},
               {"/aa", kNotFound}};
  for (const auto &c : cases) {
    if (lookup(router, "GET", c.path) != c.expected) print_error("at %s\n", c.path);
    assert_int_equal(lookup(router, "GET", c.path), c.expected);
  }
  assert_int_equal(lookup(router, "GET", long_path(1000)), kNotFound);
  std::string escapes = "/";
  for (int i = 0; i < 1000; i++) escapes += "%61";
  assert_int_equal(lookup(router, "GET", escapes), kNotFound);
}

void parameters(void **) {
  Router router;
  add(router, "GET", "/user/:id", 1);
  add(router, "GET", "/user/:id/post/:post", 2);
  add(router, "GET", "/files/*", 3);
  add(router, "GET", "/:a/x/*", 4);
  assert_string_equal(parameter(router, "/user/42", "id").c_str(), "42");
  assert_string_equal(parameter(router, "/user/a%2Fb", "id").c_str(), "a%2Fb");
  assert_string_equal(parameter(router, "/user/1/post/2", "post").c_str(), "2");
  assert_string_equal(parameter(router, "/user/1/post/2", "id").c_str(), "1");
  assert_string_equal(parameter(router, "/files/", "*").c_str(), "");
  assert_string_equal(parameter(router, "/files/a/b%20c/", "*").c_str(), "a/b%20c/");
  assert_string_equal(parameter(router, "/q/x/y/z", "*").c_str(), "y/z");
  assert_string_equal(parameter(router, "/q/x/y/z", "a").c_str(), "q");
  assert_string_equal(parameter(router, "/q/x/y/z", "b").c_str(), "(none)");
  assert_int_equal(lookup(router, "GET", "/user/"), kNotFound);
  assert_int_equal(lookup(router, "GET", "/files"), kNotFound);
  RouteMatch match;
  lookup(router, "GET", "/user/1/post/2", &match);
  assert_int_equal(match.parameter_count, 2);
  assert_string_equal(std::string(router.parameter_name(match, 1)).c_str(), "post");
  assert_true(router.parameter_name(match, 2).empty());
  lookup(router, "GET", "/nothing", &match);
  assert_int_equal(router.parameter_index(match, "id"), -1);
  assert_true(router.parameter_name(match, 0).empty());
}

void precedence(void **) {
  Router router;
  add(router, "GET", "/*", 1);
  add(router, "GET", "/:a", 2);
  add(router, "GET", "/a", 3);
  add(router, "GET", "/a/b/c", 4);
  add(router, "GET", "/a/:x/d", 5);
  add(router, "GET", "/:y/b/e", 6);
  assert_int_equal(lookup(router, "GET", "/a"), 3);
  assert_int_equal(lookup(router, "GET", "/z"), 2);
  assert_int_equal(lookup(router, "GET", "/"), 1);
  assert_int_equal(lookup(router, "GET", "/a/b/c"), 4);
  assert_int_equal(lookup(router, "GET", "/a/b/d"), 5);
  assert_int_equal(lookup(router, "GET", "/a/b/e"), 6);
  RouteMatch match;
  assert_int_equal(lookup(router, "GET", "/a/b/f", &match), 1);
  assert_int_equal(match.parameter_count, 1);
}

void methods(void **) {
  Router router;
  add(router, "GET", "/r", 1);
  add(router, "POST", "/r", 2);
  add(router, "HEAD", "/h", 3);
  add(router, "GET", "/h", 4);
  add(router, "GET", "/users/me", 5);
  add(router, "DELETE", "/users/:id", 6);
  add(router, "OPTIONS", "/own", 7);
  add(router, "PURGE", "/r", 8);
  add(router, "GET", "/files/*", 9);
  assert_int_equal(lookup(router, "GET", "/r"), 1);
  assert_int_equal(lookup(router, "HEAD", "/r"), 1);
  assert_int_equal(lookup(router, "POST", "/r"), 2);
  assert_int_equal(lookup(router, "PURGE", "/r"), 8);
  assert_int_equal(lookup(router, "HEAD", "/h"), 3);
  assert_int_equal(lookup(router, "GET", "/h"), 4);
  assert_int_equal(lookup(router, "PUT", "/r"), kNotAllowed);
  assert_int_equal(lookup(router, "get", "/r"), kNotAllowed);
  assert_int_equal(lookup(router, "PUT", "/none"), kNotFound);
  assert_int_equal(lookup(router, "OPTIONS", "/r"), kOptions);
  assert_int_equal(lookup(router, "OPTIONS", "/own"), 7);
  assert_int_equal(lookup(router, "OPTIONS", "/none"), kNotFound);
  assert_int_equal(lookup(router, "DELETE", "/users/me"), 6);
  assert_int_equal(lookup(router, "HEAD", "/users/me"), 5);
  assert_string_equal(allowed(router, "PUT", "/r").c_str(), "GET, HEAD, POST, OPTIONS, PURGE");
  assert_string_equal(allowed(router, "PUT", "/users/me").c_str(), "GET, HEAD, DELETE, OPTIONS");
  assert_string_equal(allowed(router, "GET", "/own").c_str(), "OPTIONS");
  RouteMatch refused;
  assert_int_equal(lookup(router, "POST", "/files/a", &refused), kNotAllowed);
  assert_int_equal(refused.parameter_count, 0);
  char small[8];
  RouteMatch match;
  router.find("PUT", "/r", match);
  assert_string_equal(std::string(small, router.allow(match.allowed, small, 8)).c_str(), "GET");
}

void refused_patterns(void **) {
  Router router;
  const char *bad[] = {"",      "a",    "/a b",    "/a?b",    "/a#b",   "//",   "//a",
                       "/a//b", "/:",   "/:1",     "/:a-b",   "/:a/:a", "/*/a", "/a*",
                       "/*a",   "/..",  "/a/../b", "/%2e%2E", "/.",     "/%",   "/%2",
                       "/%zz",  "/%00", "/a\x01",  "/a\x7f",  "*"};
  for (const char *pattern : bad) {
    if (router.add("GET", pattern, 0).ok()) print_error("accepted %s\n", pattern);
    assert_int_equal(router.add("GET", pattern, 0).code(), SOCKET_EINVAL);
  }
  std::string deep, many;
  for (size_t i = 0; i <= kMaxRouteSegments; i++) deep += "/a";
  for (size_t i = 0; i <= kMaxRouteParameters; i++) many.append("/:a").append(std::to_string(i));
  assert_int_equal(router.add("GET", deep, 0).code(), SOCKET_EINVAL);
  assert_true(router.add("GET", deep.substr(2), 0).ok());
  assert_int_equal(router.add("GET", many, 0).code(), SOCKET_EINVAL);
  assert_true(router.add("GET", many.substr(0, many.rfind('/')), 0).ok());
  assert_int_equal(router.add("GET", long_path(256), 0).code(), SOCKET_EINVAL);
  assert_true(router.add("GET", long_path(255), 9).ok());
  assert_int_equal(lookup(router, "GET", long_path(255)), 9);
  for (const char *method : {"", "G T", "G,", "\x80"})
    assert_int_equal(router.add(method, "/", 0).code(), SOCKET_EINVAL);
  assert_int_equal(router.add(std::string(33, 'M'), "/", 0).code(), SOCKET_EINVAL);
}

void taken_patterns(void **) {
  Router router;
  add(router, "GET", "/a/:b/*", 1);
  add(router, "POST", "/a/:b/*", 2);
  add(router, "GET", "/a/:b", 3);
  assert_int_equal(router.add("GET", "/a/:other/*", 4).code(), SOCKET_EEXIST);
  assert_int_equal(router.add("GET", "/%61/:b", 4).code(), SOCKET_EEXIST);
  assert_int_equal(lookup(router, "GET", "/a/x"), 3);
  for (int i = 0; i < 64 - 9; i++)
    add(router, std::string("M").append(std::to_string(i)).c_str(), "/m", 5);
  assert_int_equal(router.add("ONEMORE", "/m", 0).code(), SOCKET_ELIMIT);
  assert_int_equal(lookup(router, "M54", "/m"), 5);
}

void refused_paths(void **) {
  Router router;
  add(router, "GET", "/*", 1);
  for (const char *path : {"/..", "/../a", "/a/..", "/a/../b", "/%2e.", "/.%2E/a", "/%2e%2e/", "/%",
                           "/a%2", "/%zz", "/%00", "/a/%0"})
    assert_int_equal(lookup(router, "GET", path), kBad);
  for (const char *path : {"/...", "/.", "/a..", "/..a", "/.%2e.", "/%2f..", "/..%2f", "/a/./b"})
    assert_int_equal(lookup(router, "GET", path), 1);
}

void a_thousand_routes(void **) {
  Router router;
  for (uint32_t i = 0; i < 1000; i++)
    add(router, "GET", ("/api/v" + std::to_string(i % 10) + "/r" + std::to_string(i)).c_str(), i);
  for (uint32_t i = 0; i < 1000; i++) {
    const std::string path = "/api/v" + std::to_string(i % 10) + "/r" + std::to_string(i);
    assert_int_equal(lookup(router, "GET", path), i);
    assert_int_equal(lookup(router, "GET", path + "x"), kNotFound);
  }
}

// Every segment may be read in two ways, and none of the 2^20 readings ends well.
void backtracking_is_bounded(void **) {
  Router router;
  std::string pattern, path;
  for (int i = 0; i < 15; i++) {
    add(router, "GET", (pattern + "/a/end").c_str(), 1);
    add(router, "GET", (pattern + "/:p/end").c_str(), 1);
    pattern += i % 2 ? "/a" : "/:p";
    if (i % 2 == 0) pattern += std::to_string(i);
    path += "/a";
  }
  for (int i = 0; i < 1000; i++) assert_int_equal(lookup(router, "GET", path + "/a"), kNotFound);
}

void running_out_of_memory_changes_nothing(void **) {
  Router router;
  add(router, "GET", "/a", 1);
  const long failures = fail_each_allocation([&] {
    assert_int_equal(lookup(router, "GET", "/a/a-long-literal-segment/x"), kNotFound);
    const Status status = router.add("A-RATHER-LONG-METHOD", "/a/a-long-literal-segment/:id", 2);
    assert_true(status.ok());
  });
  assert_true(failures > 3);
  assert_int_equal(lookup(router, "A-RATHER-LONG-METHOD", "/a/a-long-literal-segment/x"), 2);
  assert_int_equal(lookup(router, "GET", "/a"), 1);
  allocations_left = 0; // a lookup needs none
  RouteMatch match;
  router.find("A-RATHER-LONG-METHOD", "/a/a-long-literal-%73egment/x", match);
  allocations_left = -1;
  assert_int_equal(int(match.outcome), int(RouteOutcome::found));
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(literals),
      cmocka_unit_test(parameters),
      cmocka_unit_test(precedence),
      cmocka_unit_test(methods),
      cmocka_unit_test(refused_patterns),
      cmocka_unit_test(taken_patterns),
      cmocka_unit_test(refused_paths),
      cmocka_unit_test(a_thousand_routes),
      cmocka_unit_test(backtracking_is_bounded),
      cmocka_unit_test(running_out_of_memory_changes_nothing),
  };
  return cmocka_run_group_tests_name("router", tests, nullptr, nullptr);
}
