// An intrusive doubly linked list: membership costs no allocation and cannot fail, and an element
// leaves in O(1) without knowing which list it is in.
#pragma once

#include <cstddef>

namespace socketpoll {

class ListNode {
public:
  ListNode() noexcept = default;
  ListNode(const ListNode &) = delete;
  ListNode &operator=(const ListNode &) = delete;
  ~ListNode() { unlink(); }

  bool linked() const noexcept { return next_ != nullptr; }
  void unlink() noexcept {
    if (!linked()) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

private:
  template <class T, class Tag> friend class List;
  void insert_before(ListNode &position) noexcept {
    unlink();
    previous_ = position.previous_;
    next_ = &position;
    previous_->next_ = this;
    position.previous_ = this;
  }
  ListNode *next_ = nullptr;
  ListNode *previous_ = nullptr;
};

// An element derives from one Linked<Tag> for each list it can be in at a time.
template <class Tag> class Linked : public ListNode {};

template <class T, class Tag> class List {
public:
  List() noexcept { reset(); }
  List(const List &) = delete;
  List &operator=(const List &) = delete;
  ~List() {
    while (!empty()) head_.next_->unlink();
  }

  bool empty() const noexcept { return head_.next_ == &head_; }
  void push_back(T &element) noexcept { node(element).insert_before(head_); }
  void push_front(T &element) noexcept {
    node(element).unlink(); // it may be the first, and has no place before itself
    node(element).insert_before(*head_.next_);
  }
  T *front() noexcept { return empty() ? nullptr : element(head_.next_); }
  T *back() noexcept { return empty() ? nullptr : element(head_.previous_); }
  T *next(T &current) noexcept {
    ListNode *following = node(current).next_;
    return following == &head_ ? nullptr : element(following);
  }
  T *pop_front() noexcept {
    T *first = front();
    if (first) node(*first).unlink();
    return first;
  }
  // Moves every element of `other` to the end of this list.
  void splice(List &other) noexcept {
    while (T *first = other.pop_front()) push_back(*first);
  }
  static bool contains(const T &element) noexcept {
    return static_cast<const Linked<Tag> &>(element).linked();
  }
  static void remove(T &element) noexcept { node(element).unlink(); }

private:
  static ListNode &node(T &element) noexcept { return static_cast<Linked<Tag> &>(element); }
  static T *element(ListNode *node) noexcept {
    return static_cast<T *>(static_cast<Linked<Tag> *>(node));
  }
  void reset() noexcept { head_.next_ = head_.previous_ = &head_; }
  ListNode head_;
};

} // namespace socketpoll
