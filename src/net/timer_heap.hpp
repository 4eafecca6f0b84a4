// Deadlines in order: a 4-ary heap of intrusive nodes. Arming, moving and disarming never allocate,
// because a node reserves its place when it joins; equal deadlines fire in the order of arming.
//
// What is armed waits behind the heap, unsorted, until somebody asks for the order: most deadlines
// are met before that, and have then cost next to nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace socketpoll {

class TimerHeap;

class TimerNode {
public:
  TimerNode() noexcept = default;
  TimerNode(const TimerNode &) = delete;
  TimerNode &operator=(const TimerNode &) = delete;
  virtual ~TimerNode();

  bool armed() const noexcept { return index_ != kNotArmed; }
  // Of a node armed by arm_after(), only once the heap is sorted.
  int64_t deadline() const noexcept { return deadline_; }

  virtual void on_timer() = 0;
  // on_timer threw std::bad_alloc.
  virtual void on_no_memory() noexcept = 0;

private:
  friend class TimerHeap;
  static constexpr uint32_t kNotArmed = UINT32_MAX;
  int64_t deadline_ = 0;
  TimerHeap *heap_ = nullptr;
  uint32_t index_ = kNotArmed;
  bool relative_ = false; // its entry holds a delay yet
};

class TimerHeap {
public:
  // Reserves the node's place; before the first arm(). Throws std::bad_alloc.
  void join(TimerNode &node);
  void leave(TimerNode &node) noexcept;

  // deadline_ns: the loop's time at which the node fires. Moves it if it is armed.
  void arm(TimerNode &node, int64_t deadline_ns) noexcept;
  // The same for a delay that counts from when the heap is next sorted.
  void arm_after(TimerNode &node, int64_t delay_ns) noexcept;
  void disarm(TimerNode &node) noexcept;
  // Brings all that was armed into order, before the two below.
  void sort(int64_t now_ns) noexcept {
    while (unsorted()) sort_next(now_ns);
  }

  bool unsorted() const noexcept { return sorted_ < entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  int64_t next_deadline() const noexcept { return entries_.front().deadline; }

  // Marks where now is: nodes armed after this call fire only after the next one, so that a timer
  // of no delay cannot keep the loop from its descriptors.
  void begin_round(int64_t now_ns) noexcept {
    sort(now_ns);
    round_sequence_ = next_sequence_;
  }
  // Takes the first node that is due in this round off the heap, or nullptr.
  TimerNode *pop_due(int64_t now_ns) noexcept;

private:
  struct Entry {
    int64_t deadline;
    uint64_t sequence;
    TimerNode *node;
    bool before(const Entry &other) const noexcept {
      return deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence;
    }
  };
  void append(TimerNode &node, int64_t deadline) noexcept;
  void sort_next(int64_t now_ns) noexcept;
  void place(size_t index, const Entry &entry) noexcept;
  void sift_up(size_t index, Entry entry) noexcept;
  void sift_down(size_t index, Entry entry) noexcept;
  void remove_at(size_t index) noexcept;

  std::vector<Entry> entries_; // the heap, and behind it what is not sorted yet
  size_t sorted_ = 0;
  size_t joined_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t round_sequence_ = 0;
};

} // namespace socketpoll
