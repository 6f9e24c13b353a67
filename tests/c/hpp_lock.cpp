// flags: -Wshadow -Wconversion
// sanitizer: yes
// valgrind: yes
// Locks and meeting points of greenhub.hpp under the standard's own guards.
#include <greenhub.hpp>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

using namespace std::chrono_literals;
using greenhub::never;
namespace this_thread = greenhub::this_thread;

namespace {

template <class Call>
int code_of(Call call) {
  try {
    call();
  } catch (const greenhub::error &error) {
    return error.code().value();
  }
  return 0;
}

// Three that std::lock() hands two locks around among would go on for ever, left to the order of arrival.
void several_are_locked_at_once() {
  greenhub::mutex first("first");
  greenhub::mutex second;
  greenhub::shared_mutex third;
  int inside = 0;
  std::vector<greenhub::thread<>> threads;
  for (int i = 0; i < 8; i++) {
    threads.push_back(greenhub::spawn([&, i] {
      for (int round = 0; round < 20; round++) {
        if (i % 2 == 0) {
          const std::scoped_lock both(first, second);
          CHECK_EQ(inside++, 0);
          this_thread::yield();
          inside--;
        } else {
          const std::scoped_lock all(third, second, first);
          CHECK_EQ(inside++, 0);
          this_thread::yield();
          inside--;
        }
      }
    }));
  }
  for (auto &thread : threads) thread.join();
}

void the_standards_guards_take_them() {
  greenhub::mutex first;
  const std::lock_guard held(first);
  CHECK(!first.try_lock());
  auto other = greenhub::spawn([&first] {
    CHECK(!first.try_lock());
    CHECK(!first.try_lock_for(1ms));
    CHECK(!first.try_lock_until(std::chrono::steady_clock::now()));
    std::unique_lock lock(first, std::defer_lock);
    CHECK(!lock.try_lock_for(1ms));
    CHECK(!lock.try_lock_until(std::chrono::system_clock::now() + 1ms));
    CHECK_EQ(code_of([&] { first.lock(1ms); }), -ETIMEDOUT);
    CHECK_EQ(first.lock(std::nothrow, 0ms).code(), -ETIMEDOUT);
    CHECK_EQ(first.unlock(std::nothrow).code(), -EPERM);
    CHECK_EQ(code_of([&] { first.unlock(); }), -EPERM);
    lock = std::unique_lock(first, 1ms);
    CHECK(!lock.owns_lock());
  });
  other.join();
  CHECK_EQ(code_of([&] { first.lock(); }), -EDEADLK);

  greenhub::recursive_mutex again;
  const std::lock_guard once(again);
  const std::lock_guard twice(again);
}

void guards_give_up_what_they_hold_when_unwound() {
  greenhub::mutex mutex;
  auto waiting = greenhub::spawn([&mutex] {
    const std::lock_guard lock(mutex);
    this_thread::sleep_until(never);
  });
  this_thread::yield();
  CHECK(!mutex.try_lock());
  // One that waits for it is cancelled, and has nothing to give up.
  auto second = greenhub::spawn([&mutex] { const std::lock_guard lock(mutex); });
  this_thread::yield();
  second.cancel();
  CHECK_EQ(code_of([&] { second.join(); }), -ECANCELED);
  waiting.cancel();
  CHECK_EQ(code_of([&] { waiting.join(); }), -ECANCELED);
  CHECK(mutex.try_lock());
  mutex.unlock();
  // An owner that ends without: the next one is told, and may take it over.
  greenhub::spawn([&mutex] { mutex.lock(); }).join();
  CHECK_EQ(code_of([&] { mutex.lock(); }), -EOWNERDEAD);
  CHECK(mutex.recover());
  mutex.unlock();
}

void readers_share_and_writers_do_not() {
  greenhub::shared_mutex shared;
  std::shared_lock reader(shared);
  auto second = greenhub::spawn([&shared] {
    std::shared_lock lock(shared);
    CHECK_EQ(shared.lock(std::nothrow).code(), -EDEADLK);
    lock.unlock();
    CHECK(!shared.try_lock());
    CHECK(!shared.try_lock_for(1ms));
    CHECK_EQ(shared.lock(std::nothrow, 1ms).code(), -ETIMEDOUT);
    CHECK_EQ(shared.unlock(std::nothrow).code(), -EPERM);
  });
  second.join();
  reader.unlock();
  const std::unique_lock writer(shared);
  auto third = greenhub::spawn([&shared] {
    CHECK(!shared.try_lock_shared());
    CHECK(!std::shared_lock(shared, 1ms).owns_lock());
    CHECK_EQ(shared.lock_shared(std::nothrow, 0ms).code(), -ETIMEDOUT);
  });
  third.join();
}

void conditions_are_waited_for() {
  greenhub::mutex mutex;
  greenhub::condition_variable changed;
  int stage = 0;
  auto waiter = greenhub::spawn([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return stage == 1; });
    stage = 2;
    changed.notify_all();
    CHECK(changed.wait_for(lock, 30s, [&] { return stage == 3; }));
    CHECK(!changed.wait_until(lock, std::chrono::steady_clock::now() + 2ms, [] { return false; }));
    CHECK(changed.wait_for(lock, 1ms) == std::cv_status::timeout);
    CHECK_EQ(changed.wait(std::nothrow, lock, 1ms).code(), -ETIMEDOUT);
    CHECK_EQ(changed.wait(std::nothrow, lock, [] { return false; }, 1ms).code(), -ETIMEDOUT);
    CHECK(changed.wait(std::nothrow, lock, [] { return true; }));
    CHECK(lock.owns_lock());
    lock.unlock();
    CHECK_EQ(changed.wait(std::nothrow, lock).code(), -EPERM);
  });
  this_thread::yield();
  {
    std::unique_lock lock(mutex);
    stage = 1;
    changed.notify_one();
    changed.wait(lock, [&] { return stage == 2; });
    stage = 3;
  }
  changed.notify_one();
  waiter.join();
  // Cancelled, it holds the lock while it is unwound.
  auto cancelled = greenhub::spawn([&] {
    std::unique_lock lock(mutex);
    struct StillHeld {
      greenhub::mutex &of;
      ~StillHeld() {
        CHECK_EQ(of.unlock(std::nothrow).code(), 0);
        const greenhub::cancel_mask shield;
        CHECK(of.lock(std::nothrow));
      }
    } const held{mutex};
    changed.wait(lock);
  });
  this_thread::yield();
  cancelled.cancel();
  CHECK_EQ(code_of([&] { cancelled.join(); }), -ECANCELED);
  CHECK(mutex.try_lock());
  mutex.unlock();
}

