// Static files from within: a kernel without openat2, the bound of the cache, and every allocation
// of a request failing once.
#include "cmocka_cpp.hpp"
#include "failing_new.hpp"

#include "SocketHTTPServer.h"

#include "http/file_cache.hpp"
#include "net/os/os_socket.hpp"

#include <arpa/inet.h>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>

using namespace socketpoll;
using namespace socketpoll::http;

namespace {

class TemporaryFolder {
public:
  TemporaryFolder() { assert_non_null(mkdtemp(path_)); }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string path(const char *name) const { return std::string(path_) + "/" + name; }
  void write(const char *name, std::string_view text) const {
    const std::unique_ptr<FILE, int (*)(FILE *)> file(fopen(path(name).c_str(), "w"), fclose);
    assert_non_null(file.get());
    assert_int_equal(fwrite(text.data(), 1, text.size(), file.get()), text.size());
  }
  void folder(const char *name) const { assert_int_equal(mkdir(path(name).c_str(), 0755), 0); }
  void link(const char *target, const char *name) const {
    assert_int_equal(symlink(target, path(name).c_str()), 0);
  }

private:
  char path_[40] = "/tmp/socketpoll-inside-XXXXXX";
};

// With and without openat2 the same, but for links.
void folders(void **) {
  TemporaryFolder top;
  top.folder("www");
  top.folder("www/d");
  top.folder("www/d/e");
  top.write("www/a", "top");
  top.write("www/d/e/b", "deep");
  top.write("secret", "secret");
  const bool has_links = !left_out_on_windows(WITHOUT_LINKS);
  if (has_links) {
    top.link("a", "www/in");
    top.link("d", "www/way");
    top.link("../secret", "www/out");
  }
  for (const bool walks : {false, true}) {
    auto folder = os::Folder::open(top.path("www").c_str());
    assert_true(folder.ok());
    if (walks) folder->forbid_links();
    const auto code = [&](const char *path) { return folder->open_file(path).code(); };
    const auto kind = [&](const char *path) {
      auto info = folder->info(path);
      return info.ok() ? info->kind : os::FileKind::other;
    };
    assert_int_equal(code("a"), 0);
    assert_int_equal(code("d/e/b"), 0);
    assert_int_equal(code("d/e"), 0);
    assert_int_equal(code(""), 0);
    assert_int_equal(code("d/x"), SOCKET_ENOENT);
    assert_int_equal(code("x/b"), SOCKET_ENOENT);
    if (!left_out_on_windows("below a file, there is no such path")) {
      assert_int_equal(code("a/b"), SOCKET_ENOTDIR);
      assert_int_equal(code("a/b/c"), SOCKET_ENOTDIR);
    }
    assert_int_equal(code(std::string(300, 'n').c_str()), SOCKET_ENAMETOOLONG);
    assert_int_equal(code((std::string(300, 'n') + "/b").c_str()), SOCKET_ENAMETOOLONG);
    assert_true(kind("a") == os::FileKind::regular);
    assert_true(kind("d/e/b") == os::FileKind::regular);
    assert_true(kind("d") == os::FileKind::folder);
    assert_true(kind("") == os::FileKind::folder);
    assert_int_not_equal(code("out"), 0);
    assert_false(kind("out") == os::FileKind::regular);
    assert_int_equal(code("in") == 0, !walks && has_links);
    assert_int_equal(code("way/e/b") == 0, !walks && has_links);
    assert_int_equal(kind("in") == os::FileKind::regular, !walks && has_links);
    std::string names;
    const auto note = [&](std::string_view name, const os::FileInfo &info) {
      names.append(name).append(info.kind == os::FileKind::link ? "@" : " ");
      return true;
    };
    assert_true(folder->each_entry("", note).ok());
    assert_int_equal(names.size(), std::strlen(has_links ? "a d in@way@out@" : "a d "));
    assert_int_equal(folder->each_entry("a", note).code(), SOCKET_ENOTDIR);
  }
}

FileRef content_of(const os::Folder &folder, const char *path, int64_t now = 0) {
  auto content = FileContent::load(folder, path, Coding::identity, "text/plain", true, now);
  if (content.code() == SOCKET_ENOMEM) throw std::bad_alloc(); // told by the system's own room
  assert_true(content.ok());
  return content.take();
}

void contents(void **) {
  TemporaryFolder top;
  top.write("small", std::string(65536, 's'));
  top.write("large", std::string(65537, 'l'));
  auto folder = os::Folder::open(top.path("").c_str());
  assert_true(folder.ok());
  const FileRef small = content_of(*folder, "small"), large = content_of(*folder, "large");
  assert_true(small->in_memory());
  assert_int_equal(small->bytes().size(), 65536);
  assert_false(large->in_memory());
  // A file is settled when nobody has touched it for longer than a clock may take to tick.
  const int64_t changed = small->info().changed.tv_sec;
  assert_false(content_of(*folder, "small", changed)->settled());
  assert_false(content_of(*folder, "small", changed - 1000)->settled());
  assert_true(content_of(*folder, "small", changed + 10)->settled());
  assert_int_equal(FileContent::load(*folder, "", Coding::identity, {}, false, 0).code(),
                   SOCKET_EISDIR);
  fail_each_allocation([&] { (void)content_of(*folder, "small"); });
}

void the_cache(void **) {
  TemporaryFolder top;
  top.write("f", std::string(1000, 'f'));
  auto folder = os::Folder::open(top.path("").c_str());
  assert_true(folder.ok());
  const FileRef file = content_of(*folder, "f");
  FileCache cache(20000);
  const Moment moment{1, 1};
  for (int i = 0; i < 1000; i++) {
    cache.put(std::to_string(i), Coding::identity, file, moment);
    assert_non_null(cache.find("0")); // used all the time, so it stays
    assert_true(cache.bytes() <= 20000);
  }
  assert_true(cache.count() >= 8);
  assert_null(cache.find("1"));
  assert_non_null(cache.find("999"));
  // An entry goes with its last content.
  const size_t count = cache.count();
  cache.put("0", Coding::gzip, file, moment);
  FileCache::Entry *entry = cache.find("0");
  cache.drop(*entry, Coding::identity);
  assert_ptr_equal(cache.find("0"), entry);
  cache.drop(*entry, Coding::gzip);
  assert_null(cache.find("0"));
  assert_true(cache.count() < count);
  // What is larger than all of it is not kept, and nothing else is left.
  FileCache tiny(100);
  tiny.put("f", Coding::identity, file, moment);
  assert_int_equal(tiny.count(), 0);
  assert_int_equal(tiny.bytes(), 0);
  assert_int_equal(file.use_count(), 1 + static_cast<long>(cache.count()));
  // Without memory nothing changes.
  FileCache fresh(20000);
  fail_each_allocation([&] {
    assert_int_equal(fresh.count(), 0);
    assert_int_equal(fresh.bytes(), 0);
    fresh.put("a name that is too long for the string itself", Coding::identity, file, moment);
  });
  assert_int_equal(fresh.count(), 1);
}

// ---- A server and its client in one thread

class Client {
public:
  Client(SocketLoop_T loop, int port) : loop_(loop) {
    fd_ = Fd(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd_.get(), reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
    fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  }
  void ask(const char *target) const {
    char text[256];
    const int length = snprintf(text, sizeof text,
                                "GET %s HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n"
                                "Range: bytes=0-1,3-4\r\nConnection: close\r\n\r\n",
                                target);
    assert_int_equal(::send(fd_.get(), text, static_cast<size_t>(length), MSG_NOSIGNAL), length);
  }
  // The status of the response, 0 if the connection ended without one. The loop runs meanwhile, and
  // it is the loop's allocations that may fail.
  int answer(long failing_at) const {
    char bytes[65536];
    size_t length = 0;
    for (;;) {
      const ssize_t got = recv(fd_.get(), bytes + length, sizeof bytes - length - 1, 0);
      if (got == 0 || (got < 0 && errno != EAGAIN)) break;
      if (got > 0) {
        length += static_cast<size_t>(got);
        continue;
      }
      allocations_left = failing_at;
      SocketLoop_run_once(loop_, 50);
      // Once they have failed for a turn there is memory again.
      failing_at = allocations_left > 0 ? allocations_left : -1;
      allocations_left = -1;
    }
    bytes[length] = 0;
    ran_through_ = failing_at > 0;
    if (length == 0) return 0;
    assert_int_equal(std::strncmp(bytes, "HTTP/1.1 ", 9), 0);
    return std::atoi(bytes + 9);
  }
  bool ran_through() const { return ran_through_; }

private:
  SocketLoop_T loop_;
  Fd fd_;
  mutable bool ran_through_ = false;
};

// The request whose allocation fails is answered with an error or not at all; the next one is fine.
void requests_without_memory(void **) {
  TemporaryFolder top;
  top.write("f.txt", "0123456789");
  top.write("f.txt.gz", "packed and more");
  top.folder("a folder with a name that is not short");
  SocketLoop_T loop = SocketLoop_new();
  SocketHTTPServer_T server = SocketHTTPServer_new(loop);
  assert_int_equal(SocketHTTPServer_static(server, "/", top.path("").c_str(), SOCKET_HTTP_LISTING),
                   0);
  assert_int_equal(SocketHTTPServer_listen(server, "127.0.0.1:0"), 0);
  const int port = SocketHTTPServer_get_port(server);
  const struct {
    const char *target;
    int status;
  } cases[] = {{"/f.txt", 206},
               {"/", 200},
               {"/a%20folder%20with%20a%20name%20that%20is%20not%20short", 301}};
  for (const auto &one : cases) {
    for (long n = 0;; n++) {
      const Client hurt(loop, port);
      hurt.ask(one.target);
      const int status = hurt.answer(n);
      assert_true(status == one.status || status == 503 || status == 0);
      const Client next(loop, port);
      next.ask(one.target);
      assert_int_equal(next.answer(-1), one.status);
      if (hurt.ran_through()) break;
      assert_true(n < 500);
    }
  }
  SocketLoop_free(&loop);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(folders),
      cmocka_unit_test(contents),
      cmocka_unit_test(the_cache),
      cmocka_unit_test(requests_without_memory),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
