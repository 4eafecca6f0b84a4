## Stacks for coroutines: their memory, entering and leaving them, and what a garbage collector has
## to know of them. Only coroutines.nim uses this.
when defined(windows):
  {.compile: "fiberswitch.c".}
else:
  import std/posix
  {.compile: "stackswitch.c".}

type
  CStack {.incompleteStruct.} = object
  Stack* = ptr object
    native: ptr CStack
    memory: pointer # guard page first
    size: int       # without it; 0: the thread's own stack
    frame: FrameKept
  FrameKept = typeof(getFrameState())

proc newNative(memory: pointer; size: csize_t; entry: proc () {.cdecl.}): ptr CStack
  {.importc: "socketpoll_stack_new", cdecl.}
proc freeNative(stack: ptr CStack) {.importc: "socketpoll_stack_free", cdecl.}
proc switchNative(here, to: ptr CStack) {.importc: "socketpoll_stack_switch", cdecl.}

const KeptStacks = 64 # of the default size, for the next coroutines

var
  root {.threadvar.}: Stack
  kept {.threadvar.}: seq[Stack]

proc noMemory(stack: Stack; size: int) {.noinline.} =
  deallocShared(stack)
  raise newException(OutOfMemDefect, "no memory for a coroutine's stack of " & $size & " bytes")

when defined(windows):
  const pageSize = 4096

  proc newStack(size: int; entry: proc () {.cdecl.}): Stack =
    result = cast[Stack](allocShared0(sizeof(result[])))
    result.size = size
    result.native = newNative(nil, csize_t(size), entry)
    if result.native.isNil: noMemory(result, size)

  proc freeStack(stack: Stack) =
    freeNative(stack.native)
    deallocShared(stack)

else:
  let pageSize = int sysconf(SC_PAGESIZE)

  proc newStack(size: int; entry: proc () {.cdecl.}): Stack =
    result = cast[Stack](allocShared0(sizeof(result[])))
    result.size = size
    if size == 0:
      result.native = newNative(nil, 0, nil)
      return
    let memory = mmap(nil, size + pageSize, PROT_READ or PROT_WRITE,
                      MAP_PRIVATE or MAP_ANONYMOUS or MAP_NORESERVE, -1, 0)
    if memory == MAP_FAILED: noMemory(result, size)
    discard mprotect(memory, pageSize, PROT_NONE)
    result.memory = memory
    result.native = newNative(cast[pointer](cast[int](memory) + pageSize), csize_t(size), entry)

  proc freeStack(stack: Stack) =
    freeNative(stack.native)
    discard munmap(stack.memory, stack.size + pageSize)
    deallocShared(stack)

proc rootStack*(): Stack =
  ## The thread's own.
  if root.isNil: root = newStack(0, nil)
  root

const
  CountsReferences = defined(gcArc) or defined(gcOrc)
  HaveCoroutines* = CountsReferences or (defined(nimCoroutines) and not defined(windows))

when CountsReferences or not HaveCoroutines:
  template beforeFirst() = discard
  template afterLast(liveStacks: int) = discard
  template tellBottom(stack: Stack) = discard
  template collectIfDue*(liveStacks: int; slices: proc (): seq[Stack]) = discard
else:
  include refcstacks

proc takeStack*(size: int; entry: proc () {.cdecl.}): Stack =
  ## A stack that begins in `entry`, or goes on there in the loop in which it was parked.
  let rounded = (max(size, 16384) + pageSize - 1) div pageSize * pageSize
  beforeFirst()
  if kept.len > 0 and kept[^1].size == rounded: kept.pop()
  else: newStack(rounded, entry)

proc giveStack*(stack: Stack) =
  ## Takes one back whose coroutine has ended.
  if kept.len < KeptStacks: kept.add stack
  else: freeStack(stack)

{.push stackTrace: off, checks: off.}

# The chain of frames and of handlers, and the exception that is being handled, belong to a stack.

proc enterStack*(here, to: Stack) =
  ## Goes to a coroutine's stack, until that one leaves.
  let state = getFrameState()
  setFrameState(default(FrameKept))
  tellBottom(to) # last: from here on refc takes this stack for the heap
  switchNative(here.native, to.native)
  tellBottom(here)
  setFrameState(state)

proc leaveStack*(here, to: Stack) =
  ## Goes back to who entered this stack, until it is entered again.
  let state = getFrameState()
  switchNative(here.native, to.native)
  setFrameState(state)

proc parkStack*(here, to: Stack) =
  ## The same at the end of a body: nothing of it is kept for the next one, least of all an
  ## exception that it left unfinished.
  switchNative(here.native, to.native)

{.pop.}
