/* console PROGRAM ARGUMENT...: runs it on a console of its own that nobody sees, with this
 * program's standard output and error, and presses Ctrl-C there for each line of the standard
 * input. Its exit status is this one's. A test cannot do so from outside: the key reaches the
 * programs of one console, and signals of another system reach none. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static DWORD WINAPI press_keys(void *process) {
  char line[16];
  BOOL attached = FALSE;
  FreeConsole();
  SetConsoleCtrlHandler(NULL, TRUE); /* this program goes on */
  while (fgets(line, sizeof line, stdin)) {
    if (!attached) attached = AttachConsole(*(DWORD *)process);
    if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0))
      fprintf(stderr, "GenerateConsoleCtrlEvent: %lu\n", GetLastError());
  }
  return 0;
}

/* As the C run-time of the other side takes it apart; no argument here has a quote in it. */
static char *command_line(int count, char **arguments) {
  static char line[32768];
  for (int i = 1; i < count; i++) {
    strcat(line, i > 1 ? " \"" : "\"");
    strcat(line, arguments[i]);
    strcat(line, "\"");
  }
  return line;
}

int main(int count, char **arguments) {
  STARTUPINFOA start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
  PROCESS_INFORMATION child;
  DWORD status = 1;
  start.hStdInput = CreateFileA("NUL", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
  start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
  start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
  if (!CreateProcessA(NULL, command_line(count, arguments), NULL, NULL, TRUE, CREATE_NO_WINDOW,
                      NULL, NULL, &start, &child)) {
    fprintf(stderr, "cannot run %s: %lu\n", arguments[1], GetLastError());
    return 127;
  }
  CloseHandle(CreateThread(NULL, 0, press_keys, &child.dwProcessId, 0, NULL));
  WaitForSingleObject(child.hProcess, INFINITE);
  GetExitCodeProcess(child.hProcess, &status);
  ExitProcess(status);
}
