#include "net/timer_heap.hpp"

#include <algorithm>

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
    if (first >= entries_.size()) break;
    const size_t end = std::min(first + kArity, entries_.size());
    size_t least = first;
    for (size_t child = first + 1; child < end; child++)
      if (entries_[child].before(entries_[least])) least = child;
    if (!entries_[least].before(entry)) break;
    place(index, entries_[least]);
    index = least;
  }
  place(index, entry);
}

void TimerHeap::remove_at(size_t index) noexcept {
  entries_[index].node->index_ = TimerNode::kNotArmed;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (index == entries_.size()) return;
  if (index > 0 && last.before(entries_[(index - 1) / kArity]))
    sift_up(index, last);
  else
    sift_down(index, last);
}

void TimerHeap::arm(TimerNode &node, int64_t deadline_ns) noexcept {
  disarm(node);
  node.deadline_ = deadline_ns;
  const Entry entry{deadline_ns, next_sequence_++, &node};
  entries_.push_back(entry); // within what join() reserved
  sift_up(entries_.size() - 1, entry);
}

void TimerHeap::disarm(TimerNode &node) noexcept {
  if (node.armed()) remove_at(node.index_);
}

TimerNode *TimerHeap::pop_due(int64_t now_ns) noexcept {
  if (entries_.empty()) return nullptr;
  const Entry &first = entries_.front();
  if (first.deadline > now_ns || first.sequence >= round_sequence_) return nullptr;
  TimerNode *node = first.node;
  remove_at(0);
  return node;
}

} // namespace socketpoll
