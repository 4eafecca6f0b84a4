/* Read by posix.h: every function that the tests see in place of the system's. */

/* socket.c */
POSIX_FUNCTION(int, socket, (int, int, int));
POSIX_FUNCTION(int, bind, (int, const struct sockaddr *, socklen_t));
POSIX_FUNCTION(int, connect, (int, const struct sockaddr *, socklen_t));
POSIX_FUNCTION(int, listen, (int, int));
POSIX_FUNCTION(int, accept, (int, struct sockaddr *, socklen_t *));
POSIX_FUNCTION(int, accept4, (int, struct sockaddr *, socklen_t *, int));
POSIX_FUNCTION(ssize_t, send, (int, const void *, size_t, int));
POSIX_FUNCTION(ssize_t, recv, (int, void *, size_t, int));
POSIX_FUNCTION(ssize_t, sendto,
               (int, const void *, size_t, int, const struct sockaddr *, socklen_t));
POSIX_FUNCTION(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *));
POSIX_FUNCTION(ssize_t, sendmsg, (int, const struct msghdr *, int));
POSIX_FUNCTION(ssize_t, recvmsg, (int, struct msghdr *, int));
POSIX_FUNCTION(int, getsockopt, (int, int, int, void *, socklen_t *));
POSIX_FUNCTION(int, setsockopt, (int, int, int, const void *, socklen_t));
POSIX_FUNCTION(int, shutdown, (int, int));
POSIX_FUNCTION(int, getsockname, (int, struct sockaddr *, socklen_t *));
POSIX_FUNCTION(int, getpeername, (int, struct sockaddr *, socklen_t *));
POSIX_FUNCTION(int, socketpair, (int, int, int, int[2]));
POSIX_FUNCTION(int, pipe, (int[2]));
POSIX_FUNCTION(int, pipe2, (int[2], int));
POSIX_FUNCTION(int, poll, (struct POSIX_STRUCT(pollfd) *, nfds_t, int));
POSIX_FUNCTION(int, eventfd, (unsigned, int));
POSIX_FUNCTION(int, eventfd_write, (int, uint64_t));

/* files.c */
POSIX_FUNCTION(int, open, (const char *, int, ...));
POSIX_FUNCTION(int, close, (int));
POSIX_FUNCTION(ssize_t, read, (int, void *, size_t));
POSIX_FUNCTION(ssize_t, write, (int, const void *, size_t));
POSIX_FUNCTION(ssize_t, pread, (int, void *, size_t, int64_t));
POSIX_FUNCTION(ssize_t, pwrite, (int, const void *, size_t, int64_t));
POSIX_FUNCTION(int64_t, lseek, (int, int64_t, int));
POSIX_FUNCTION(int, ftruncate, (int, int64_t));
POSIX_FUNCTION(int, truncate, (const char *, int64_t));
POSIX_FUNCTION(int, stat, (const char *, struct POSIX_STRUCT(stat) *));
POSIX_FUNCTION(int, lstat, (const char *, struct POSIX_STRUCT(stat) *));
POSIX_FUNCTION(int, fstat, (int, struct POSIX_STRUCT(stat) *));
POSIX_FUNCTION(int, fcntl, (int, int, ...));
POSIX_FUNCTION(int, dup, (int));
POSIX_FUNCTION(int, dup2, (int, int));
POSIX_FUNCTION(int, dup3, (int, int, int));
POSIX_FUNCTION(int, mkdir, (const char *, unsigned));
POSIX_FUNCTION(int, rmdir, (const char *));
POSIX_FUNCTION(int, unlink, (const char *));
POSIX_FUNCTION(int, rename, (const char *, const char *));
POSIX_FUNCTION(int, symlink, (const char *, const char *));
POSIX_FUNCTION(ssize_t, readlink, (const char *, char *, size_t));
POSIX_FUNCTION(int, mkstemp, (char *));
POSIX_FUNCTION(char *, mkdtemp, (char *));
POSIX_FUNCTION(int, utimensat, (int, const char *, const struct timespec[2], int));
POSIX_FUNCTION(int, access, (const char *, int));
POSIX_FUNCTION(int, nftw,
               (const char *,
                int (*)(const char *, const struct POSIX_STRUCT(stat) *, int, struct FTW *), int,
                int));
