# How coroutines and refc get along; included by stacks.nim under refc only.
#
# refc does not count what stacks refer to: when it collects, it reads the stack instead, from the
# running end to one bottom, and can read no other (see coroutines.nim). So it does not collect
# while there are coroutines, except here: between two turns, on the thread's own stack, on a
# stack that was made for this and above whose end, in one piece with it, lie copies of the words
# in use on all other stacks. refc moves nothing, so copies hold as well as originals. The rest of
# the time refc only has to know whether an address is on the running stack (`isOnStack`): for
# that it is told the running stack's bottom at every switch. Without -d:nimCoroutines there are
# no coroutines (`newCoroutine` says so), and nothing else changes.
proc activeBottom(): pointer {.cdecl, importc: "GC_getActiveStack".}

proc lowNative(stack: ptr CStack): pointer {.importc: "socketpoll_stack_low", cdecl.}

proc bottom(stack: Stack): pointer = cast[pointer](cast[int](stack.memory) + pageSize + stack.size)

const
  CollectorStack = 512 * 1024
  LeastGrowth = 4 * 1024 * 1024 # bytes between two collections

var
  rootBottom {.threadvar.}: pointer
  occupied {.threadvar.}: int # after the last collection
  words {.threadvar.}: seq[Stack]
  collector {.threadvar.}: Stack
  collectorEnd {.threadvar.}: pointer

proc beforeFirst() =
  if rootBottom.isNil: rootBottom = activeBottom()
  if occupied == 0:
    occupied = getOccupiedMem()
    GC_disable()

{.push stackTrace: off, checks: off.}

proc tellBottom(stack: Stack) {.inline.} =
  nimGC_setStackBottom(if stack.size == 0: rootBottom else: stack.bottom)

proc copyWords(into: var pointer; stack: Stack) =
  let low = lowNative(stack.native)
  let size = cast[int](if stack.size == 0: rootBottom else: stack.bottom) - cast[int](low)
  copyMem(into, low, size)
  into = cast[pointer](cast[int](into) + size)

proc collect() {.noinline.} =
  var into = collector.bottom
  copyWords(into, root)
  for stack in words: copyWords(into, stack)
  nimGC_setStackBottom(collectorEnd)
  GC_enable()
  GC_fullCollect()
  GC_disable()
  nimGC_setStackBottom(rootBottom)

proc onCollector() {.cdecl.} =
  collect()
  switchNative(collector.native, root.native)

{.pop.}

proc collectIfDue*(liveStacks: int; slices: proc (): seq[Stack]) =
  ## Collects when the heap has grown by half; gives the work back to refc when no coroutine lives.
  if occupied == 0: return
  if liveStacks == 0:
    occupied = 0
    GC_enable()
    return
  if getOccupiedMem() - occupied < max(LeastGrowth, occupied div 2): return
  words = slices()
  var here: pointer
  # Room for this stack's words: as far as here, and what is still called from here.
  var total = cast[int](rootBottom) - cast[int](addr here) + 16384
  for stack in words: total += cast[int](stack.bottom) - cast[int](lowNative(stack.native))
  # The word at the bottom itself is read, too: one more page.
  total = (total + pageSize - 1) div pageSize * pageSize + pageSize
  let size = CollectorStack + total
  let memory = mmap(nil, size + pageSize, PROT_READ or PROT_WRITE,
                    MAP_PRIVATE or MAP_ANONYMOUS or MAP_NORESERVE, -1, 0)
  if memory == MAP_FAILED: return # later, then
  discard mprotect(memory, pageSize, PROT_NONE)
  collector = cast[Stack](allocShared0(sizeof(collector[])))
  collector.memory = memory
  collector.size = CollectorStack
  collector.native = newNative(cast[pointer](cast[int](memory) + pageSize), csize_t(CollectorStack),
                               onCollector)
  collectorEnd = cast[pointer](cast[int](memory) + size)
  let state = getFrameState()
  setFrameState(default(FrameKept))
  switchNative(rootStack().native, collector.native)
  setFrameState(state)
  freeNative(collector.native)
  discard munmap(memory, size + pageSize)
  deallocShared(collector)
  collector = nil
  words.setLen 0
  occupied = getOccupiedMem()
