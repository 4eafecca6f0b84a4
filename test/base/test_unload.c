/* A program lets go of the library while a thread that has used it still runs. The code has to
 * stay, for what the library does as a thread ends and on threads of its own. */
#include "cmocka_c.h"

#include <SocketPoll.h>

#include <pthread.h>
#include <stdlib.h>

#if defined(_WIN32)
static void *load(const char *path) { return (void *)LoadLibraryA(path); }
static void (*function(void *library, const char *name))(void) {
  return (void (*)(void))GetProcAddress((HMODULE)library, name);
}
static void unload(void *library) { FreeLibrary((HMODULE)library); }
#else
#include <dlfcn.h>
static void *load(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static void (*function(void *library, const char *name))(void) {
  void (*found)(void) = NULL;
  *(void **)(void *)&found = dlsym(library, name);
  return found;
}
static void unload(void *library) { dlclose(library); }
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int stage; /* 1: the thread has used the library, 2: it is unloaded */

static void reach(int reached) {
  pthread_mutex_lock(&mutex);
  stage = reached;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void await_stage(int wanted) {
  pthread_mutex_lock(&mutex);
  while (stage < wanted) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

static SocketPoll_T (*make)(int);
static int (*wait_for)(SocketPoll_T, SocketEvent_T **, int);
static void (*destroy)(SocketPoll_T *);

static int use_once(void) {
  SocketPoll_T poll = make(0);
  SocketEvent_T *events = NULL;
  const int count = wait_for(poll, &events, 0);
  destroy(&poll);
  return count == 0 && !poll;
}

static void *use(void *library) {
  make = (SocketPoll_T(*)(int))function(library, "SocketPoll_new");
  wait_for = (int (*)(SocketPoll_T, SocketEvent_T **, int))function(library, "SocketPoll_wait");
  destroy = (void (*)(SocketPoll_T *))function(library, "SocketPoll_free");
  int used = use_once();
  reach(1);
  await_stage(2);
  return used && use_once() ? library : NULL;
}

static void a_thread_outlives_its_library(void **state) {
  (void)state;
  const char *path = getenv("SOCKETPOLL_TEST_LIBRARY");
  pthread_t thread;
  void *library = load(path), *outcome = NULL;
  assert_non_null(library);
  assert_int_equal(pthread_create(&thread, NULL, use, library), 0);
  await_stage(1);
  unload(library);
  reach(2);
  pthread_join(thread, &outcome);
  assert_ptr_equal(outcome, library);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_thread_outlives_its_library)};
  return cmocka_run_group_tests_name("unload", tests, NULL, NULL);
}
