/* What the generated test (generated/bad_handles.c) is made of: every value that is no live handle
 * of the wanted type, and the judgement of what a function answers to it. A macro defines one test
 * of one function; `call` uses the variable `handle`. */
#ifndef SOCKETPOLL_TEST_BAD_HANDLES_H
#define SOCKETPOLL_TEST_BAD_HANDLES_H

#include "cmocka_c.h"

#include <errno.h>

/* One handle type. `make` is NULL where no live handle can be had; `alive` may be NULL. */
struct recipe {
  const char *type;
  void *(*make)(void);
  void (*free)(void *handle);
  int (*alive)(void *handle);
};

struct bad_value {
  char what[64];
  void *word;
};

int set_recipes(const struct recipe *recipes); /* ends with a NULL type; returns 0 */
int make_live_handles(void **state);
int free_live_handles(void **state);
void live_handles_are_unharmed(void **state);
void *live_handle(int kind);
int fresh_fd(void); /* a descriptor that nobody watches yet, closed at the end */

/* The i-th value that is no live handle of `kind`; 0 when there are no more. */
int bad_value(unsigned i, int kind, void *on_stack, struct bad_value *value);

void expect_number(const char *test, const struct bad_value *value, long long got, long long want);
void expect_errno(const char *test, const struct bad_value *value, long long got);
void expect_null(const char *test, const struct bad_value *value, const void *got);

#define BAD_HANDLE_TEST(type, name, judge)                                                         \
  static void bad_##name(void **state) {                                                           \
    int on_stack = 0;                                                                              \
    struct bad_value value;                                                                        \
    (void)state;                                                                                   \
    for (unsigned i = 0; bad_value(i, KIND_##type, &on_stack, &value); i++) {                      \
      type handle = (type)value.word;                                                              \
      errno = 0;                                                                                   \
      judge;                                                                                       \
    }                                                                                              \
  }

#define EXPECT_NUMBER(type, name, call, want)                                                      \
  BAD_HANDLE_TEST(type, name, expect_number(#name, &value, (long long)(call), want))
#define EXPECT_ERRNO(type, name, call)                                                             \
  BAD_HANDLE_TEST(type, name, expect_errno(#name, &value, (long long)(call)))
#define EXPECT_NULL(type, name, call)                                                              \
  BAD_HANDLE_TEST(type, name, expect_null(#name, &value, (const void *)(call)))
/* Where there are no completion ports, that comes first. */
#if defined(_WIN32)
#define BAD_COMPLETION_PORT SOCKET_EBADHANDLE
#define NO_ARGUMENT_OF_PORT SOCKET_EINVAL
#else
#define BAD_COMPLETION_PORT SOCKET_ENOTSUP
#define NO_ARGUMENT_OF_PORT SOCKET_ENOTSUP
#endif

/* A call that lacks one argument, and what it must say to that. */
extern char scratch[4096];
void unused_callback(void);
void expect_error(const char *test, long long got, long long want);

#define WITHOUT_EXPECT_ERROR(name, call, want)                                                     \
  static void without_##name(void **state) {                                                       \
    (void)state;                                                                                   \
    expect_error(#name, (long long)(call), want);                                                  \
  }
#define WITHOUT_EXPECT_NULL(name, call)                                                            \
  static void without_##name(void **state) {                                                       \
    (void)state;                                                                                   \
    assert_null(call);                                                                             \
  }
#define WITHOUT_EXPECT_NO_CRASH(name, call)                                                        \
  static void without_##name(void **state) {                                                       \
    (void)state;                                                                                   \
    call;                                                                                          \
  }

#define EXPECT_NO_CRASH(type, name, call) BAD_HANDLE_TEST(type, name, call)
#define EXPECT_FREE(type, name)                                                                    \
  BAD_HANDLE_TEST(type, name,                                                                      \
                  (name(NULL), name(&handle), expect_null(#name, &value, (const void *)handle)))

#endif
