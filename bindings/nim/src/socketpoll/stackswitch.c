/* The switch between two stacks of one thread, for coroutines.nim.
 *
 * A stack is entered once by makecontext(3); after that every switch is _setjmp and _longjmp, which
 * unlike swapcontext(3) make no system call. Before it leaves, a stack holds all registers that its
 * callers may keep something in, in plain words: Nim's refc finds references by reading stacks, and
 * jmp_buf hides some of its words (glibc's PTR_MANGLE). */
#undef _FORTIFY_SOURCE /* its longjmp takes a jump to another stack for an attack */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <ucontext.h>

struct socketpoll_stack {
  jmp_buf registers;
  void *low;    /* the lowest word in use while it is not running */
  void *memory; /* where the stack may lie; NULL for the thread's own */
  size_t size;
  void (*entry)(void);
  int entered;
};

struct socketpoll_stack *socketpoll_stack_new(void *memory, size_t size, void (*entry)(void)) {
  struct socketpoll_stack *stack = calloc(1, sizeof *stack);
  if (stack == NULL) return NULL;
  stack->memory = memory;
  stack->size = size;
  stack->entry = entry;
  stack->entered = memory == NULL;
  return stack;
}

void socketpoll_stack_free(struct socketpoll_stack *stack) { free(stack); }

void *socketpoll_stack_low(const struct socketpoll_stack *stack) { return stack->low; }

static void leave(struct socketpoll_stack *to) {
  ucontext_t context;
  if (to->entered) _longjmp(to->registers, 1);
  to->entered = 1;
  if (getcontext(&context) != 0) abort();
  context.uc_stack.ss_sp = to->memory;
  context.uc_stack.ss_size = to->size;
  context.uc_link = NULL;
  makecontext(&context, to->entry, 0);
  setcontext(&context);
  abort();
}

/* Never inlined: what it spills is in a frame of its own, above which nothing is. */
__attribute__((noinline)) void socketpoll_stack_switch(struct socketpoll_stack *from,
                                                       struct socketpoll_stack *to) {
  __builtin_unwind_init();
  void *volatile here = NULL;
  /* A margin below the frame: the red zone and whatever the compiler keeps under `here`. */
  from->low = (char *)(void *)&here - 256;
  if (_setjmp(from->registers) == 0) leave(to);
}
