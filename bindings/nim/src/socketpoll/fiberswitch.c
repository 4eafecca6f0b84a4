/* The switch between two stacks of one thread, on Windows: fibers. As stackswitch.c, but that the
 * system makes the stacks. */
#include <stdlib.h>
#include <windows.h>

struct socketpoll_stack {
  void *fiber;
  void (*entry)(void);
};

static void WINAPI begin(void *stack) { ((struct socketpoll_stack *)stack)->entry(); }

/* Without an entry: the thread's own. */
struct socketpoll_stack *socketpoll_stack_new(void *memory, size_t size, void (*entry)(void)) {
  struct socketpoll_stack *stack = calloc(1, sizeof *stack);
  (void)memory;
  if (stack == NULL) return NULL;
  stack->entry = entry;
  if (entry != NULL)
    stack->fiber = CreateFiberEx(16384, size, FIBER_FLAG_FLOAT_SWITCH, begin, stack);
  else if (IsThreadAFiber())
    stack->fiber = GetCurrentFiber();
  else
    stack->fiber = ConvertThreadToFiberEx(NULL, FIBER_FLAG_FLOAT_SWITCH);
  if (stack->fiber == NULL) {
    free(stack);
    return NULL;
  }
  return stack;
}

void socketpoll_stack_free(struct socketpoll_stack *stack) {
  DeleteFiber(stack->fiber);
  free(stack);
}

void socketpoll_stack_switch(struct socketpoll_stack *from, struct socketpoll_stack *to) {
  (void)from;
  SwitchToFiber(to->fiber);
}
