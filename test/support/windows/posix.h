/* The names that POSIX has and Windows has not, or has otherwise; read by prelude.h. */
#ifndef SOCKETPOLL_TEST_WINDOWS_POSIX_H
#define SOCKETPOLL_TEST_WINDOWS_POSIX_H

/* ---- Constants */

#define SOCK_NONBLOCK 0x0800
#define SOCK_CLOEXEC 0x80000
#define MSG_NOSIGNAL 0x01000000
#define MSG_DONTWAIT 0x02000000
#define MSG_CMSG_CLOEXEC 0x04000000
#define SHUT_RD SD_RECEIVE
#define SHUT_WR SD_SEND
#define SHUT_RDWR SD_BOTH
#define SCM_RIGHTS 1
#ifndef SO_REUSEPORT
#define SO_REUSEPORT 0x7fff0001 /* no option of winsock has these numbers: they are refused */
#endif
#define SO_PROTOCOL 0x7fff0002
#define SO_DOMAIN 0x7fff0003

#define O_NONBLOCK 0x00100000
#define O_CLOEXEC 0x00200000
#define O_DIRECTORY 0x00400000
#define O_NOFOLLOW 0x00800000
#define O_TMPFILE 0x01000000 /* refused */
#define O_NOCTTY 0
#define O_PATH 0
#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
/* winsock's POLLIN is two bits, of which it reports one */
#undef POLLIN
#undef POLLPRI
#undef POLLOUT
#undef POLLERR
#undef POLLHUP
#undef POLLNVAL
#define POLLIN 0x01
#define POLLPRI 0x02
#define POLLOUT 0x04
#define POLLERR 0x08
#define POLLHUP 0x10
#define POLLNVAL 0x20
#define POLLRDHUP 0x2000
#define POLL_IN 1
#define F_DUPFD 0
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#define FD_CLOEXEC 1
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8
#define S_IFLNK 0xA000
#define S_IFSOCK 0xC000
#define S_ISLNK(mode) (((mode)&0xF000) == S_IFLNK)
#define S_ISSOCK(mode) (((mode)&0xF000) == S_IFSOCK)
#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe
#define FTW_F 0
#define FTW_D 1
#define FTW_SL 4
#define FTW_DP 5
#define FTW_PHYS 1
#define FTW_DEPTH 8

#define RLIMIT_NOFILE 7
#define RLIMIT_FSIZE 1
#define RLIM_INFINITY (~0ull)
#define RUSAGE_SELF 0
#define RUSAGE_THREAD 1
#define _SC_PAGESIZE 30
#define _SC_PAGE_SIZE 30
#define _SC_NPROCESSORS_ONLN 84
#define SYS_gettid 186

#define SIGHUP 1
#define SIGQUIT 3
#define SIGKILL 9
#define SIGUSR1 10
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGXFSZ 25
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SA_RESTART 0x10000000
#define SA_SIGINFO 4
#define CPU_COUNT(set) __builtin_popcountll((set)->mask)
#define CPU_ZERO(set) ((set)->mask = 0)
#define CPU_OR(to, one, other) ((to)->mask = (one)->mask | (other)->mask)
#define ITIMER_REAL 0
#define WNOHANG 1
#define WIFEXITED(status) (((status)&0x7f) == 0)
#define WEXITSTATUS(status) (((status) >> 8) & 0xff)
#define WIFSIGNALED(status) (((status)&0x7f) != 0)
#define WTERMSIG(status) ((status)&0x7f)

#define EFD_NONBLOCK O_NONBLOCK
#define EFD_CLOEXEC O_CLOEXEC
#define TIOCSWINSZ 1
#define TIOCGWINSZ 2
#define TCSANOW 0
#define ECHO 8
#define ICANON 2
#define IFF_RUNNING 64
#undef IFF_LOOPBACK
#define IFF_LOOPBACK 8
#define EAI_SYSTEM 0x7fff0001
#define SUN_LEN(name) (offsetof(struct sockaddr_un, sun_path) + strlen((name)->sun_path))

/* ---- Types */

typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef unsigned long nfds_t;
typedef unsigned long long rlim_t;
typedef ADDRESS_FAMILY sa_family_t;
typedef uint32_t in_addr_t;
typedef uint16_t in_port_t;
typedef unsigned long long sigset_t;

struct POSIX_STRUCT(pollfd) {
  int fd;
  short events, revents;
};

struct POSIX_STRUCT(stat) {
  uint64_t st_dev, st_ino;
  uint32_t st_mode, st_nlink, st_uid, st_gid;
  int64_t st_size;
  struct timespec st_atim, st_mtim, st_ctim;
};
#ifndef SOCKETPOLL_TEST_POSIX_INSIDE
#define st_mtime st_mtim.tv_sec
#endif

typedef struct cpu_set {
  uint64_t mask;
} cpu_set_t;

struct rlimit {
  rlim_t rlim_cur, rlim_max;
};

struct rusage {
  struct timeval ru_utime, ru_stime;
  long ru_maxrss, ru_nvcsw, ru_nivcsw;
};

struct iovec {
  void *iov_base;
  size_t iov_len;
};

struct msghdr {
  void *msg_name;
  socklen_t msg_namelen;
  struct iovec *msg_iov;
  size_t msg_iovlen;
  void *msg_control;
  size_t msg_controllen;
  int msg_flags;
};

struct itimerval {
  struct timeval it_interval, it_value;
};

struct FTW {
  int base, level;
};

struct winsize {
  unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

struct termios {
  unsigned c_iflag, c_oflag, c_cflag, c_lflag;
};

struct ifaddrs {
  struct ifaddrs *ifa_next;
  char *ifa_name;
  unsigned ifa_flags;
  struct sockaddr *ifa_addr;
};

typedef struct siginfo {
  int si_signo;
} siginfo_t;

struct sigaction {
  union {
    void (*sa_handler)(int);
    void (*sa_sigaction)(int, siginfo_t *, void *);
  };
  sigset_t sa_mask;
  int sa_flags;
};

/* ---- Functions */

#ifdef __cplusplus
extern "C" {
#endif

#include "posix_functions.h"

/* Not POSIX's: the end of what Windows cannot have. */
__attribute__((noreturn)) void test_posix_absent(const char *name);

static inline void *memmem(const void *from, size_t size, const void *what, size_t length) {
  const char *at = (const char *)from;
  for (size_t i = 0; i + length <= size; i++)
    if (memcmp(at + i, what, length) == 0) return (void *)(at + i);
  return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