POSIX_FUNCTION(FILE *, tmpfile, (void));
POSIX_FUNCTION(int, fileno, (FILE *));
POSIX_FUNCTION(int, isatty, (int));

/* process.c */
POSIX_FUNCTION(int, getpid, (void));
POSIX_FUNCTION(int, usleep, (unsigned));
POSIX_FUNCTION(unsigned, sleep, (unsigned));
POSIX_FUNCTION(int, setenv, (const char *, const char *, int));
POSIX_FUNCTION(int, unsetenv, (const char *));
POSIX_FUNCTION(long, sysconf, (int));
POSIX_FUNCTION(long, syscall, (long, ...));
POSIX_FUNCTION(uid_t, geteuid, (void));
POSIX_FUNCTION(gid_t, getegid, (void));
POSIX_FUNCTION(int, sched_getaffinity, (int, size_t, cpu_set_t *));
POSIX_FUNCTION(int, getrusage, (int, struct rusage *));
POSIX_FUNCTION(int, getrlimit, (int, struct rlimit *));
POSIX_FUNCTION(int, setrlimit, (int, const struct rlimit *));
POSIX_FUNCTION(int, pthread_sigmask, (int, const sigset_t *, sigset_t *));
POSIX_FUNCTION(int, sigismember, (const sigset_t *, int));
POSIX_FUNCTION(int, sigemptyset, (sigset_t *));
POSIX_FUNCTION(int, sigfillset, (sigset_t *));
POSIX_FUNCTION(int, sigaddset, (sigset_t *, int));
POSIX_FUNCTION(int, sigdelset, (sigset_t *, int));
POSIX_FUNCTION(__p_sig_fn_t, signal, (int, __p_sig_fn_t));

/* absent.c: what ends the program */
POSIX_FUNCTION(int, chmod, (const char *, unsigned));
POSIX_FUNCTION(int, fchmod, (int, unsigned));
POSIX_FUNCTION(unsigned, umask, (unsigned));
POSIX_FUNCTION(int, mkfifo, (const char *, unsigned));
POSIX_FUNCTION(int, flock, (int, int));
POSIX_FUNCTION(int, seteuid, (uid_t));
POSIX_FUNCTION(int, raise, (int));
POSIX_FUNCTION(int, kill, (int, int));
POSIX_FUNCTION(int, fork, (void));
POSIX_FUNCTION(int, waitpid, (int, int *, int));
POSIX_FUNCTION(unsigned, alarm, (unsigned));
POSIX_FUNCTION(int, setitimer, (int, const struct itimerval *, struct itimerval *));
POSIX_FUNCTION(int, sigaction, (int, const struct sigaction *, struct sigaction *));
POSIX_FUNCTION(int, sigpending, (sigset_t *));
POSIX_FUNCTION(int, sigprocmask, (int, const sigset_t *, sigset_t *));
POSIX_FUNCTION(int, posix_openpt, (int));
POSIX_FUNCTION(int, grantpt, (int));
POSIX_FUNCTION(int, unlockpt, (int));
POSIX_FUNCTION(char *, ptsname, (int));
POSIX_FUNCTION(int, tcgetattr, (int, struct termios *));
POSIX_FUNCTION(int, tcsetattr, (int, int, const struct termios *));
POSIX_FUNCTION(void, cfmakeraw, (struct termios *));
POSIX_FUNCTION(int, ioctl, (int, unsigned long, ...));
POSIX_FUNCTION(int, getifaddrs, (struct ifaddrs **));
POSIX_FUNCTION(void, freeifaddrs, (struct ifaddrs *));
