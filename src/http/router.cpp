// HTTP floor: the router's patterns and its trie of segments.
#include "http/router.hpp"

#include "http/h1_parser.hpp"
#include "http/percent.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

constexpr size_t kMaxMethods = 64;
// In the order of the enumeration Method, whose `other` is left out.
constexpr std::string_view kKnownMethods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                              "CONNECT", "OPTIONS", "TRACE", "PATCH"};
constexpr uint8_t id_of(Method method) noexcept { return static_cast<uint8_t>(method) - 1; }
constexpr uint8_t kGet = id_of(Method::get);
constexpr uint8_t kHead = id_of(Method::head);
constexpr uint8_t kConnect = id_of(Method::connect);
constexpr uint8_t kOptions = id_of(Method::options);
constexpr uint8_t kUnknownMethod = UINT8_MAX;
constexpr uint64_t bit(uint8_t id) noexcept { return uint64_t{1} << id; }

bool valid_parameter_name(std::string_view name) noexcept {
  const auto is_word = [](char c) {
    return c == '_' || is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
  };
  return !name.empty() && !is_digit(name.front()) && std::all_of(name.begin(), name.end(), is_word);
}

// Escapes are whole, none is %00, and no segment is ".." once decoded.
bool acceptable_path(std::string_view path) noexcept {
  if (path.find('%') == path.npos && path.find("..") == path.npos) return true;
  size_t dots = 0, length = 0; // of the segment so far, decoded
  while (!path.empty()) {
    const bool slash = path.front() == '/';
    char c;
    if (!take_decoded(path, c) || c == 0) return false;
    if (slash && dots == 2 && length == 2) return false;
    length = slash ? 0 : length + 1;
    dots = slash ? 0 : dots + (c == '.');
  }
  return !(dots == 2 && length == 2);
}

std::string_view segment_at(std::string_view path, size_t at) noexcept {
  return path.substr(at, std::min(path.find('/', at), path.size()) - at);
}

} // namespace

struct Router::Pattern {
  struct Segment {
    bool literal;
    std::string text; // decoded
  };
  std::vector<Segment> segments;
  std::vector<std::string> names;
  bool rest = false;

  bool add_name(std::string_view name) {
    if (names.size() == kMaxRouteParameters) return false;
    if (std::find(names.begin(), names.end(), name) != names.end()) return false;
    names.emplace_back(name);
    return true;
  }
  bool add_segment(std::string_view raw, bool last) {
    if (segments.size() == kMaxRouteSegments) return false;
    if (raw == "*") {
      rest = true;
      return last && add_name(raw);
    }
    if (raw.empty() && !last) return false;
    if (raw.starts_with(':')) {
      segments.push_back({false, {}});
      return valid_parameter_name(raw.substr(1)) && add_name(raw.substr(1));
    }
    std::string text(raw);
    const ptrdiff_t length = percent_decode(raw, text.data());
    text.resize(length < 0 ? 0 : static_cast<size_t>(length));
    // "." would be a literal that no client sends.
    if (length < 0 || text.size() > kMaxRouteLiteral || text == ".") return false;
    segments.push_back({true, std::move(text)});
    return true;
  }
  bool parse(std::string_view text) {
    const auto is_wrong = [](char c) {
      return static_cast<uint8_t>(c) <= 0x20 || c == 0x7f || c == '?' || c == '#';
    };
    if (!text.starts_with('/') || std::any_of(text.begin(), text.end(), is_wrong)) return false;
    if (!acceptable_path(text)) return false;
    for (size_t at = 1; at <= text.size();) {
      const std::string_view raw = segment_at(text, at);
      const bool last = at + raw.size() == text.size();
      if (raw != "*" && raw.find('*') != std::string_view::npos) return false;
      if (!add_segment(raw, last)) return false;
      at += raw.size() + 1;
    }
    return true;
  }
};

struct Router::Search {
  std::string_view path;
  RouteMatch &match;
  uint8_t method;
};

Router::Router()
    : methods_(std::begin(kKnownMethods), std::end(kKnownMethods)), in_use_(bit(kOptions)),
      nodes_(1) {}

bool Router::knows(std::string_view method) const noexcept {
  const auto found = std::find(methods_.begin(), methods_.end(), method);
  if (found == methods_.end()) return false;
  const auto id = static_cast<uint8_t>(found - methods_.begin());
  // A tunnel is nothing that a server offers unless a route says so.
  return (id < std::size(kKnownMethods) && id != kConnect) || (in_use_ & bit(id));
}

Status Router::method_id(std::string_view method, uint8_t &id) {
  if (!is_token(method) || method.size() > kMaxMethodLength) return Error{SOCKET_EINVAL};
  const auto found = std::find(methods_.begin(), methods_.end(), method);
  id = static_cast<uint8_t>(found - methods_.begin());
  if (found != methods_.end()) return {};
  if (methods_.size() == kMaxMethods) return Error{SOCKET_ELIMIT};
  methods_.emplace_back(method);
  return {};
}

std::vector<Router::Edge>::const_iterator Router::lower_bound(const std::vector<Edge> &edges,
                                                              std::string_view literal) noexcept {
  return std::lower_bound(edges.begin(), edges.end(), literal,
                          [](const Edge &edge, std::string_view wanted) {
                            if (edge.literal.size() != wanted.size())
                              return edge.literal.size() < wanted.size();
                            return edge.literal < wanted;
                          });
}

uint32_t Router::literal_child(uint32_t node, std::string_view literal) const noexcept {
  const std::vector<Edge> &edges = nodes_[node].literals;
  const auto edge = lower_bound(edges, literal);
  return edge != edges.end() && edge->literal == literal ? edge->node : kNone;
}

