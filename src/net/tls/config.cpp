#include "net/tls/config.hpp"

#include "base/error.hpp"
#include "net/os/os_file.hpp"
#include "net/tls/base64.hpp"
#include "net/tls/key_log.hpp"
#include "net/tls/names.hpp"
#include "net/tls/session_cache.hpp"
#include "net/tls/trust.hpp"

#include <cstring>
#include <ctime>

namespace socketpoll::tls {

namespace {
constexpr size_t kMostCredentials = 1024, kMostPins = 64;
constexpr int kPasswordBytes = 1024;

// What was judged by other rules is not resumed: a session shows no certificate.
void forget_sessions(Settings &settings) {
  if (settings.sessions)
    settings.sessions = std::make_shared<SessionCache>(settings.sessions->most());
}

Result<std::string> read(const std::string &path) {
  auto text = read_whole_file(path.c_str());
  if (!text.ok()) return explain(text.error(), "cannot read %s", path.c_str());
  return text;
}
} // namespace

Config::Config(bool server) : server_(server) {
  auto settings = std::make_shared<Settings>();
  settings->server = server;
  settings->check = server ? PeerCheck::none : PeerCheck::required;
  settings->system_authorities = !server;
  settings->policy = parse_policy("intermediate").take();
  if (server)
    settings->tickets = std::make_shared<TicketKeys>();
  else
    settings->sessions = std::make_shared<SessionCache>(SessionCache::kSessions);
  settings_ = std::move(settings);
}

Result<Ref<Config>> Config::create(bool server) {
  if (std::string_view(engine_name()) == "none")
    return explain({SOCKET_ENOTSUP}, "this library was built without TLS (meson option tls)");
  return Ref<Config>::adopt(new Config(server));
}

Result<std::shared_ptr<const Context>> Config::context() {
  const std::lock_guard lock(mutex_);
  if (context_) return context_;
  if (server_ && settings_->credentials.empty())
    return explain({SOCKET_EINVAL}, "a TLS server needs a certificate");
  std::string why;
  auto made = make_context(settings_, why);
  if (!made.ok()) return explain(made.error(), "%s", why.c_str());
  context_ = *made;
  return made;
}

// For what cannot be wrong: the engine is asked when a connection needs it.
template <class Change> Status Config::change(Change &&change) {
  auto settings = std::make_shared<Settings>(*settings_);
  const Status status = change(*settings);
  if (!status.ok()) return status;
  settings_ = std::move(settings);
  context_.reset();
  return {};
}

template <class Change> Status Config::change_and_check(Change &&change) {
  auto settings = std::make_shared<Settings>(*settings_);
  const Status status = change(*settings);
  if (!status.ok()) return status;
  std::string why;
  auto made = make_context(settings, why);
  if (!made.ok()) return explain(made.error(), "%s", why.c_str());
  settings_ = std::move(settings);
  context_ = *made;
  return {};
}

// ---- Certificates of one's own

Result<Credential> Config::read_files(const Source &source) {
  auto chain = read(source.chain_path);
  if (!chain.ok()) return chain.error();
  auto key = read(source.key_path);
  if (!key.ok()) return key.error();
  Credential credential;
  credential.chain = chain.take();
  credential.key = Secret(key.take());
  credential.origin = " (" + source.chain_path + ", " + source.key_path + ")";
  return credential;
}

// Asked each time, and kept with the key that it opens.
Status Config::ask_password(Credential &credential) {
  if (credential.key.text().find("ENCRYPTED") == std::string::npos) return {};
  if (password_text_) return credential.password = *password_text_, Status();
  if (!password_) return {};
  Secret room(std::string(kPasswordBytes, '\0'));
  const int length = password_(room.data(), kPasswordBytes, password_user_);
  if (length < 0) return Error{SOCKET_EPASSWORD};
  if (length > kPasswordBytes) return Error{SOCKET_EINVAL};
  credential.password = Secret(room.text().substr(0, static_cast<size_t>(length)));
  return {};
}

Result<int> Config::add(Credential credential, Source source) {
  if (settings_->credentials.size() >= kMostCredentials) return Error{SOCKET_ELIMIT};
  if (const Status status = ask_password(credential); !status.ok()) return status.error();
  sources_.reserve(sources_.size() + 1);
  const Status status = change_and_check([&](Settings &settings) {
    settings.credentials.push_back(std::move(credential));
    return Status();
  });
  if (!status.ok()) return status.error();
  sources_.push_back(std::move(source));
  return static_cast<int>(sources_.size());
}

Result<int> Config::add_files(const char *names, const char *chain_path, const char *key_path) {
  const std::lock_guard lock(mutex_);
  Source source{chain_path, key_path};
  auto credential = read_files(source);
  if (!credential.ok()) return credential.error();
  if (names) credential->names = split_list(names);
  return add(credential.take(), std::move(source));
}

Result<int> Config::add_memory(const char *names, std::string_view chain, std::string_view key) {
  const std::lock_guard lock(mutex_);
  Credential credential;
  if (names) credential.names = split_list(names);
  credential.chain = chain;
  credential.key = Secret(key);
  return add(std::move(credential), {});
}

Status Config::replace(int number, std::string_view chain, std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<size_t>(number) - 1;
  if (number < 1 || index >= sources_.size()) return Error{SOCKET_ENOENT};
  Credential credential = settings_->credentials[index];
  credential.chain = chain;
  credential.key = Secret(key);
  credential.staple.clear(); // it was the other certificate's
  credential.origin.clear();
  if (const Status status = ask_password(credential); !status.ok()) return status;
  const Status status = change_and_check([&](Settings &settings) {
    settings.credentials[index] = std::move(credential);
    return Status();
  });
  if (status.ok()) sources_[index] = {};
  return status;
}

Status Config::reload() {
  const std::lock_guard lock(mutex_);
  return change_and_check([&](Settings &settings) -> Status {
    for (size_t i = 0; i < sources_.size(); i++) {
      if (sources_[i].chain_path.empty()) continue;
      auto fresh = read_files(sources_[i]);
      if (!fresh.ok()) return fresh.error();
      if (const Status status = ask_password(*fresh); !status.ok()) return status;
      fresh->names = settings.credentials[i].names;
      settings.credentials[i] = fresh.take();
    }
    return {};
  });
}

Status Config::set_staple(int number, std::string_view der) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<size_t>(number) - 1;
  if (!can_staple()) return Error{SOCKET_ENOTSUP};
  if (number < 1 || index >= sources_.size()) return Error{SOCKET_ENOENT};
  return change_and_check([&](Settings &settings) {
    settings.credentials[index].staple = der;
    return Status();
  });
}

