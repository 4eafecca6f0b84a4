// Deadlines in order: a 4-ary heap of intrusive nodes. Arming, moving and disarming never allocate,
// because a node reserves its place when it joins; equal deadlines fire in the order of arming.
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
};

class TimerHeap {
public:
  // Reserves the node's place; before the first arm(). Throws std::bad_alloc.
  void join(TimerNode &node);
  void leave(TimerNode &node) noexcept;

  // deadline_ns: the loop's time at which the node fires. Moves it if it is armed.
  void arm(TimerNode &node, int64_t deadline_ns) noexcept;
  void disarm(TimerNode &node) noexcept;

  bool empty() const noexcept { return entries_.empty(); }
  int64_t next_deadline() const noexcept { return entries_.front().deadline; }

  // Marks where now is: nodes armed after this call fire only after the next one, so that a timer
  // of no delay cannot keep the loop from its descriptors.
  void begin_round() noexcept { round_sequence_ = next_sequence_; }
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
  void place(size_t index, const Entry &entry) noexcept;
  void sift_up(size_t index, Entry entry) noexcept;
  void sift_down(size_t index, Entry entry) noexcept;
  void remove_at(size_t index) noexcept;

  std::vector<Entry> entries_;
  size_t joined_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t round_sequence_ = 0;
};

} // namespace socketpoll
