// Net floor, TLS. The seam between this library and the one that does the cryptography. Which one
// is decided when socketpoll is built; its types stay inside its own files.
//
// An engine is one connection's: it takes the peer's records from a Wire and gives it ours. It
// never waits and knows no socket. A context makes engines of settings that do not change any more.
#pragma once

#include "base/result.hpp"
#include "net/tls/settings.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace socketpoll::tls {

// "mbedtls", "openssl" or "none".
const char *engine_name() noexcept;
bool can_staple() noexcept;
// Of the system's generator of random numbers. SOCKET_EIO.
Status fill_random(std::span<uint8_t> out) noexcept;

// Where an engine's records come from and go to.
class Wire {
public:
  // As much of what the peer sent as there is, up to `into`; 0: nothing more just now.
  size_t take(std::span<char> into) noexcept;
  bool empty() const noexcept { return input_.empty(); }
  // Takes all of it. False: it cannot be sent, nor can anything after it.
  virtual bool put(std::span<const char> records) noexcept = 0;

protected:
  ~Wire() = default;
  std::span<const char> input_; // not taken yet
};

// What a connection agreed on. Texts live as long as the engine, and are empty where there is none.
struct Agreement {
  Version version = Version::tls12;
  const Suite *suite = nullptr;
  std::string_view alpn;
  std::string_view server_name; // that the client asked for
  bool resumed = false;
};

class Engine {
public:
  virtual ~Engine() = default;
  // Goes on with the handshake: done, SOCKET_EAGAIN (until more is on the wire) or why it failed;
  // an alert that says so is on the wire then. Throws std::bad_alloc, as may all of these.
  virtual Status handshake() = 0;
  // Bytes of at most one record, 0 once the peer has ended its side (close_notify), SOCKET_EAGAIN
  // when the wire has no whole record.
  virtual Result<size_t> read(std::span<char> into) = 0;
  // One record; at most kMostPlain bytes.
  static constexpr size_t kMostPlain =
      16383; // of TLS 1.3 with mbedTLS, and one byte less than RFC 8446 has
  virtual Status write(std::span<const char> bytes) = 0;
  // Ends our side: close_notify.
  virtual Status finish() = 0;
  // Gives back what a connection without traffic can do without; what comes next takes it again.
  virtual void idle() noexcept = 0;

  virtual Agreement agreement() const noexcept = 0;
  // The peer's certificate (0), and those that it sent along, as DER; SOCKET_ENOENT.
  virtual Result<std::string> peer_certificate(int index) const = 0;
  // What failed, in a sentence; empty if nothing has.
  virtual std::string_view failure() const noexcept = 0;
};

// A credential that the engine has read and can use. Read once, however many settings and contexts
// have it: a server may have a thousand, and be given them one by one.
class Identity {
public:
  virtual ~Identity() = default;
  const Credential &credential() const noexcept { return credential_; }
  // The credential's, or where it has none the certificate's.
  const std::vector<std::string> &names() const noexcept { return names_; }

protected:
  explicit Identity(Credential credential)
      : credential_(std::move(credential)), names_(credential_.names) {}
  const Credential credential_;
  std::vector<std::string> names_;
};

// SOCKET_ECREDENTIAL, SOCKET_EPASSWORD, SOCKET_ENOTSUP, explained in `why`. Throws std::bad_alloc.
Result<std::shared_ptr<const Identity>> read_identity(Credential credential, std::string &why);

class Context : public std::enable_shared_from_this<Context> {
public:
  virtual ~Context() = default;
  // Of a client, `server` is whom it wants to reach: a name, or an address as text. Of a server it
  // is empty. The engine keeps this alive. Throws std::bad_alloc.
  virtual Result<std::unique_ptr<Engine>> engine(Wire &wire, std::string_view server) const = 0;
};

// SOCKET_ECREDENTIAL (an authority's) and the like, explained in `why`. Throws std::bad_alloc.
Result<std::shared_ptr<const Context>> make_context(std::shared_ptr<const Settings> settings,
                                                    std::string &why);

// What `socketpoll cert` and tests make certificates of: PEM in, PEM out. `issuer_key` empty:
// signed by itself. The first name is the subject's as well; a name that is a number is an address.
struct CertificateRequest {
  std::vector<std::string> names;
  bool authority = false;
  bool client = false;
  bool rsa = false;
  int64_t not_before = 0, not_after = 0; // seconds since 1970
  std::string issuer_chain, issuer_key;
};
struct NewCertificate {
  std::string chain, key;
};
// SOCKET_ECREDENTIAL (the issuer's), SOCKET_EINVAL, explained in `why`. Throws std::bad_alloc.
Result<NewCertificate> make_certificate(const CertificateRequest &request, std::string &why);

// The SHA-256 of a certificate, DER or the first one of PEM. SOCKET_ECREDENTIAL. Throws
// std::bad_alloc.
Result<Digest> certificate_digest(std::string_view certificate);

// A certificate in a few lines for people. SOCKET_ECERTIFICATE. Throws std::bad_alloc.
Result<std::string> describe_certificate(std::string_view der);

} // namespace socketpoll::tls