Status Config::set_password(SocketPassword_T password, void *user) {
  const std::lock_guard lock(mutex_);
  password_ = password;
  password_user_ = user;
  password_text_.reset();
  return {};
}

Status Config::set_password_text(const char *password) {
  const std::lock_guard lock(mutex_);
  if (password && std::strlen(password) > kPasswordBytes) return Error{SOCKET_EINVAL};
  password_text_ = password ? std::optional<Secret>(std::string_view(password)) : std::nullopt;
  password_ = nullptr;
  return {};
}

// ---- The peer's

Status Config::add_authorities(std::string_view text) {
  const std::lock_guard lock(mutex_);
  return change_and_check([&](Settings &settings) {
    settings.authorities.emplace_back(text);
    return Status();
  });
}

Status Config::add_authorities_file(const char *path) {
  auto text = read(path);
  return text.ok() ? add_authorities(*text) : Status(text.error());
}

Status Config::add_authorities_folder(const char *path) {
  auto texts = read_authorities_folder(path);
  if (!texts.ok()) return texts.error();
  const std::lock_guard lock(mutex_);
  return change_and_check([&](Settings &settings) {
    for (std::string &text : *texts) settings.authorities.push_back(std::move(text));
    return Status();
  });
}

Status Config::set_system_authorities(bool on) {
  const std::lock_guard lock(mutex_);
  return change([&](Settings &settings) {
    settings.system_authorities = on;
    forget_sessions(settings);
    return Status();
  });
}

Status Config::set_check(PeerCheck check) {
  const std::lock_guard lock(mutex_);
  if (!server_) return Error{SOCKET_ESTATE};
  return change([&](Settings &settings) {
    settings.check = check;
    return Status();
  });
}