// Not inlined into the recursion, for the buffer's sake. A segment too long to be decoded here is
// longer than any literal.
[[gnu::noinline]] uint32_t Router::segment_child(uint32_t node,
                                                 std::string_view raw) const noexcept {
  char decoded[3 * kMaxRouteLiteral];
  if (raw.size() > sizeof decoded) return kNone;
  if (raw.find('%') == std::string_view::npos) return literal_child(node, raw);
  return literal_child(node, {decoded, static_cast<size_t>(percent_decode(raw, decoded))});
}

// The child for a literal, or for a parameter if there is none, made if need be. A node that an
// allocation failure leaves without an edge is unreachable and does no harm.
uint32_t Router::make_child(uint32_t node, const std::string *literal) {
  const uint32_t child = literal ? literal_child(node, *literal) : nodes_[node].parameter;
  if (child != kNone) return child;
  const uint32_t made = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  if (literal) {
    std::vector<Edge> &edges = nodes_[node].literals;
    edges.insert(lower_bound(edges, *literal), Edge{*literal, made});
  } else {
    nodes_[node].parameter = made;
  }
  return made;
}

Status Router::add(std::string_view method, std::string_view text, uint32_t payload) {
  Pattern pattern;
  if (!pattern.parse(text)) return Error{SOCKET_EINVAL};
  uint8_t id = 0;
  if (const Status status = method_id(method, id); !status) return status;
  uint32_t node = 0;
  for (const Pattern::Segment &segment : pattern.segments)
    node = make_child(node, segment.literal ? &segment.text : nullptr);
  Entries &entries = pattern.rest ? nodes_[node].rest : nodes_[node].here;
  for (const Entry &entry : entries)
    if (entry.method == id) return Error{SOCKET_EEXIST};
  entries.reserve(entries.size() + 1);
  routes_.push_back({payload, std::move(pattern.names)});
  entries.push_back({id, static_cast<uint32_t>(routes_.size() - 1)});
  in_use_ |= bit(id) | (id == kGet ? bit(kHead) : 0);
  return {};
}

bool Router::take(Search &search, const Entries &entries) const noexcept {
  RouteMatch &match = search.match;
  uint32_t get = kNone;
  for (const Entry &entry : entries) {
    if (entry.method == search.method) {
      match.route = entry.route;
      return true;
    }
    match.allowed |= bit(entry.method);
    if (entry.method == kGet) get = entry.route;
  }
  if (get == kNone) return false;
  match.allowed |= bit(kHead);
  match.route = get;
  return search.method == kHead;
}

// Each node of the trie stands for one way to read the path so far and is entered once at most, so
// that a search is bounded by the number of nodes, however it goes astray.
bool Router::descend(Search &search, uint32_t index, uint32_t at) const noexcept {
  const Node &node = nodes_[index];
  const std::string_view raw = segment_at(search.path, at);
  const uint32_t next = at + static_cast<uint32_t>(raw.size()) + 1;
  const auto follow = [&](uint32_t child) {
    if (child == kNone) return false;
    return next > search.path.size() ? take(search, nodes_[child].here)
                                     : descend(search, child, next);
  };
  if (!node.literals.empty() && follow(segment_child(index, raw))) return true;
  RouteMatch &match = search.match;
  if (node.parameter != kNone && !raw.empty()) {
    match.parameters[match.parameter_count++] = {at, static_cast<uint32_t>(raw.size())};
    if (follow(node.parameter)) return true;
    match.parameter_count--;
  }
  if (node.rest.empty()) return false;
  match.parameters[match.parameter_count++] = {at, static_cast<uint32_t>(search.path.size()) - at};
  if (take(search, node.rest)) return true;
  match.parameter_count--;
  return false;
}

void Router::find(std::string_view method, std::string_view path,
                  RouteMatch &match) const noexcept {
  match.outcome = RouteOutcome::not_found;
  match.parameter_count = 0;
  match.allowed = 0;
  if (!path.starts_with('/')) return;
  if (!acceptable_path(path)) {
    match.outcome = RouteOutcome::bad_path;
    return;
  }
  const auto found = std::find(methods_.begin(), methods_.end(), method);
  const uint8_t id =
      found == methods_.end() ? kUnknownMethod : static_cast<uint8_t>(found - methods_.begin());
  Search search{path, match, id};
  if (descend(search, 0, 1)) {
    match.outcome = RouteOutcome::found;
    match.payload = routes_[match.route].payload;
  } else if (match.allowed) {
    match.allowed |= bit(kOptions);
    match.outcome = id == kOptions ? RouteOutcome::options : RouteOutcome::method_not_allowed;
  }
}

int Router::parameter_index(const RouteMatch &match, std::string_view name) const noexcept {
  if (match.outcome != RouteOutcome::found) return -1;
  const std::vector<std::string> &names = routes_[match.route].names;
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

std::string_view Router::parameter_name(const RouteMatch &match, size_t index) const noexcept {
  if (match.outcome != RouteOutcome::found || index >= match.parameter_count) return {};
  return routes_[match.route].names[index];
}

size_t Router::allow(uint64_t methods, char *out, size_t capacity) const noexcept {
  size_t length = 0;
  for (uint8_t id = 0; id < methods_.size(); id++) {
    if (!(methods & bit(id))) continue;
    const std::string_view separator = length ? ", " : "";
    const std::string &name = methods_[id];
    if (separator.size() + name.size() > capacity - length) continue;
    std::memcpy(out + length, separator.data(), separator.size());
    std::memcpy(out + length + separator.size(), name.data(), name.size());
    length += separator.size() + name.size();
  }
  return length;
}

} // namespace socketpoll::http
