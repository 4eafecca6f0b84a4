// Which names Windows would take for something else than a file. Runs everywhere.
#include "cmocka_cpp.hpp"

#include "http/windows/names.hpp"

#include <cctype>
#include <string>

using socketpoll::http::names_a_file;

namespace {

void devices_are_no_files(void **) {
  for (const std::string device :
       {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$", "COM0", "COM1", "COM9", "LPT0",
        "LPT1", "LPT9", "COM\xc2\xb9", "LPT\xc2\xb2", "COM\xc2\xb3"}) {
    std::string lower;
    for (const char c : device)
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const std::string &name : {device, lower}) {
      assert_false(names_a_file(name));
      assert_false(names_a_file(name + ".txt"));
      assert_false(names_a_file(name + ".tar.gz"));
      assert_false(names_a_file(name + "  .txt"));
      assert_false(names_a_file(name + ":"));
      assert_false(names_a_file(name + " "));
    }
  }
}

void names_like_devices_are_files(void **) {
  for (const char *name : {"CONSOLE", "con1", "xcon", "nul-1", "COM", "COM10", "LPT", "LPTA",
                           "com.txt", "a.con", "CON_", "\xc2\xb9", "COM\xc2\xb4", "prn-1.txt"})
    assert_true(names_a_file(name));
}

void streams_drives_and_wildcards(void **) {
  for (const char *name : {"a.txt:stream", "a.txt::$DATA", "C:", "c:a.txt", "a*", "a?", "\"a\"",
                           "<a", "a>", "a|b", "a\\b", "\\", "\\\\server", "a/b", "..\\x"})
    assert_false(names_a_file(name));
}

void what_windows_would_cut_off(void **) {
  for (const char *name : {"", ".", "..", "...", "a.", "a..", "a ", "a. ", " ", ". "})
    assert_false(names_a_file(name));
  for (const char *name : {".a", "..a", " a", "a b", "a.b.c", "\xc3\xbc \xc3\xb6.txt"})
    assert_true(names_a_file(name));
}

void control_characters(void **) {
  for (int c = 0; c < ' '; c++) assert_false(names_a_file(std::string("a") + static_cast<char>(c)));
  assert_true(names_a_file("a\x7f"));
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(devices_are_no_files), cmocka_unit_test(names_like_devices_are_files),
      cmocka_unit_test(streams_drives_and_wildcards), cmocka_unit_test(what_windows_would_cut_off),
      cmocka_unit_test(control_characters)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
