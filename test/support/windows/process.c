/* POSIX for tests: the process and its threads; and, at the end, what Windows cannot have. */
#include "inside.h"

#include <psapi.h>
#include <stdarg.h>

void test_posix_absent(const char *name) {
  fprintf(stderr, "reached on Windows, which has none: %s\n", name);
  fflush(NULL);
  abort();
}

int test_posix_getpid(void) { return (int)GetCurrentProcessId(); }
uid_t test_posix_geteuid(void) { return 1000; /* its rights are limited */ }
gid_t test_posix_getegid(void) { return 1000; }

int test_posix_sched_getaffinity(int id, size_t size, cpu_set_t *out) {
  GROUP_AFFINITY own;
  (void)id, (void)size;
  if (!GetThreadGroupAffinity(GetCurrentThread(), &own)) return fail_file();
  out->mask = own.Mask;
  return 0;
}

int test_posix_usleep(unsigned us) {
  Sleep((us + 999) / 1000);
  return 0;
}
unsigned test_posix_sleep(unsigned s) {
  Sleep(s * 1000);
  return 0;
}

int test_posix_setenv(const char *name, const char *value, int replace) {
  if (!replace && getenv(name)) return 0;
  return _putenv_s(name, value);
}
int test_posix_unsetenv(const char *name) { return _putenv_s(name, ""); }

long test_posix_sysconf(int what) {
  SYSTEM_INFO about;
  GetSystemInfo(&about);
  if (what == _SC_PAGESIZE) return (long)about.dwPageSize;
  if (what == _SC_NPROCESSORS_ONLN) return (long)about.dwNumberOfProcessors;
  test_posix_absent("that sysconf");
}

long test_posix_syscall(long number, ...) {
  if (number != SYS_gettid) test_posix_absent("that syscall");
  return (long)GetCurrentThreadId();
}

static struct timeval timeval_of(FILETIME time) {
  const uint64_t us = (((uint64_t)time.dwHighDateTime << 32) | time.dwLowDateTime) / 10;
  struct timeval result;
  result.tv_sec = (long)(us / 1000000);
  result.tv_usec = (long)(us % 1000000);
  return result;
}

int test_posix_getrusage(int who, struct rusage *out) {
  FILETIME begun, ended, kernel, user;
  memset(out, 0, sizeof *out);
  if (who == RUSAGE_THREAD)
    GetThreadTimes(GetCurrentThread(), &begun, &ended, &kernel, &user);
  else
    GetProcessTimes(GetCurrentProcess(), &begun, &ended, &kernel, &user);
  out->ru_utime = timeval_of(user);
  out->ru_stime = timeval_of(kernel);
  return 0;
}

/* There is no limit to lower; raising it is what has been done. */
#define MANY_FILES (1 << 20)

int test_posix_getrlimit(int what, struct rlimit *out) {
  if (what != RLIMIT_NOFILE) test_posix_absent("that limit");
  out->rlim_cur = out->rlim_max = MANY_FILES;
  return 0;
}

int test_posix_setrlimit(int what, const struct rlimit *limit) {
  if (what != RLIMIT_NOFILE || limit->rlim_cur < MANY_FILES)
    test_posix_absent("a limit of open files");
  return 0;
}

/* ---- Signals: none ever comes, which is the same as if all were blocked. */

int test_posix_pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
  (void)how, (void)set;
  if (old) *old = ~(1ull << SIGSEGV); /* which is never blocked */
  return 0;
}
int test_posix_sigemptyset(sigset_t *set) {
  *set = 0;
  return 0;
}
int test_posix_sigfillset(sigset_t *set) {
  *set = ~0ull;
  return 0;
}
int test_posix_sigaddset(sigset_t *set, int number) {
  *set |= 1ull << number;
  return 0;
}
int test_posix_sigdelset(sigset_t *set, int number) {
  *set &= ~(1ull << number);
  return 0;
}
int test_posix_sigismember(const sigset_t *set, int number) { return (int)(*set >> number & 1); }

__p_sig_fn_t test_posix_signal(int number, __p_sig_fn_t handler) {
  static __p_sig_fn_t handlers[64];
  const __p_sig_fn_t before = handlers[number];
  handlers[number] = handler;
  return before;
}

/* ---- Interfaces: none is found, which tests put up with. */

int test_posix_getifaddrs(struct ifaddrs **out) {
  *out = NULL;
  return 0;
}
void test_posix_freeifaddrs(struct ifaddrs *list) { (void)list; }

/* ---- What ends the program. (Their callers' arguments are of no use to them.) */

#define ABSENT(type, name, parameters)                                                             \
  type test_posix_##name parameters { test_posix_absent(#name); }
#pragma GCC diagnostic ignored "-Wunused-parameter"
ABSENT(int, chmod, (const char *path, unsigned mode))
ABSENT(int, fchmod, (int fd, unsigned mode))
ABSENT(unsigned, umask, (unsigned mode))
ABSENT(int, mkfifo, (const char *path, unsigned mode))
ABSENT(int, flock, (int fd, int how))
ABSENT(int, seteuid, (uid_t id))
ABSENT(int, raise, (int number))
ABSENT(int, kill, (int id, int number))
ABSENT(int, fork, (void))
ABSENT(int, waitpid, (int id, int *status, int how))
ABSENT(unsigned, alarm, (unsigned s))
ABSENT(int, setitimer, (int which, const struct itimerval *value, struct itimerval *old))
ABSENT(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old))
ABSENT(int, sigpending, (sigset_t * set))
ABSENT(int, sigprocmask, (int how, const sigset_t *set, sigset_t *old))
ABSENT(ssize_t, readlink, (const char *path, char *out, size_t size))
ABSENT(int, posix_openpt, (int flags))
ABSENT(int, grantpt, (int fd))
ABSENT(int, unlockpt, (int fd))
ABSENT(char *, ptsname, (int fd))
ABSENT(int, tcgetattr, (int fd, struct termios *out))
ABSENT(int, tcsetattr, (int fd, int when, const struct termios *in))
ABSENT(void, cfmakeraw, (struct termios * out))
ABSENT(int, ioctl, (int fd, unsigned long what, ...))
