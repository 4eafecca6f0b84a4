#include "system.hpp"

#include <winsock2.h>

#include <cerrno>
#include <fcntl.h>
#include <io.h>
#include <memory>
#include <share.h>
#include <shellapi.h>
#include <sys/stat.h>
#include <vector>
#include <windows.h>

namespace cli {
namespace {

std::string utf8(const wchar_t *text) {
  const int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<size_t>(size > 0 ? size : 1), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, -1, out.data(), size, nullptr, nullptr);
  out.pop_back(); // the NUL
  return out;
}

int open_for_writing(const char *path, int how) {
  wchar_t wide[4096];
  int fd = -1;
  if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, std::size(wide))) {
    errno = ENOENT;
    return -1;
  }
  _wsopen_s(&fd, wide, _O_WRONLY | how | _O_CREAT | _O_BINARY | _O_NOINHERIT, _SH_DENYNO,
            _S_IREAD | _S_IWRITE);
  return fd;
}

} // namespace

// What main() is given is in the code page of the machine, which lacks most names.
char **command_line(int &count, char **values) {
  static std::vector<std::string> texts;
  static std::vector<char *> pointers;
  int wide_count = 0;
  const std::unique_ptr<wchar_t *, decltype(&LocalFree)> wide(
      CommandLineToArgvW(GetCommandLineW(), &wide_count), LocalFree);
  if (!wide) return values;
  for (int i = 0; i < wide_count; i++) texts.push_back(utf8(wide.get()[i]));
  for (std::string &text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  count = wide_count;
  return pointers.data();
}

void prepare_process() { SetConsoleOutputCP(CP_UTF8); }

int open_to_append(const char *path) { return open_for_writing(path, _O_APPEND); }
// Who may read it follows from its folder.
int create_file(const char *path, bool) { return open_for_writing(path, _O_EXCL); }

std::tm utc_of(std::time_t time) {
  std::tm utc{};
  gmtime_s(&utc, &time);
  return utc;
}

int duplicate_socket(int fd) {
  WSAPROTOCOL_INFOW info;
  if (WSADuplicateSocketW(static_cast<SOCKET>(fd), GetCurrentProcessId(), &info) != 0) return -1;
  const SOCKET copy = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info,
                                 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  return copy == INVALID_SOCKET ? -1 : static_cast<int>(copy);
}

void close_socket(int fd) { closesocket(static_cast<SOCKET>(fd)); }

// Nobody hands sockets to a program here.
std::string url_of(int fd) { return "descriptor " + std::to_string(fd); }

} // namespace cli
