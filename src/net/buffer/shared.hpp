// Objects that several threads keep alive together: a count inside the object, and who holds one.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace socketpoll {

// Made with one reference, which Ref::adopt takes over.
class Shared {
public:
  Shared(const Shared &) = delete;
  Shared &operator=(const Shared &) = delete;
  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  // True to the one who let go last, and sees everything that the others did.
  bool release() noexcept { return references_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  // Whether the asker, who holds a reference, is the only one. Nobody else can make that false.
  bool unique() const noexcept { return references_.load(std::memory_order_acquire) == 1; }

protected:
  Shared() noexcept = default;
  ~Shared() = default;

private:
  std::atomic<uint32_t> references_{1};
};

// T derives from Shared and has `void destroy() noexcept`.
template <class T> class Ref {
public:
  Ref() noexcept = default;
  static Ref adopt(T *object) noexcept {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  static Ref share(T &object) noexcept {
    object.retain();
    return adopt(&object);
  }
  Ref(const Ref &other) noexcept : object_(other.object_) {
    if (object_) object_->retain();
  }
  Ref(Ref &&other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class From> Ref(Ref<From> &&other) noexcept : object_(other.leak()) {}
  Ref &operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ && object_->release()) object_->destroy();
  }
  // The reference now belongs to who adopts the pointer again.
  T *leak() noexcept { return std::exchange(object_, nullptr); }

  explicit operator bool() const noexcept { return object_ != nullptr; }
  T *get() const noexcept { return object_; }
  T *operator->() const noexcept { return object_; }
  T &operator*() const noexcept { return *object_; }

private:
  T *object_ = nullptr;
};

} // namespace socketpoll
