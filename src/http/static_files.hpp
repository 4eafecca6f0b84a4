// HTTP floor: serves a folder. From a request's path to a file, a redirect, a folder's page or an
// error; what is sent is file_response's, what is remembered is file_cache's.
#pragma once

#include "http/exchange.hpp"
#include "http/file_cache.hpp"
#include "net/loop.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace socketpoll::http {

class StaticFiles : private TimerNode {
public:
  // `flags`: of SocketHTTPServer_static. SOCKET_EINVAL for unknown ones; SOCKET_ENOENT and the like
  // for the folder. Throws std::bad_alloc.
  static Result<std::unique_ptr<StaticFiles>> open(Loop &loop, const char *folder, int flags);

  // Answers a GET or HEAD. `rest` is the path below the prefix as it was sent, without the slash at
  // its front: the end of exchange.request().path(). Throws std::bad_alloc, with the exchange
  // unanswered or its connection closing.
  void serve(Exchange &exchange, std::string_view rest);

  static constexpr size_t kCacheBytes = 16 << 20;
  static constexpr size_t kMaxListed = 10000;

  const FileCache &cache() const noexcept { return cache_; }

private:
  // A path below the folder, with room to turn it into that of a sibling.
  class Path;

  StaticFiles(Loop &loop, os::Folder folder, bool lists)
      : loop_(loop), folder_(std::move(folder)), lists_(lists), cache_(kCacheBytes) {
    loop.timers().join(*this);
  }

  Status serve_file(Exchange &exchange, Path &path);
  Status serve_folder(Exchange &exchange, Path &path);
  Status redirect(Exchange &exchange, std::string_view rest, const Path &path);
  Status list(Exchange &exchange, Path &path);

  // What to send for the file at `path`: the compressed sibling where that is wanted.
  Result<FileRef> find(const Exchange &exchange, Path &path);
  Result<FileRef> look_up(Path &path, Coding coding, std::string_view type, bool varies);
  // Whether there is a file at `path`, for which its sibling may stand in.
  bool exists(const Path &path) noexcept;

  // A file that is too large for the cache stays open for a moment after its last use: requests for
  // it share a descriptor, and none is held by a server that rests.
  struct Held {
    std::string path;
    Coding coding = Coding::identity;
    FileCache::Fact fact;
  };
  static constexpr size_t kMaxHeld = 8;
  static constexpr int64_t kHeldMs = 1000;
  Held *held(const Path &path, Coding coding) noexcept;
  void hold(const Path &path, Coding coding, FileRef content);
  void on_timer() override;
  void on_no_memory() noexcept override {}

  Moment moment() const noexcept { return {loop_.turn_number(), loop_.now_ns()}; }
  int64_t now() noexcept { return loop_.clock().wall_seconds(); }

  Loop &loop_;
  const os::Folder folder_;
  const bool lists_;
  FileCache cache_;
  std::array<Held, kMaxHeld> held_;
};

} // namespace socketpoll::http
