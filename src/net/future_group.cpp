#include "net/future_group.hpp"

namespace socketpoll {

class FutureGroup::Member final : public FutureObserver {
public:
  void join(FutureGroup &group, size_t index) noexcept {
    group_ = &group;
    index_ = index;
  }
  void on_ended(Future &future) noexcept override { group_->on_member(index_, future); }

private:
  FutureGroup *group_ = nullptr;
  size_t index_ = 0;
};

FutureGroup::FutureGroup(Loop &loop, size_t count, Until until)
    : Future(loop, nullptr, 0), members_(std::make_unique<Member[]>(count)), count_(count),
      left_(count), until_(until) {
  reserve();
}

FutureGroup::~FutureGroup() = default;

Result<Future *> FutureGroup::create(Loop &loop, std::span<Future *const> members, Until until) {
  auto adopted = adopt(std::unique_ptr<FutureGroup>(new FutureGroup(loop, members.size(), until)));
  if (!adopted.ok()) return adopted.error();
  FutureGroup &group = **adopted;
  for (size_t i = 0; i < members.size(); i++) {
    group.members_[i].join(group, i);
    if (members[i]->done())
      group.on_member(i, *members[i]);
    else
      members[i]->observe(group.members_[i]);
  }
  return &group;
}

// The memory may outlive this on another thread, the membership may not.
void FutureGroup::on_dispose() noexcept {
  Future::on_dispose();
  for (size_t i = 0; i < count_; i++) members_[i].unlink();
}

void FutureGroup::on_member(size_t index, Future &member) noexcept {
  if (done()) return;
  left_--;
  if (until_ == Until::first)
    settle(member.status(), static_cast<int64_t>(index), nullptr);
  else if (member.status() != 0 || left_ == 0)
    settle(member.status(), static_cast<int64_t>(count_), nullptr);
}

} // namespace socketpoll