Status Config::trust_anybody() {
  const std::lock_guard lock(mutex_);
  if (server_) return Error{SOCKET_ESTATE};
  return change([&](Settings &settings) {
    settings.check = PeerCheck::none;
    return Status();
  });
}

Status Config::set_verify(SocketTLSVerify_T verify, void *user) {
  const std::lock_guard lock(mutex_);
  return change([&](Settings &settings) {
    settings.judge = nullptr;
    if (verify)
      settings.judge = [verify, user](std::string_view chain, int verdict) {
        return verify(chain.data(), static_cast<int64_t>(chain.size()), verdict, user);
      };
    forget_sessions(settings);
    return Status();
  });
}

Status Config::add_pin(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256//";
  Digest digest;
  if (!text.starts_with(kPrefix)) return Error{SOCKET_EINVAL};
  if (!decode_base64(text.substr(kPrefix.size()), digest)) return Error{SOCKET_EINVAL};
  const std::lock_guard lock(mutex_);
  return change([&](Settings &settings) -> Status {
    if (settings.pins.size() >= kMostPins) return Error{SOCKET_ELIMIT};
    settings.pins.push_back(digest);
    forget_sessions(settings);
    return {};
  });
}

// ---- What is spoken

Status Config::set_policy(std::string_view text) {
  auto policy = parse_policy(text);
  if (!policy.ok()) return policy.error();
  const std::lock_guard lock(mutex_);
  return change([&](Settings &settings) {
    settings.policy = policy.take();
    return Status();
  });
}

Status Config::set_alpn(std::string_view protocols) {
  std::vector<std::string> list = split_list(protocols);
  size_t total = 0;
  for (const std::string &protocol : list) {
    if (protocol.empty() || protocol.size() > 255) return Error{SOCKET_EINVAL};
    total += protocol.size() + 1;
  }
  if (total > UINT16_MAX) return Error{SOCKET_EINVAL};
  const std::lock_guard lock(mutex_);
  return change([&](Settings &settings) {
    settings.alpn = std::move(list);
    return Status();
  });
}

Status Config::set_tickets(bool on) {
  const std::lock_guard lock(mutex_);
  if (!server_) return Error{SOCKET_ESTATE};
  if (on == (settings_->tickets != nullptr)) return {};
  return change([&](Settings &settings) {
    settings.tickets = on ? std::make_shared<TicketKeys>() : nullptr;
    return Status();
  });
}

// The connections that are there share them: their tickets are good everywhere at once.
Status Config::set_ticket_keys(std::span<const uint8_t> keys) {
  const std::lock_guard lock(mutex_);
  if (!settings_->tickets) return Error{SOCKET_ESTATE};
  return settings_->tickets->set(keys);
}

Result<size_t> Config::get_ticket_keys(std::span<uint8_t> out) {
  const std::lock_guard lock(mutex_);
  if (!settings_->tickets) return Error{SOCKET_ESTATE};
  return settings_->tickets->get(out, std::time(nullptr));
}

Status Config::set_sessions(size_t most) {
  const std::lock_guard lock(mutex_);
  if (server_) return Error{SOCKET_ESTATE};
  return change([&](Settings &settings) {
    settings.sessions = most > 0 ? std::make_shared<SessionCache>(most) : nullptr;
    return Status();
  });
}

Status Config::set_key_log(const char *path) {
  std::shared_ptr<KeyLog> log;
  if (path) {
    auto file = os::open_to_write(path, os::Existing::append, os::Readers::owner);
    if (!file.ok()) return explain(file.error(), "cannot append to %s", path);
    log = std::make_shared<KeyLog>(file.take());
  }
  const std::lock_guard lock(mutex_);
  return change([&](Settings &settings) {
    settings.key_log = std::move(log);
    return Status();
  });
}

Status Config::set_handshake_timeout(int ms) noexcept {
  if (!server_) return Error{SOCKET_ESTATE};
  if (ms < 1) return Error{SOCKET_EINVAL};
  handshake_timeout_ms_ = ms;
  return {};
}

Status Config::set_max_handshakes(int most) noexcept {
  if (!server_) return Error{SOCKET_ESTATE};
  if (most < 1) return Error{SOCKET_EINVAL};
  max_handshakes_ = most;
  return {};
}

} // namespace socketpoll::tls
