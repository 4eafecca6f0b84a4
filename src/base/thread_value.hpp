// Base floor. A value of each thread, destroyed when the thread ends. A thread_local would say the
// same, but mingw-w64 gives back the memory of thread_locals before it destroys what is in them.
// What has no destructor is a constinit thread_local instead, which costs no call.
#pragma once

#include "base/os_module.hpp"

#include <memory>
#include <new>
#include <pthread.h>

namespace socketpoll {

// One value for each type: T belongs to the file that uses it.
template <class T> class ThreadValue {
public:
  // Null for a thread that has not made its own.
  static T *find() noexcept {
    return key().made ? static_cast<T *>(::pthread_getspecific(key().value)) : nullptr;
  }

  // Throws std::bad_alloc, also when the system has no key left.
  static T &get() {
    if (!key().made) throw std::bad_alloc();
    if (T *present = find()) return *present;
    auto made = std::make_unique<T>();
    if (::pthread_setspecific(key().value, made.get()) != 0) throw std::bad_alloc();
    return *made.release();
  }

private:
  struct Key {
    Key() noexcept : made(::pthread_key_create(&value, end) == 0) { stay_loaded(); }
    pthread_key_t value{};
    bool made;
  };
  static void end(void *value) { const std::unique_ptr<T> ended(static_cast<T *>(value)); }
  static const Key &key() noexcept {
    static const Key once;
    return once;
  }
};

} // namespace socketpoll
