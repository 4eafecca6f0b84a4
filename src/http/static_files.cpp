#include "http/static_files.hpp"

#include "SocketHTTPServer.h"

#include "base/error.hpp"
#include "http/file_response.hpp"
#include "http/listing.hpp"
#include "http/mime.hpp"
#include "http/negotiate.hpp"
#include "http/path.hpp"
#include "http/percent.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace socketpoll::http {
namespace {

// PATH_MAX of Linux, which no open() exceeds.
constexpr size_t kMaxPath = 4096;
constexpr std::string_view kIndexFile = "index.html";
constexpr std::string_view kCompressed = ".gz";
constexpr int kNotFound = 404;

int status_of(int code) noexcept {
  switch (code) {
  case SOCKET_ENOENT:
  case SOCKET_ENOTDIR:
  case SOCKET_EISDIR:
  case SOCKET_ELOOP:
  case SOCKET_ENAMETOOLONG: return kNotFound;
  case SOCKET_EACCES:
  case SOCKET_EPERM: return 403;
  case SOCKET_ENOMEM:
  case SOCKET_EMFILE:
  case SOCKET_ENFILE:
  case SOCKET_EAGAIN: return 503;
  default: return 500;
  }
}

// A name that begins with a dot is not for the public, but for the one at the top that RFC 8615 has
// put there.
bool hidden(std::string_view path) noexcept {
  constexpr std::string_view kWellKnown = ".well-known";
  if (path.starts_with(kWellKnown) &&
      (path.size() == kWellKnown.size() || path[kWellKnown.size()] == '/'))
    path.remove_prefix(kWellKnown.size());
  return path.starts_with('.') || path.find("/.") != std::string_view::npos;
}

// Whether a compressed copy could be worth having: not of what is compressed already.
bool compressible(std::string_view type) noexcept {
  constexpr std::array<std::string_view, 3> kPlainImages = {"image/svg+xml", "image/bmp",
                                                            "image/vnd.microsoft.icon"};
  constexpr std::array<std::string_view, 8> kPacked = {"application/epub+zip",
                                                       "application/gzip",
                                                       "application/java-archive",
                                                       "application/x-bzip2",
                                                       "application/x-7z-compressed",
                                                       "application/x-xz",
                                                       "application/zip",
                                                       "application/zstd"};
  const auto is = [type](std::string_view other) { return type == other; };
  if (type.starts_with("image/")) return std::any_of(kPlainImages.begin(), kPlainImages.end(), is);
  if (type.starts_with("video/") || type.starts_with("audio/") || type.starts_with("font/woff"))
    return false;
  return std::none_of(kPacked.begin(), kPacked.end(), is);
}

bool takes_gzip(const Exchange &exchange) noexcept {
  if (!exchange.head().has(KnownHeader::accept_encoding)) return false;
  constexpr size_t kLines = 4;
  std::string_view lines[kLines];
  const size_t count = exchange.request().collect(KnownHeader::accept_encoding, lines, kLines);
  return prefers_gzip(lines, std::min(count, kLines));
}

} // namespace

class StaticFiles::Path {
public:
  // The status of a refusal, or 0.
  int read(std::string_view raw) noexcept {
    const SafePath safe = safe_path(raw, text_, kMaxPath);
    if (safe.status) return safe.status;
    length_ = safe.length;
    folder_ = safe.directory;
    return hidden(view()) ? kNotFound : 0;
  }
  bool is_folder() const noexcept { return folder_; }
  std::string_view view() const noexcept { return {text_, length_}; }
  const char *c_str() const noexcept { return text_; }
  size_t length() const noexcept { return length_; }

