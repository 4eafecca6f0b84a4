#include "net/loop_object.hpp"

#include "net/loop.hpp"

namespace socketpoll {

LoopObject::~LoopObject() = default;

Result<HandleWord> LoopObject::enter(HandleFinalizer finalizer) {
  auto handle = HandleTable::instance().insert(kind_, this, loop_.handle(), finalizer);
  if (!handle.ok()) return handle;
  handle_ = *handle;
  loop_.own(*this);
  return handle;
}

Status LoopObject::renew_handle() {
  pending_ = 0;
  List<Deliverable, ReadyTag>::remove(*this);
  auto renewed = HandleTable::instance().renew(handle_);
  if (!renewed.ok()) return renewed.error();
  handle_ = *renewed;
  return {};
}

void LoopObject::dispose() noexcept {
  if (disposed()) return;
  HandleTable::instance().retire(handle_, kind_);
  handle_ = 0;
  pending_ = 0;
  target_ = {};
  List<Deliverable, ReadyTag>::remove(*this);
  loop_.disown(*this);
  on_dispose();
  loop_.retire(*this);
}

void LoopObject::set_target(SocketCallback_T callback, void *user) noexcept {
  target_ = {callback, user};
  if (pending_) enlist();
}

void LoopObject::enlist() noexcept {
  List<Deliverable, ReadyTag>::remove(*this);
  loop_.enlist(*this, target_of(first_pending()).callback != nullptr);
}

void LoopObject::raise(int kind) noexcept {
  if (disposed()) return;
  if (!pending(kind) && !target_of(kind).callback) loop_.count_event();
  pending_ |= uint32_t{1} << kind;
  if (!List<Deliverable, ReadyTag>::contains(*this)) enlist();
}

void LoopObject::withdraw(int kind) noexcept {
  pending_ &= ~(uint32_t{1} << kind);
  if (!pending_) List<Deliverable, ReadyTag>::remove(*this);
}

SocketCompletion_T LoopObject::take_event(const Target &target) noexcept {
  SocketCompletion_T event{};
  event.kind = first_pending();
  pending_ &= pending_ - 1;
  event.subject = reinterpret_cast<void *>(handle_);
  event.user = target.user;
  describe(event);
  return event;
}

void LoopObject::deliver() {
  while (pending_) {
    const Target target = target_of(first_pending());
    if (!target.callback || loop_.stopping()) return enlist();
    const SocketCompletion_T event = take_event(target);
    loop_.count_pushed();
    if (pending_) enlist(); // the callback may await what comes after this event
    target.callback(&event, target.user);
  }
  List<Deliverable, ReadyTag>::remove(*this);
}

size_t LoopObject::collect(std::span<SocketCompletion_T> out) {
  size_t count = 0;
  while (pending_ && count < out.size()) {
    const Target target = target_of(first_pending());
    if (target.callback) {
      enlist();
      return count;
    }
    out[count++] = take_event(target);
  }
  if (!pending_) List<Deliverable, ReadyTag>::remove(*this);
  return count;
}

void LoopObject::push_now(SocketCompletion_T &event) noexcept {
  event.subject = reinterpret_cast<void *>(handle_);
  event.user = target_.user;
  loop_.count_pushed();
  target_.callback(&event, target_.user);
}

} // namespace socketpoll
