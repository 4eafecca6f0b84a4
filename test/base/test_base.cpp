// Base: error table, handle table, intrusive list.
#include "cmocka_cpp.hpp"

#include "base/error.hpp"
#include "base/handle_table.hpp"
#include "base/list.hpp"
#include "base/thread_value.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace socketpoll;

namespace {

void errors_have_unique_codes_names_and_texts(void **) {
  std::set<int> codes;
#define CHECK_ENTRY(name, code, text)                                                              \
  assert_true(codes.insert(code).second);                                                          \
  assert_true((code) < 0);                                                                         \
  assert_string_equal(error_name(name), #name);                                                    \
  assert_string_equal(error_text(code), text);
  SOCKET_ERROR_TABLE(CHECK_ENTRY)
#undef CHECK_ENTRY
  assert_string_equal(error_name(0), "SOCKET_OK");
  assert_string_equal(error_name(12345), "SOCKET_EUNKNOWN");
  assert_int_equal(error_from_errno(ECONNRESET).code, SOCKET_ECONNRESET);
  assert_int_equal(error_from_errno(99999).code, SOCKET_EUNKNOWN);
  assert_int_equal(errno_from_code(SOCKET_EEXIST), EEXIST);
  assert_int_equal(errno_from_code(SOCKET_EBADHANDLE), EINVAL);
}

void last_error_says_what_was_tried(void **) {
  const Error error = explain(Error{SOCKET_EADDRINUSE}, "cannot listen on %s", "127.0.0.1:8080");
  record_error(error.code);
  assert_int_equal(last_error_code(), SOCKET_EADDRINUSE);
  assert_string_equal(last_error_message(),
                      "cannot listen on 127.0.0.1:8080: address in use (SOCKET_EADDRINUSE)");
  record_error(SOCKET_EADDRINUSE);
  assert_string_equal(last_error_message(), "address in use (SOCKET_EADDRINUSE)");
  std::thread([] { assert_int_equal(last_error_code(), 0); }).join();
}

HandleTable &table() { return HandleTable::instance(); }

HandleWord new_loop_handle(void *object) {
  HandleWord loop = *table().insert(HandleKind::loop, object);
  table().set_owner(loop, thread_token());
  return loop;
}

void handles_go_stale(void **) {
  int object = 0;
  const HandleWord loop = new_loop_handle(&object);
  HandleWord timer = *table().insert(HandleKind::timer, &object, loop);
  assert_ptr_equal(*table().get(timer, HandleKind::timer), &object);
  assert_int_equal(table().get(timer, HandleKind::stream).code(), SOCKET_EBADHANDLE);
  assert_true(table().retire(timer, HandleKind::timer));
  assert_false(table().retire(timer, HandleKind::timer));
  assert_int_equal(table().get(timer, HandleKind::timer).code(), SOCKET_EBADHANDLE);
  assert_true(table().retire(loop, HandleKind::loop));
}

void renewing_invalidates_the_old_word(void **) {
  int object = 0;
  const HandleWord loop = new_loop_handle(&object);
  const HandleWord first = *table().insert(HandleKind::http_exchange, &object, loop);
  const HandleWord second = *table().renew(first);
  assert_true(first != second);
  assert_int_equal(table().get(first, HandleKind::http_exchange).code(), SOCKET_EBADHANDLE);
  assert_ptr_equal(*table().get(second, HandleKind::http_exchange), &object);
  table().retire(second, HandleKind::http_exchange);
  table().retire(loop, HandleKind::loop);
}

void any_integer_is_refused(void **) {
  int object = 0;
  const HandleWord loop = new_loop_handle(&object);
  const HandleWord some[] = {0,
                             1,
                             42,
                             UINTPTR_MAX,
                             UINTPTR_MAX / 2,
                             reinterpret_cast<HandleWord>(&object),
                             reinterpret_cast<HandleWord>(&some),
                             handle_layout::kMark,
                             loop + 1,
                             loop ^ (HandleWord{1} << handle_layout::kIndexBits),
                             loop | (HandleWord{1} << 31)};
  for (HandleWord word : some) {
    assert_int_equal(table().get(word, HandleKind::loop).code(), SOCKET_EBADHANDLE);
    assert_int_equal(table().pin(word, HandleKind::loop).code(), SOCKET_EBADHANDLE);
    assert_false(table().retire(word, HandleKind::loop));
  }
  uint64_t random = 88172645463325252u;
  for (int i = 0; i < 200000; i++) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    if (static_cast<HandleWord>(random) != loop)
      assert_int_equal(table().get(static_cast<HandleWord>(random), HandleKind::loop).code(),
                       SOCKET_EBADHANDLE);
  }
  table().retire(loop, HandleKind::loop);
}

void another_thread_is_told_so(void **) {
  int object = 0;
  const HandleWord loop = new_loop_handle(&object);
  const HandleWord timer = *table().insert(HandleKind::timer, &object, loop);
  int code = 0;
  std::thread([&] { code = table().get(timer, HandleKind::timer).code(); }).join();
  assert_int_equal(code, SOCKET_EWRONGTHREAD);
  table().retire(timer, HandleKind::timer);
  table().retire(loop, HandleKind::loop);
}

std::atomic<int> finalized{0};
struct Shared {
  static constexpr HandleKind kHandleKind = HandleKind::poll;
  std::atomic<uint64_t> canary{0x5ca1ab1e};
};
void finalize_shared(void *object) noexcept {
  static_cast<Shared *>(object)->canary = 0;
  delete static_cast<Shared *>(object);
  finalized++;
}

void pins_keep_the_object_alive(void **) {
  finalized = 0;
  const HandleWord handle = *table().insert(HandleKind::poll, new Shared, 0, finalize_shared);
  {
    Pinned<Shared> pinned(handle);
    assert_true(bool(pinned));
    assert_true(table().retire(handle, HandleKind::poll));
    assert_false(bool(Pinned<Shared>(handle)));
    assert_int_equal(finalized, 0);
    assert_true(pinned->canary == 0x5ca1ab1e);
  }
  assert_int_equal(finalized, 1);
}

void readers_race_with_retirement(void **) {
  finalized = 0;
  constexpr int kRounds = 2000;
  std::atomic<HandleWord> current{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; i++)
    readers.emplace_back([&] {
      while (!done) {
        Pinned<Shared> pinned(current.load());
        if (pinned) assert_true(pinned->canary == 0x5ca1ab1e);
      }
    });
  for (int i = 0; i < kRounds; i++) {
    const HandleWord handle = *table().insert(HandleKind::poll, new Shared, 0, finalize_shared);
    current = handle;
    assert_true(table().retire(handle, HandleKind::poll));
  }
  done = true;
  for (std::thread &reader : readers) reader.join();
  assert_int_equal(finalized, kRounds);
}

struct Tag;
struct Item : Linked<Tag> {
  explicit Item(int n) : number(n) {}
  int number;
};

struct Noted {
  ~Noted() {
    if (ended) ++*ended;
  }
  int *ended = nullptr;
};

void a_thread_value_ends_with_its_thread(void **) {
  int ended = 0;
  std::thread([&] {
    assert_null(ThreadValue<Noted>::find());
    ThreadValue<Noted>::get().ended = &ended;
    assert_ptr_equal(ThreadValue<Noted>::find(), &ThreadValue<Noted>::get());
    assert_int_equal(ended, 0);
  }).join();
  assert_int_equal(ended, 1);
  assert_null(ThreadValue<Noted>::find());
}

void lists_link_and_unlink(void **) {
  Item one(1), two(2), three(3);
  List<Item, Tag> list, other;
  list.push_back(two);
  list.push_back(three);
  list.push_front(one);
  std::string order;
  for (Item *item = list.front(); item; item = list.next(*item)) order += char('0' + item->number);
  assert_string_equal(order.c_str(), "123");
  list.remove(two);
  other.push_back(two);
  other.splice(list);
  assert_true(list.empty());
  assert_int_equal(other.pop_front()->number, 2);
  assert_int_equal(other.front()->number, 1);
  assert_int_equal(other.back()->number, 3);
  {
    Item gone(4);
    other.push_back(gone);
  }
  assert_int_equal(other.back()->number, 3);
}

} // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(errors_have_unique_codes_names_and_texts),
      cmocka_unit_test(last_error_says_what_was_tried),
      cmocka_unit_test(handles_go_stale),
      cmocka_unit_test(renewing_invalidates_the_old_word),
      cmocka_unit_test(any_integer_is_refused),
      cmocka_unit_test(another_thread_is_told_so),
      cmocka_unit_test(pins_keep_the_object_alive),
      cmocka_unit_test(readers_race_with_retirement),
      cmocka_unit_test(a_thread_value_ends_with_its_thread),
      cmocka_unit_test(lists_link_and_unlink),
  };
  return cmocka_run_group_tests_name("base", tests, nullptr, nullptr);
}