  // Appends `name` within the folder; there is room for any.
  void enter(std::string_view name) noexcept {
    if (length_ > 0) text_[length_++] = '/';
    put(name);
  }
  void put(std::string_view text) noexcept {
    text = text.substr(0, sizeof text_ - length_ - 1);
    std::memcpy(text_ + length_, text.data(), text.size());
    cut(length_ + text.size());
  }
  void cut(size_t length) noexcept {
    length_ = length;
    text_[length] = 0;
  }

private:
  char text_[kMaxPath + 512]; // with a slash and a name of NAME_MAX bytes and a suffix after it
  size_t length_ = 0;
  bool folder_ = false;
};

Result<std::unique_ptr<StaticFiles>> StaticFiles::open(Loop &loop, const char *folder, int flags) {
  if (flags & ~SOCKET_HTTP_LISTING) return Error{SOCKET_EINVAL};
  auto opened = os::Folder::open(folder);
  if (!opened.ok()) return explain(opened.error(), "cannot serve %s", folder);
  return std::unique_ptr<StaticFiles>(
      new StaticFiles(loop, opened.take(), flags & SOCKET_HTTP_LISTING));
}

void StaticFiles::serve(Exchange &exchange, std::string_view rest) {
  Path path;
  if (const int refusal = path.read(rest)) {
    (void)exchange.respond_error(refusal);
    return;
  }
  Status status = path.is_folder() ? serve_folder(exchange, path) : serve_file(exchange, path);
  if (status.code() == SOCKET_EISDIR && !path.is_folder()) status = redirect(exchange, rest, path);
  if (status.ok() || exchange.ended()) return;
  if (exchange.answered()) return exchange.abort(status.code()); // too late for another answer
  (void)exchange.respond_error(status_of(status.code()));
}

Status StaticFiles::serve_file(Exchange &exchange, Path &path) {
  auto content = find(exchange, path);
  return content.ok() ? respond_content(exchange, *content, now()) : Status(content.error());
}

Status StaticFiles::serve_folder(Exchange &exchange, Path &path) {
  const size_t length = path.length();
  path.enter(kIndexFile);
  const Status status = serve_file(exchange, path);
  path.cut(length);
  if (status.ok() || exchange.answered() || status_of(status.code()) != kNotFound || !lists_)
    return status;
  return list(exchange, path);
}

// To the path as we understood it, so that nothing of what was sent can make it another host's
// ("//host/", RFC 3986 4.2), with the query as it was.
Status StaticFiles::redirect(Exchange &exchange, std::string_view rest, const Path &path) {
  const RequestView request = exchange.request();
  std::string_view prefix = request.path();
  prefix.remove_suffix(std::min(rest.size(), prefix.size()));
  prefix.remove_prefix(std::min(prefix.find_first_not_of('/'), prefix.size()));
  std::string line = "Location: /";
  line += prefix;
  percent_encode(line, path.view(), true);
  line += '/';
  if (exchange.head().has_query) (line += '?') += request.query();
  line += "\r\n";
  if (const Status status = exchange.add_lines(line); !status.ok())
    return status.code() == SOCKET_ELIMIT ? exchange.respond_error(414) : status;
  return exchange.respond_error(301);
}

Status StaticFiles::list(Exchange &exchange, Path &path) {
  std::vector<ListingEntry> entries;
  const size_t length = path.length();
  const Status read =
      folder_.each_entry(path.c_str(), [&](std::string_view name, const os::FileInfo &found) {
        os::FileInfo info = found;
        // safe_path lets nobody ask for it.
        if (name.find('\\') != std::string_view::npos) return true;
        if (info.kind == os::FileKind::link) {
          path.enter(name);
          auto target = folder_.info(path.c_str());
          path.cut(length);
          if (!target.ok()) return true;
          info = *target;
        }
        if (info.kind != os::FileKind::regular && info.kind != os::FileKind::folder) return true;
        entries.push_back({std::string(name), info.kind == os::FileKind::folder, info.size,
                           info.modified.tv_sec});
        return entries.size() < kMaxListed;
      });
  if (!read.ok()) return read;
  const auto page =
      std::make_shared<const std::string>(listing_page(path.view(), std::move(entries)));
  Status status = exchange.set_header("Content-Security-Policy", kListingPolicy);
  if (status.ok()) status = exchange.set_header("Cache-Control", "no-cache");
  if (!status.ok()) return status;
  constexpr std::string_view kType = "text/html; charset=utf-8";
  if (exchange.is_head_request())
    return exchange.respond_head(200, kType, static_cast<int64_t>(page->size()));
  Borrowed borrowed;
  borrowed.bytes = *page;
  borrowed.owner = page;
  return exchange.respond_borrowed(200, kType, std::move(borrowed));
}

