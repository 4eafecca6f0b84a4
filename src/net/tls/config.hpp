// SocketTLS: what a program has configured, behind a handle that any thread may use. Each change
// makes new settings, and connections keep those that they began with.
#pragma once

#include "SocketTLS.h"

#include "base/handle_table.hpp"
#include "net/buffer/shared.hpp"
#include "net/tls/engine.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

namespace socketpoll::tls {

class Config final : public Shared {
public:
  static constexpr HandleKind kHandleKind = HandleKind::tls;

  // SOCKET_ENOTSUP in a library without an engine. Throws std::bad_alloc.
  static Result<Ref<Config>> create(bool server);
  void destroy() noexcept { const std::unique_ptr<Config> last(this); }

  bool server() const noexcept { return server_; }
  // What a connection begins with: SOCKET_EINVAL for a server without a certificate; explained.
  // Throws std::bad_alloc.
  Result<std::shared_ptr<const Context>> context();

  // ---- Changes; all of them may throw std::bad_alloc, and are then as if not made.
  Result<int> add_files(const char *names, const char *chain_path, const char *key_path);
  Result<int> add_memory(const char *names, std::string_view chain, std::string_view key);
  Status replace(int number, std::string_view chain, std::string_view key);
  Status reload();
  Status set_staple(int number, std::string_view der);
  Status set_password(SocketPassword_T password, void *user);
  Status set_password_text(const char *password);
  Status add_authorities(std::string_view text);
  Status add_authorities_file(const char *path);
  Status add_authorities_folder(const char *path);
  Status set_system_authorities(bool on);
  Status set_check(PeerCheck check);
  Status trust_anybody();
  Status set_verify(SocketTLSVerify_T verify, void *user);
  Status add_pin(std::string_view text);
  Status set_policy(std::string_view text);
  Status set_alpn(std::string_view protocols);
  Status set_tickets(bool on);
  Status set_ticket_keys(std::span<const uint8_t> keys);
  Result<size_t> get_ticket_keys(std::span<uint8_t> out);
  Status set_sessions(size_t most);
  Status set_key_log(const char *path);
  Status set_handshake_timeout(int ms) noexcept;
  Status set_max_handshakes(int most) noexcept;
  int handshake_timeout_ms() const noexcept { return handshake_timeout_ms_; }
  int max_handshakes() const noexcept { return max_handshakes_; }

private:
  struct Source {
    std::string chain_path, key_path; // empty: from memory
  };
  explicit Config(bool server);
  template <class Change> Status change(Change &&change);
  template <class Change> Status change_and_check(Change &&change);
  Result<int> add(Credential credential, Source source);
  Result<Credential> read_files(const Source &source);
  Status ask_password(Credential &credential);

  const bool server_;
  std::atomic<int> handshake_timeout_ms_ = SOCKET_TLS_HANDSHAKE_TIMEOUT_MS;
  std::atomic<int> max_handshakes_ = SOCKET_TLS_MAX_HANDSHAKES;
  std::mutex mutex_; // guards what follows
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const Context> context_; // of these settings, once somebody has asked
  std::vector<Source> sources_;            // one for each credential
  SocketPassword_T password_ = nullptr;
  void *password_user_ = nullptr;
  std::optional<Secret> password_text_; // in place of the function
};

} // namespace socketpoll::tls
