/* The values and judgements of the generated bad-handle test; see bad_handles.h. */
#define _POSIX_C_SOURCE 200809L

#include "bad_handles.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_KINDS = 32, MAX_FDS = 32 };

static const struct recipe *chosen;
static int kinds;
static void *live[MAX_KINDS];
static void *freed[MAX_KINDS];
static int fds[MAX_FDS];
static int fd_count;
static int *on_heap;

int set_recipes(const struct recipe *table) {
  chosen = table;
  for (kinds = 0; table[kinds].type; kinds++) {
  }
  return kinds > MAX_KINDS;
}

void *live_handle(int kind) { return live[kind]; }

int fresh_fd(void) {
  int ends[2];
  if (fd_count + 2 > MAX_FDS || pipe(ends) != 0) return -1;
  fds[fd_count++] = ends[1];
  return fds[fd_count++] = ends[0];
}

int make_live_handles(void **state) {
  (void)state;
  on_heap = calloc(64, sizeof *on_heap);
  if (!on_heap) return -1;
  for (int kind = 0; kind < kinds; kind++) {
    if (!chosen[kind].make) continue;
    /* In this order, so that the live one may take the place of the freed one. */
    freed[kind] = chosen[kind].make();
    if (freed[kind]) chosen[kind].free(freed[kind]);
    live[kind] = chosen[kind].make();
    if (!freed[kind] || !live[kind]) {
      print_error("cannot make a live %s\n", chosen[kind].type);
      return -1;
    }
  }
  return 0;
}

int free_live_handles(void **state) {
  (void)state;
  for (int kind = kinds; kind-- > 0;)
    if (live[kind]) chosen[kind].free(live[kind]);
  while (fd_count) close(fds[--fd_count]);
  free(on_heap);
  return 0;
}

/* Runs last: no bad call reached a live object. What stands on a live one can still be made. */
void live_handles_are_unharmed(void **state) {
  (void)state;
  for (int kind = 0; kind < kinds; kind++) {
    if (!live[kind]) continue;
    if (chosen[kind].alive && !chosen[kind].alive(live[kind]))
      fail_msg("the live %s no longer works", chosen[kind].type);
    void *another = chosen[kind].make();
    if (!another) fail_msg("no further %s can be made", chosen[kind].type);
    chosen[kind].free(another);
  }
}

static int named(struct bad_value *value, void *word, const char *what, const char *type) {
  snprintf(value->what, sizeof value->what, "%s%s", what, type);
  value->word = word;
  return 1;
}

int bad_value(unsigned i, int kind, void *on_stack, struct bad_value *value) {
  const unsigned count = (unsigned)kinds;
  switch (i) {
  case 0: return named(value, NULL, "NULL", "");
  case 1: return named(value, (void *)(uintptr_t)1, "the integer 1", "");
  case 2: return named(value, (void *)(uintptr_t)42, "the integer 42", "");
  case 3: return named(value, (void *)UINTPTR_MAX, "all ones", "");
  case 4: return named(value, on_stack, "a pointer to the stack", "");
  case 5: return named(value, on_heap, "a pointer to the heap", "");
  }
  i -= 6;
  if (i < count) return named(value, freed[i], "a freed ", chosen[i].type);
  i -= count;
  if (i >= count) return 0;
  return named(value, (int)i == kind ? NULL : live[i], "a live ", chosen[i].type);
}

void expect_number(const char *test, const struct bad_value *value, long long got, long long want) {
  if (got != want) fail_msg("%s with %s: %lld, not %lld", test, value->what, got, want);
}

void expect_errno(const char *test, const struct bad_value *value, long long got) {
  const int code = errno;
  if (got != -1 || code != EINVAL)
    fail_msg("%s with %s: %lld and errno %d, not -1 and EINVAL", test, value->what, got, code);
}

char scratch[4096];

void unused_callback(void) { fail_msg("a call that was refused has called back"); }

void expect_error(const char *test, long long got, long long want) {
  if (got != want) fail_msg("without %s: %lld, not %lld", test, got, want);
}

void expect_null(const char *test, const struct bad_value *value, const void *got) {
  if (got) fail_msg("%s with %s: not NULL", test, value->what);
}