Result<FileRef> StaticFiles::find(const Exchange &exchange, Path &path) {
  const std::string_view type = mime_type(path.view());
  const bool varies = compressible(type);
  if (varies && takes_gzip(exchange)) {
    auto compressed = look_up(path, Coding::gzip, type, varies);
    if (compressed.ok() && exists(path)) return compressed;
  }
  return look_up(path, Coding::identity, type, varies);
}

Result<FileRef> StaticFiles::look_up(Path &path, Coding coding, std::string_view type,
                                     bool varies) {
  const Moment present = moment();
  const size_t length = path.length();
  Held *open = held(path, coding);
  FileCache::Entry *entry = open ? nullptr : cache_.find(path.view());
  FileCache::Fact *fact = open ? &open->fact : entry ? &entry->fact(coding) : nullptr;
  if (fact && fact->checked == present) {
    if (fact->content) return fact->content;
    return Error{SOCKET_ENOENT};
  }
  if (coding == Coding::gzip) path.put(kCompressed);
  if (fact && fact->content) {
    if (fact->content->settled()) {
      auto info = folder_.info(path.c_str());
      if (info.ok() && info->same_state(fact->content->info())) {
        path.cut(length);
        fact->checked = present;
        return fact->content;
      }
    }
    if (open)
      *fact = {};
    else
      cache_.drop(*entry, coding);
  }
  auto loaded = FileContent::load(folder_, path.c_str(), coding, type, varies, now());
  path.cut(length);
  if (loaded.ok()) {
    if ((*loaded)->in_memory())
      cache_.put(path.view(), coding, *loaded, present);
    else
      hold(path, coding, *loaded);
  } else if (coding == Coding::gzip && (entry = cache_.find(path.view()))) {
    entry->fact(coding).checked = present;
  }
  return loaded;
}

StaticFiles::Held *StaticFiles::held(const Path &path, Coding coding) noexcept {
  for (Held &file : held_)
    if (file.fact.content && file.coding == coding && file.path == path.view()) return &file;
  return nullptr;
}

// In the place of the one that was not used for longest.
void StaticFiles::hold(const Path &path, Coding coding, FileRef content) {
  Held &place = *std::min_element(held_.begin(), held_.end(), [](const Held &a, const Held &b) {
    return a.fact.checked.time_ns < b.fact.checked.time_ns;
  });
  place.fact = {};
  place.path = path.view();
  place.coding = coding;
  place.fact = {std::move(content), moment()};
  if (!armed()) loop_.timers().arm(*this, loop_.now_ns() + kHeldMs * kNsPerMs);
}

void StaticFiles::on_timer() {
  bool any = false;
  for (Held &file : held_) {
    if (file.fact.checked.time_ns + kHeldMs * kNsPerMs <= loop_.now_ns()) file.fact = {};
    any = any || file.fact.content;
  }
  if (any) loop_.timers().arm(*this, loop_.now_ns() + kHeldMs * kNsPerMs);
}

bool StaticFiles::exists(const Path &path) noexcept {
  const Moment present = moment();
  FileCache::Entry *entry = cache_.find(path.view());
  if (entry && entry->seen == present) return true;
  auto info = folder_.info(path.c_str());
  if (!info.ok() || info->kind != os::FileKind::regular) return false;
  if (entry) entry->seen = present;
  return true;
}

} // namespace socketpoll::http
