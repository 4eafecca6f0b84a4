// The request as C strings. The bytes of a head are ours to change, and each part that is asked for
// is followed by a delimiter that nobody needs any more, so most strings end where they lie.
#include "http/exchange.hpp"

#include "http/h1_session.hpp"
#include "http/percent.hpp"
#include "http/server.hpp"
#include "net/os/os_unix.hpp"

#include <algorithm>

namespace socketpoll::http {

// `text` lies in the head and is followed by at least one byte of it.
const char *Exchange::terminate(std::string_view text) noexcept {
  const_cast<char *>(text.data())[text.size()] = '\0';
  return text.data();
}

const char *Exchange::text(Text which) {
  const RequestView view = request();
  switch (which) {
  case Text::method: return terminate(view.method());
  case Text::target: return terminate(view.target());
  case Text::query: return head_.has_query ? terminate(view.query()) : nullptr;
  default:
    // The byte after it may be the '?' that the target still needs.
    return path_copy(0);
  }
}

// Both copies are made at once, so that what was handed out stays where it is. A parameter ends at
// a slash or at the end and does not grow when it is decoded, so that each has room for its NUL.
char *Exchange::path_copy(size_t which) {
  const std::string_view path = request().path();
  if (copies_.empty()) {
    copies_.reserve(2 * (path.size() + 1));
    for (int i = 0; i < 2; i++) copies_.append(path).push_back('\0');
  }
  return copies_.data() + which * (path.size() + 1);
}

const char *Exchange::header_text(std::string_view name) noexcept {
  const HeaderField *field = request().find(name);
  return field ? terminate(request().value(*field)) : nullptr;
}

const char *Exchange::header_name_text(size_t index) noexcept {
  return index < head_.field_count ? terminate(request().name(head_.fields[index])) : nullptr;
}

const char *Exchange::header_value_text(size_t index) noexcept {
  return index < head_.field_count ? terminate(request().value(head_.fields[index])) : nullptr;
}

const char *Exchange::parameter_text(std::string_view name) {
  const int index = server_.router().parameter_index(match_, name);
  if (index < 0) return nullptr;
  const TextRange range = match_.parameters[static_cast<size_t>(index)];
  char *text = path_copy(1) + range.offset;
  // The router has refused what does not decode.
  text[std::max<ptrdiff_t>(0, percent_decode(parameter(static_cast<size_t>(index)), text))] = '\0';
  return text;
}

Result<int> Exchange::format_peer(std::span<char> out) const noexcept {
  if (!session_) return Error{SOCKET_ECLOSED};
  const Address &peer = session_->peer();
  if (peer.family == AF_UNIX) // most have no name, so none is kept
    if (auto name = os::name_of_peer(session_->transport().fd()); name.ok())
      return name->format(out);
  return peer.format_host(out);
}

Result<const tls::Engine *> Exchange::engine() const noexcept {
  if (!session_) return Error{SOCKET_ECLOSED};
  const tls::Engine *engine = session_->transport().engine();
  if (!engine) return Error{SOCKET_ENOTSUP};
  return engine;
}

std::string_view Exchange::parameter(size_t index) const noexcept {
  return match_.parameters[index].in(request().path().data());
}

} // namespace socketpoll::http
