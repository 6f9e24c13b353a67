// flags: -Wshadow -Wconversion -fno-exceptions -fno-rtti
// sanitizer: yes
// valgrind: yes
// greenhub.hpp built without exceptions: each call that waits returns a code, a cancellation too.
#include <greenhub.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <unistd.h>
#include <vector>

#include "check.h"
#include "tracked.h"

using namespace std::chrono_literals;
using greenhub::never;
using std::nothrow;
namespace this_thread = greenhub::this_thread;

namespace {

void green_threads_return_values() {
  auto spawned = greenhub::spawn(nothrow, [](std::unique_ptr<int> number) { return *number; },
                                 std::make_unique<int>(3));
  CHECK(spawned);
  auto got = spawned->join(nothrow);
  CHECK(got);
  CHECK_EQ(*got, 3);
  CHECK_EQ(spawned->join(nothrow).code(), -ESRCH);
  greenhub::spawn_options options;
  options.stack_size = 1;
  CHECK_EQ(greenhub::spawn(nothrow, options, [] {}).code(), -EINVAL);
  auto plain = greenhub::spawn([] {});
  CHECK_EQ(plain.join(nothrow, 0ms).code(), -ETIMEDOUT);
  CHECK(plain.join(nothrow));
  CHECK_EQ(plain.cancel(nothrow).code(), -ESRCH);
  CHECK_EQ(plain.detach(nothrow).code(), -ESRCH);
}

// Every kind of wait, in a green thread that is cancelled while it waits there.
template <class Wait>
void is_ended_by_a_cancel(Wait wait) {
  auto waiting = greenhub::spawn([&wait] {
    const Tracked frame;
    return wait();
  });
  CHECK(this_thread::yield(nothrow));
  CHECK_EQ(Tracked::alive, 1);
  CHECK(waiting.cancel(nothrow));
  auto code = waiting.join(nothrow);
  CHECK(code);
  CHECK_EQ(*code, -ECANCELED);
  CHECK_EQ(Tracked::alive, 0);
}

void a_cancellation_is_a_code() {
  greenhub::mutex mutex;
  greenhub::mutex other;
  greenhub::shared_mutex shared;
  greenhub::condition_variable condition;
  greenhub::semaphore semaphore(0);
  greenhub::event event;
  greenhub::barrier barrier(2);
  greenhub::wait_group group;
  greenhub::once once;
  greenhub::channel<std::string> words;
  greenhub::event go;
  auto busy = greenhub::spawn([&] {
    return once.call(nothrow, [&] { return go.wait(nothrow); }).code();
  });
  CHECK(this_thread::yield(nothrow));
  group.add(1);
  CHECK(mutex.lock(nothrow));
  CHECK(shared.lock(nothrow));
  is_ended_by_a_cancel([&] { return mutex.lock(nothrow).code(); });
  is_ended_by_a_cancel([&] { return shared.lock(nothrow).code(); });
  is_ended_by_a_cancel([&] { return shared.lock_shared(nothrow).code(); });
  is_ended_by_a_cancel([&] {
    std::unique_lock<greenhub::mutex> lock(other);
    return condition.wait(nothrow, lock, [] { return false; }).code();
  });
  is_ended_by_a_cancel([&] { return semaphore.acquire(nothrow).code(); });
  is_ended_by_a_cancel([&] { return event.wait(nothrow).code(); });
  is_ended_by_a_cancel([&] { return barrier.arrive_and_wait(nothrow).code(); });
  is_ended_by_a_cancel([&] { return group.wait(nothrow).code(); });
  is_ended_by_a_cancel([&] { return once.call(nothrow, [] {}).code(); });
  is_ended_by_a_cancel([&] { return words.send(nothrow, "word").code(); });
  is_ended_by_a_cancel([&] { return words.receive(nothrow).code(); });
  is_ended_by_a_cancel([&] { return busy.join(nothrow).code(); });
  is_ended_by_a_cancel([&] { return this_thread::sleep_until(nothrow, never).code(); });
  is_ended_by_a_cancel([&] { return this_thread::sleep_for(nothrow, 1h).code(); });
  is_ended_by_a_cancel([&] {
    return greenhub::select(nothrow, never, greenhub::on_send(words, "word"),
                            greenhub::on_receive(words, [](auto) { CHECK(false); }))
        .code();
  });
  CHECK(mutex.unlock(nothrow));
  CHECK(shared.unlock(nothrow));
  go.set();
  auto called = busy.join(nothrow);
  CHECK(called);
  CHECK_EQ(*called, 0);
}

void objects_are_made_with_a_code() {
  CHECK(greenhub::mutex::make("name"));
  CHECK_EQ(greenhub::barrier::make(0).code(), -EINVAL);
  CHECK_EQ(greenhub::semaphore::make(2, 1).code(), -EINVAL);
  CHECK_EQ(greenhub::event::make(99).code(), -EINVAL);
  CHECK_EQ(greenhub::mutex::make(std::string(64, 'n').c_str()).code(), -ERANGE);
  auto channel = greenhub::channel<Tracked>::make(2);
  CHECK(channel);
  CHECK(channel->send(nothrow, Tracked(1)));
  auto local = greenhub::local<Tracked>::make();
  CHECK(local);
  CHECK(local->get(nothrow) != nullptr);
  CHECK_EQ(Tracked::alive, 2);
}

}  // namespace

int main() {
  green_threads_return_values();
  a_cancellation_is_a_code();
  objects_are_made_with_a_code();
  CHECK_EQ(Tracked::alive, 0);
  auto hub = greenhub::hub::make();
  CHECK(hub);
  CHECK(hub->close(nothrow, 10s));
  return 0;
}
