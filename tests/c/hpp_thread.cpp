// flags: -Wshadow -Wconversion
// sanitizer: yes
// valgrind: yes
// Green threads of greenhub.hpp: what they call, what join gives back, and how their owners end them.
#include <exception>
#include <functional>
#include <greenhub.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "tracked.h"

using namespace std::chrono_literals;

namespace {

template <class Call>
int code_of(Call call) {
  try {
    call();
  } catch (const greenhub::error &error) {
    CHECK(error.code().category() == greenhub::category());
    return error.code().value();
  }
  return 0;
}

int twice(int number) { return 2 * number; }

struct Counter {
  int count = 0;
  int add(int more) { return count += more; }
};

void calls_whatever_can_be_called() {
  CHECK_EQ(greenhub::spawn(twice, 21).join(), 42);
  CHECK_EQ(greenhub::spawn([] { return 7; }).join(), 7);
  Counter counter;
  CHECK_EQ(greenhub::spawn(&Counter::add, &counter, 3).join(), 3);
  CHECK_EQ(counter.count, 3);
  int changed = 0;
  greenhub::spawn([](int &place) { place = 5; }, std::ref(changed)).join();
  CHECK_EQ(changed, 5);
  int &reference = greenhub::spawn([&changed]() -> int & { return changed; }).join();
  CHECK(&reference == &changed);

  auto owned = std::make_unique<int>(9);
  auto moved = greenhub::spawn(
      [captured = std::move(owned)](std::unique_ptr<int> argument) {
        return std::make_unique<int>(*captured + *argument);
      },
      std::make_unique<int>(1));
  CHECK_EQ(*moved.join(), 10);
  CHECK_EQ(code_of([&] { moved.join(); }), -ESRCH);

  greenhub::spawn_options options;
  options.name = "named";
  options.stack_size = 65536;
  const auto name = [] {
    char text[64];
    CHECK(gh_name(0, text, sizeof text) >= 0);
    return std::string(text);
  };
  CHECK(greenhub::spawn(options, name).join() == "named");
  options.stack_size = 1;
  CHECK_EQ(code_of([&] { greenhub::spawn(options, name).join(); }), -EINVAL);
}

void what_is_thrown_in_turns_is_rethrown_by_each_join() {
  const int count = 30;
  std::vector<greenhub::thread<int>> threads;
  for (int id = 0; id < count; id++) {
    threads.push_back(greenhub::spawn([id]() -> int {
      try {
        greenhub::this_thread::yield();
        throw std::runtime_error("first of " + std::to_string(id));
      } catch (const std::runtime_error &) {
        greenhub::this_thread::yield();
        if (id % 3 == 0) return id;
        if (id % 3 == 1) throw;
        throw id;
      }
    }));
  }
  for (int id = count - 1; id >= 0; id--) {
    try {
      const int value = threads[static_cast<std::size_t>(id)].join();
      CHECK_EQ(id % 3, 0);
      CHECK_EQ(value, id);
    } catch (const std::runtime_error &error) {
      CHECK_EQ(id % 3, 1);
      CHECK(error.what() == "first of " + std::to_string(id));
    } catch (int thrown) {
      CHECK_EQ(id % 3, 2);
      CHECK_EQ(thrown, id);
    }
  }

  auto thrower = greenhub::spawn([] { throw std::logic_error("kept"); });
  std::exception_ptr kept;
  CHECK_EQ(thrower.join(std::nothrow, greenhub::never, &kept).code(), greenhub::threw);
  CHECK(!thrower.joinable());
  try {
    std::rethrow_exception(kept);
  } catch (const std::logic_error &error) {
    CHECK(error.what() == std::string("kept"));
  }
  CHECK(std::error_code(greenhub::threw, greenhub::category()).message().find("threw") !=
        std::string::npos);
}

void a_cancellation_destroys_every_frame() {
  int unwound = 0;
  struct Frame {
    int &unwound;
    Tracked tracked{};
    ~Frame() {
      // Masked, it may wait on the way out; not masked, it is told again.
      CHECK_EQ(greenhub::this_thread::yield(std::nothrow).code(), -ECANCELED);
      const greenhub::cancel_mask shield;
      CHECK(greenhub::this_thread::sleep_for(std::nothrow, 1ms));
      CHECK_EQ(std::uncaught_exceptions(), 1);
      unwound++;
    }
  };
  const std::function<void(int)> sink = [&](int depth) {
    const Frame frame{unwound};
    if (depth > 0) return sink(depth - 1);
    greenhub::this_thread::sleep_until(greenhub::never);
  };
  std::vector<greenhub::thread<>> threads;
  for (int i = 0; i < 4; i++) threads.push_back(greenhub::spawn(sink, 5));
  greenhub::this_thread::yield();
  CHECK_EQ(Tracked::alive, 24);
  for (auto &thread : threads) thread.cancel();
  for (auto &thread : threads) {
    bool was_cancelled = false;
    try {
      thread.join();
    } catch (const greenhub::cancelled &cancelled) {
      was_cancelled = true;
      CHECK(cancelled.code() == std::errc::operation_canceled);
    }
    CHECK(was_cancelled);
    CHECK(!thread.joinable());
  }
  CHECK_EQ(unwound, 24);
  CHECK_EQ(Tracked::alive, 0);
}

void an_owner_cancels_and_waits() {
  bool ended = false;
  const auto sleeper = [&ended] {
    struct AtEnd {
      bool &flag;
      ~AtEnd() {
        const greenhub::cancel_mask shield;
        greenhub::this_thread::sleep_for(2ms);
        flag = true;
      }
    } const at_end{ended};
    greenhub::this_thread::sleep_until(greenhub::never);
  };
  // The root has none to cancel it; a scope that an exception leaves waits for it nevertheless.
  try {
    const auto thread = greenhub::spawn(sleeper);
    greenhub::this_thread::yield();
    throw 1;
  } catch (int) {
    CHECK(ended);
  }
  // A cancelled green thread unwinds, and its owners' destructors wait, shielded.
  ended = false;
  auto outer = greenhub::spawn([&] {
    const auto inner = greenhub::spawn(sleeper);
    greenhub::this_thread::sleep_until(greenhub::never);
  });
  greenhub::this_thread::sleep_for(1ms);
  CHECK(!ended);
  outer.cancel();
  CHECK_EQ(code_of([&] { outer.join(); }), -ECANCELED);
  CHECK(ended);
  // An assignment ends what was owned before.
  ended = false;
  auto assigned = greenhub::spawn(sleeper);
  greenhub::this_thread::yield();
  assigned = greenhub::thread<>();
  CHECK(ended);
  CHECK(!assigned.joinable());
  // So does the end of one that never ran, and of one that threw.
  { const auto unused = greenhub::spawn([kept = Tracked(1)] { CHECK(kept.value == 1); }); }
  {
    const auto unused = greenhub::spawn([] { throw Tracked(2).value; });
    greenhub::this_thread::yield();
  }
  CHECK_EQ(Tracked::alive, 0);
}

void a_join_that_fails_can_be_made_again() {
  greenhub::event go;
  auto thread = greenhub::spawn([&go] {
    go.wait();
    return Tracked(3);
  });
  CHECK_EQ(code_of([&] { thread.join(1ms); }), -ETIMEDOUT);
  CHECK_EQ(thread.join(std::nothrow, 0ms).code(), -ETIMEDOUT);
  CHECK(thread.joinable());
  // Who joins is cancelled, not who is joined.
  auto joiner = greenhub::spawn([&thread] { return thread.join(std::nothrow).code(); });
  greenhub::this_thread::yield();
  joiner.cancel();
  CHECK_EQ(joiner.join(), -ECANCELED);
  CHECK(thread.joinable());
  go.set();
  CHECK_EQ(thread.join().value, 3);
  CHECK_EQ(Tracked::alive, 0);
}

void detached_ones_go_by_themselves() {
  greenhub::event go;
  int ran = 0;
  {
    auto before = greenhub::spawn([&, kept = Tracked(1)] { ran += kept.value; });
    before.detach();
    CHECK(!before.joinable());
    CHECK_EQ(before.detach(std::nothrow).code(), -ESRCH);
    auto waits = greenhub::spawn([&, kept = Tracked(1)] {
      go.wait();
      ran += kept.value;
      return Tracked(1);
    });
    greenhub::this_thread::yield();
    waits.detach();
    auto after = greenhub::spawn([&] { ran++; return Tracked(1); });
    greenhub::this_thread::yield();
    after.detach();
  }
  CHECK_EQ(ran, 2);
  auto cancels_itself = greenhub::spawn([] {
    gh_cancel(gh_self());
    greenhub::this_thread::yield();
  });
  cancels_itself.detach();
  go.set();
  greenhub::this_thread::yield();
  CHECK_EQ(ran, 3);
  CHECK_EQ(Tracked::alive, 0);
}

void owners_that_cannot_wait_let_go() {
  // In a callback.
  auto owner = std::make_unique<greenhub::thread<>>(greenhub::spawn(
      [kept = Tracked(1)] { greenhub::this_thread::sleep_until(greenhub::never); }));
  greenhub::this_thread::yield();
  greenhub::timer destroys(0ms, [&owner] { owner.reset(); });
  greenhub::this_thread::sleep_for(2ms);
  CHECK(owner == nullptr);
  greenhub::this_thread::yield();
  CHECK_EQ(Tracked::alive, 0);
  // In itself: it is not cancelled, and ends as it would have.
  auto own = std::make_unique<greenhub::thread<>>();
  bool ended = false;
  *own = greenhub::spawn([&] {
    own.reset();
    greenhub::this_thread::yield();
    ended = true;
  });
  while (!ended) greenhub::this_thread::yield();
  greenhub::this_thread::yield();
}

void a_freed_hub_leaves_what_was_returned() {
  greenhub::hub hub;
  auto thread = greenhub::spawn([] {
    CHECK_EQ(greenhub::this_thread::sleep_until(std::nothrow, greenhub::never).code(), -ECANCELED);
    return Tracked(4);
  });
  auto unused = greenhub::spawn([] { return Tracked(5); });
  greenhub::this_thread::yield();
  hub.close(10s);
  CHECK(!hub);
  CHECK_EQ(thread.join().value, 4);
}

}  // namespace

int main() {
  calls_whatever_can_be_called();
  what_is_thrown_in_turns_is_rethrown_by_each_join();
  a_cancellation_destroys_every_frame();
  an_owner_cancels_and_waits();
  a_join_that_fails_can_be_made_again();
  detached_ones_go_by_themselves();
  owners_that_cannot_wait_let_go();
  a_freed_hub_leaves_what_was_returned();
  CHECK_EQ(Tracked::alive, 0);
  gh_hub_free(gh_hub_current(), gh_after_ms(5000));
  return 0;
}
