// HTTP floor: which handler does a method and a path belong to?
//
// A pattern is a path of segments:
//   /a/b     literal: the segment, percent-decoded, equals the pattern's, percent-decoded
//   /a/:id   one segment that is not empty
//   /a/*     whatever follows "/a/", perhaps nothing; the last segment only
// At each segment a literal is preferred to :name and :name to *; if the preferred way leads to no
// route that has the method, the others are tried, so that GET /users/me does not hide
// DELETE /users/:id.
//
// The path is cut at the slashes that were sent, and only then decoded: "%2F" is part of a segment
// and never splits one. "/a" and "/a/" are different paths. A path with a ".." segment, plain or
// encoded, a broken escape or a %00 is answered bad_path: no conforming client sends one
// (RFC 3986 5.2.4), and no handler should have to think of it.
#pragma once

#include "base/result.hpp"
#include "http/ascii.hpp"

#include <string>
#include <vector>

namespace socketpoll::http {

inline constexpr size_t kMaxRouteParameters = 16;
inline constexpr size_t kMaxRouteSegments = 64;
inline constexpr size_t kMaxRouteLiteral = 255;

enum class RouteOutcome : uint8_t {
  found,
  not_found,          // 404
  method_not_allowed, // 405 with `allowed`
  options,            // OPTIONS, for which no handler was given: 204 with `allowed`
  bad_path,           // 400
};

struct RouteMatch {
  RouteOutcome outcome;
  uint8_t parameter_count;
  uint32_t route;   // index of the route, in the order of add()
  uint32_t payload; // as given to add()
  uint64_t allowed; // a set for Router::allow()
  // In the order of the pattern, still encoded: offsets into the path; the rest of a * is the last.
  std::array<TextRange, kMaxRouteParameters> parameters;
};

class Router {
public:
  Router();
  // `method` is a token of at most kMaxMethodLength bytes; GET answers HEAD as well. SOCKET_EINVAL
  // for a bad method or pattern, SOCKET_EEXIST if both are taken (names of parameters do not make a
  // difference), SOCKET_ELIMIT beyond 64 different methods. Throws std::bad_alloc and then has
  // changed nothing that find() can see.
  Status add(std::string_view method, std::string_view pattern, uint32_t payload);

  // `path` is what stands before '?' in the target. Allocates nothing.
  void find(std::string_view method, std::string_view path, RouteMatch &match) const noexcept;

  // The place of a parameter among match.parameters, or -1; "*" is the name of a rest.
  int parameter_index(const RouteMatch &match, std::string_view name) const noexcept;
  std::string_view parameter_name(const RouteMatch &match, size_t index) const noexcept;

  // Writes the value of Allow, "GET, HEAD, OPTIONS", as far as whole names fit; returns its length.
  size_t allow(uint64_t methods, char *out, size_t capacity) const noexcept;
  // All methods that some route has, and OPTIONS.
  uint64_t methods_in_use() const noexcept { return in_use_; }
  // Whether it is a standard method but CONNECT, or some route's.
  bool knows(std::string_view method) const noexcept;
  bool empty() const noexcept { return routes_.empty(); }

private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Edge {
    std::string literal;
    uint32_t node;
  };
  struct Entry {
    uint8_t method;
    uint32_t route;
  };
  using Entries = std::vector<Entry>;
  struct Node {
    std::vector<Edge> literals; // sorted by length, then bytes
    uint32_t parameter = kNone;
    Entries here; // the pattern ends with this segment
    Entries rest; // ... or with a * after it
  };
  struct Route {
    uint32_t payload;
    std::vector<std::string> names;
  };
  struct Pattern;
  struct Search;

  Status method_id(std::string_view method, uint8_t &id);
  uint32_t literal_child(uint32_t node, std::string_view literal) const noexcept;
  uint32_t segment_child(uint32_t node, std::string_view raw) const noexcept;
  uint32_t make_child(uint32_t node, const std::string *literal);
  bool descend(Search &search, uint32_t node, uint32_t at) const noexcept;
  bool take(Search &search, const Entries &entries) const noexcept;
  static std::vector<Edge>::const_iterator lower_bound(const std::vector<Edge> &edges,
                                                       std::string_view literal) noexcept;

  std::vector<std::string> methods_;
  uint64_t in_use_;
  std::vector<Node> nodes_;
  std::vector<Route> routes_;
};

} // namespace socketpoll::http
