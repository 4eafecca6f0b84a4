#include "net/timer_heap.hpp"

#include <algorithm>
#include <utility>

namespace socketpoll {

namespace {
constexpr size_t kArity = 4;
} // namespace

TimerNode::~TimerNode() {
  if (heap_) heap_->leave(*this);
}

void TimerHeap::join(TimerNode &node) {
  if (entries_.capacity() <= joined_) entries_.reserve(std::max<size_t>(16, joined_ * 2));
  joined_++;
  node.heap_ = this;
}

void TimerHeap::leave(TimerNode &node) noexcept {
  if (node.heap_ != this) return;
  disarm(node);
  node.heap_ = nullptr;
  joined_--;
}

void TimerHeap::place(size_t index, const Entry &entry) noexcept {
  entries_[index] = entry;
  entry.node->index_ = static_cast<uint32_t>(index);
}

void TimerHeap::sift_up(size_t index, Entry entry) noexcept {
  while (index > 0) {
    const size_t parent = (index - 1) / kArity;
    if (!entry.before(entries_[parent])) break;
    place(index, entries_[parent]);
    index = parent;
  }
  place(index, entry);
}

void TimerHeap::sift_down(size_t index, Entry entry) noexcept {
  for (;;) {
    const size_t first = index * kArity + 1;
    if (first >= sorted_) break;
    const size_t end = std::min(first + kArity, sorted_);
    size_t least = first;
    for (size_t child = first + 1; child < end; child++)
      if (entries_[child].before(entries_[least])) least = child;
    if (!entries_[least].before(entry)) break;
    place(index, entries_[least]);
    index = least;
  }
  place(index, entry);
}

// The last of the heap fills the gap, and the last of all takes that one's place.
void TimerHeap::remove_at(size_t index) noexcept {
  entries_[index].node->index_ = TimerNode::kNotArmed;
  if (index < sorted_) {
    const Entry last = entries_[--sorted_];
    if (index < sorted_) {
      if (index > 0 && last.before(entries_[(index - 1) / kArity]))
        sift_up(index, last);
      else
        sift_down(index, last);
    }
    index = sorted_;
  }
  if (index + 1 < entries_.size()) place(index, entries_.back());
  entries_.pop_back();
}

void TimerHeap::append(TimerNode &node, int64_t deadline) noexcept {
  disarm(node);
  entries_.push_back({deadline, next_sequence_++, &node}); // within what join() reserved
  node.index_ = static_cast<uint32_t>(entries_.size() - 1);
}

void TimerHeap::arm(TimerNode &node, int64_t deadline_ns) noexcept {
  append(node, deadline_ns);
  node.deadline_ = deadline_ns;
  node.relative_ = false;
}

void TimerHeap::arm_after(TimerNode &node, int64_t delay_ns) noexcept {
  append(node, delay_ns);
  node.relative_ = true;
}

void TimerHeap::sort_next(int64_t now_ns) noexcept {
  Entry entry = entries_[sorted_];
  if (std::exchange(entry.node->relative_, false)) {
    entry.deadline += now_ns;
    entry.node->deadline_ = entry.deadline;
  }
  sift_up(sorted_++, entry);
}

void TimerHeap::disarm(TimerNode &node) noexcept {
  if (node.armed()) remove_at(node.index_);
}

TimerNode *TimerHeap::pop_due(int64_t now_ns) noexcept {
  if (sorted_ == 0) return nullptr; // what was armed since is not due in this round
  const Entry &first = entries_.front();
  if (first.deadline > now_ns || first.sequence >= round_sequence_) return nullptr;
  TimerNode *node = first.node;
  remove_at(0);
  return node;
}

} // namespace socketpoll
