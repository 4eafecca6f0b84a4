#include "net/tls/trust.hpp"

#include "base/error.hpp"
#include "net/os/os_file.hpp"
#include "net/tls/system_store.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

namespace socketpoll::tls {

namespace {
constexpr size_t kMostBytes = 16 << 20;

// A file that has certificates: PEM says so, and DER begins with a long SEQUENCE (X.690, 8.1.3.5).
bool has_certificates(std::string_view text) noexcept {
  return text.starts_with("\x30\x82") || text.find("-----BEGIN CERTIFICATE-----") != text.npos ||
         text.find("-----BEGIN TRUSTED CERTIFICATE-----") != text.npos;
}

void add_folder(std::vector<std::string> &found, std::string_view path) {
  if (auto texts = read_authorities_folder(std::string(path).c_str()); texts.ok())
    std::ranges::move(*texts, std::back_inserter(found));
}

std::vector<std::string> read_system() {
  const char *const file = std::getenv("SSL_CERT_FILE");
  const char *const folders = std::getenv("SSL_CERT_DIR");
  if (!file && !folders) return read_system_store();
  std::vector<std::string> found;
  if (file)
    if (auto text = read_whole_file(file); text.ok()) found.push_back(text.take());
  for (std::string_view rest = folders ? folders : ""; !rest.empty();) {
    const size_t end = std::min(rest.find(between_folders), rest.size());
    add_folder(found, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return found;
}
} // namespace

const std::vector<std::string> &system_authorities() {
  static const std::vector<std::string> found = read_system();
  return found;
}

Result<std::vector<std::string>> read_authorities_folder(const char *path) {
  namespace fs = std::filesystem;
  const std::u8string_view name(reinterpret_cast<const char8_t *>(path));
  std::error_code failed;
  std::set<std::string> texts; // Debian's has each of them under two names
  for (fs::directory_iterator at(fs::path(name), failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::u8string file = at->path().u8string();
    auto text = read_whole_file(reinterpret_cast<const char *>(file.c_str()));
    if (text.ok() && has_certificates(*text)) texts.insert(text.take());
  }
  if (failed)
    return explain(error_from_errno(failed.default_error_condition().value()), "cannot read %s",
                   path);
  if (texts.empty()) return explain({SOCKET_ECREDENTIAL}, "%s has no certificates", path);
  return std::vector<std::string>(texts.begin(), texts.end());
}

Result<std::string> read_whole_file(const char *path) {
  auto file = os::open_to_read(path);
  if (!file.ok()) return file.error();
  std::string text;
  for (size_t used = 0;;) {
    if (used > kMostBytes) return Error{SOCKET_EMSGSIZE};
    text.resize(used + 65536);
    auto got = os::read_at(file->get(), std::span(text).subspan(used), static_cast<int64_t>(used));
    if (!got.ok()) return got.error();
    used += *got;
    text.resize(used);
    if (*got == 0) return text;
  }
}

} // namespace socketpoll::tls