void meetings_take_place() {
  greenhub::semaphore permits(1, 2);
  CHECK(permits.try_acquire());
  CHECK(!permits.try_acquire());
  CHECK(!permits.try_acquire_for(1ms));
  CHECK_EQ(permits.acquire(std::nothrow, 1ms).code(), -ETIMEDOUT);
  permits.release(2);
  CHECK_EQ(permits.value(), 2);
  CHECK_EQ(code_of([&] { permits.release(); }), -EOVERFLOW);
  permits.acquire();

  greenhub::event set(GH_EVENT_SET);
  set.wait();
  set.reset();
  CHECK_EQ(code_of([&] { set.wait(1ms); }), -ETIMEDOUT);
  CHECK_EQ(set.wait(std::nothrow, 0ms).code(), -ETIMEDOUT);

  greenhub::barrier barrier(3);
  greenhub::wait_group group;
  int last = 0;
  std::vector<greenhub::thread<>> threads;
  group.add(3);
  for (int i = 0; i < 3; i++) {
    threads.push_back(greenhub::spawn([&] {
      if (barrier.arrive_and_wait()) last++;
      group.done();
    }));
  }
  group.wait();
  CHECK_EQ(last, 1);
  CHECK_EQ(code_of([&] { group.done(); }), -EINVAL);
  CHECK_EQ(barrier.arrive_and_wait(std::nothrow, 0ms).code(), -ETIMEDOUT);
  for (auto &thread : threads) thread.join();

  // Freed while it is waited for.
  greenhub::event gone;
  auto waiting = greenhub::spawn([&gone] { return gone.wait(std::nothrow).code(); });
  this_thread::yield();
  gone.free();
  CHECK_EQ(waiting.join(), -EIDRM);
  CHECK_EQ(gone.wait(std::nothrow).code(), -EINVAL);
}

void once_means_until_it_has_succeeded() {
  greenhub::once once("once");
  int calls = 0;
  std::vector<greenhub::thread<bool>> threads;
  for (int i = 0; i < 5; i++) {
    threads.push_back(greenhub::spawn([&] {
      try {
        once.call([&calls] {
          const int call = ++calls;
          this_thread::yield();
          if (call < 3) throw std::runtime_error("not yet");
        });
      } catch (const std::runtime_error &error) {
        CHECK(error.what() == std::string("not yet"));
        return false;
      }
      return true;
    }));
  }
  int succeeded = 0;
  for (auto &thread : threads) succeeded += thread.join();
  CHECK_EQ(calls, 3);
  CHECK_EQ(succeeded, 3);

  greenhub::once other;
  CHECK_EQ(other.call(std::nothrow, [] { throw 1; }).code(), greenhub::threw);
  CHECK_EQ(other.call(std::nothrow, [] { return greenhub::result<void>(greenhub::failure{-EIO}); })
               .code(),
           -EIO);
  CHECK_EQ(code_of([&] {
             other.call([&other] { other.call([] {}); });
           }),
           -EDEADLK);
  other.call([] {});
  other.call([] { CHECK(false); });
}

void os_threads_share_them() {
  greenhub::mutex mutex;
  long count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; round++) {
        const std::lock_guard lock(mutex);
        count++;
      }
    });
  }
  for (auto &thread : threads) thread.join();
  CHECK_EQ(count, 1500);
}

}  // namespace

int main() {
  several_are_locked_at_once();
  the_standards_guards_take_them();
  guards_give_up_what_they_hold_when_unwound();
  readers_share_and_writers_do_not();
  conditions_are_waited_for();
  meetings_take_place();
  once_means_until_it_has_succeeded();
  os_threads_share_them();
  gh_hub_free(gh_hub_current(), gh_after_ms(5000));
  return 0;
}
