// flags: -Wshadow -Wconversion
// sanitizer: yes
// valgrind: yes
// What greenhub.hpp owns besides: values of each green thread's own, hubs, timers, descriptors; and how
// its error codes compare.
#include <fcntl.h>
#include <greenhub.hpp>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "check.h"
#include "tracked.h"

using namespace std::chrono_literals;

namespace {

void each_green_thread_has_its_own_value() {
  greenhub::local<Tracked> own;
  CHECK(own.find() == nullptr);
  own->value = 1;
  std::vector<greenhub::thread<int>> threads;
  for (int i = 10; i < 15; i++) {
    threads.push_back(greenhub::spawn([&own, i] {
      CHECK(own.find() == nullptr);
      CHECK_EQ(own->value, 0);
      own->value = i;
      greenhub::this_thread::yield();
      CHECK_EQ((*own).value, i);
      if (i == 11) own.emplace(i + 100);
      if (i == 12) own.reset();
      return own.get(std::nothrow)->value;
    }));
  }
  greenhub::this_thread::yield();
  CHECK_EQ(Tracked::alive, 6);
  CHECK_EQ(threads[0].join(), 10);
  CHECK_EQ(threads[1].join(), 111);
  CHECK_EQ(threads[2].join(), 0);
  CHECK_EQ(threads[3].join(), 13);
  CHECK_EQ(threads[4].join(), 14);
  CHECK_EQ(Tracked::alive, 1);
  CHECK_EQ(own->value, 1);
  // A cancelled one's value goes too, and another OS thread's root's with its hub.
  auto cancelled = greenhub::spawn([&own] {
    own->value = 3;
    greenhub::this_thread::sleep_until(greenhub::never);
  });
  greenhub::this_thread::yield();
  CHECK_EQ(Tracked::alive, 2);
  cancelled.cancel();
  CHECK_EQ(cancelled.join(std::nothrow).code(), greenhub::threw);
  std::thread([&own] {
    const greenhub::hub hub;
    own->value = 4;
  }).join();
  CHECK_EQ(Tracked::alive, 1);
  greenhub::local<Tracked> moved = std::move(own);
  CHECK_EQ(moved->value, 1);
  CHECK(own.get(std::nothrow) == nullptr);
}

void timers_call_what_they_own() {
  int fired = 0;
  {
    greenhub::timer once(0ms, [&fired, kept = Tracked(1)] { fired += kept.value; });
    auto periodic = greenhub::timer::make(0ms, [&fired, kept = Tracked(1)] { fired++; }, 1ms);
    CHECK(periodic);
    CHECK_EQ(Tracked::alive, 2);
    greenhub::this_thread::sleep_for(10ms);
    CHECK(fired >= 3);
    periodic->cancel();
    const int before = fired;
    greenhub::this_thread::sleep_for(5ms);
    CHECK_EQ(fired, before);
  }
  CHECK_EQ(Tracked::alive, 0);
  { const greenhub::timer never_fires(1h, [kept = Tracked(1)] { CHECK(kept.value == 0); }); }
  CHECK_EQ(Tracked::alive, 0);
  // Destroyed by its own call, which goes on.
  for (const auto period : {0ns, 1000ns}) {
    auto owner = std::make_unique<greenhub::timer>();
    int seen = 0;
    *owner = greenhub::timer(0ms, [&owner, &seen, kept = Tracked(6)] {
      owner.reset();
      seen = kept.value;
    }, period);
    greenhub::this_thread::sleep_for(2ms);
    CHECK_EQ(seen, 6);
    CHECK_EQ(Tracked::alive, 0);
  }
  CHECK_EQ(greenhub::timer::make(0ms, [kept = Tracked(1)] {}, -1ns).code(), -EINVAL);
  CHECK_EQ(Tracked::alive, 0);
}

void a_hub_ends_with_its_owner() {
  std::thread([] {
    bool ended = false;
    {
      gh_hub_options options{};
      options.stack_size = 65536;
      greenhub::hub hub(options);
      CHECK_EQ(greenhub::hub::make(options).code(), -EEXIST);
      CHECK_EQ(hub.stats().stack_size, 65536);
      greenhub::spawn([&ended] {
        greenhub::this_thread::sleep_until(std::nothrow, greenhub::never).error();
        ended = true;
      }).detach();
      CHECK(hub.run_once(0ms));
      CHECK_EQ(hub.stats().live, 1);
      CHECK(hub.next_deadline().ns() == GH_NEVER);
      CHECK(hub.stop());
      CHECK(hub.run());
    }
    CHECK(ended);
    greenhub::hub other;
    CHECK(!other.run());
    CHECK(other.post([](void *) {}, nullptr));
    auto stubborn = greenhub::spawn([] {
      const greenhub::cancel_mask shield;
      greenhub::this_thread::sleep_for(50ms);
    });
    greenhub::this_thread::yield();
    CHECK_EQ(other.close(std::nothrow, 1ms).code(), -EBUSY);
    CHECK(other);
  }).join();
}

void descriptors_are_closed() {
  int fds[2];
  CHECK_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  greenhub::descriptor read(fds[0]);
  {
    const greenhub::descriptor write = greenhub::descriptor(fds[1]);
    CHECK(write);
  }
  char byte;
  CHECK_EQ(gh_read(read.get(), &byte, 1, greenhub::deadline(1s).ns()), 0);
  CHECK(read.close());
  CHECK(!read);
  CHECK_EQ(read.close().code(), -EBADF);
  CHECK_EQ(fcntl(fds[0], F_GETFD), -1);
  bool failed = false;
  try {
    greenhub::check(gh_read(fds[0], &byte, 1, 0));
  } catch (const greenhub::error &error) {
    failed = error.code() == std::errc::bad_file_descriptor;
  }
  CHECK(failed);
  CHECK_EQ(greenhub::check(ssize_t{5}), 5);
}

void codes_compare_and_speak() {
  const std::error_code code(-ETIMEDOUT, greenhub::category());
  CHECK(code == std::errc::timed_out);
  CHECK(code != std::errc::broken_pipe);
  CHECK(code.message() == gh_strerror(-ETIMEDOUT));
  CHECK(code.category().name() == std::string("greenhub"));
  const std::error_code own(GH_EDEADLOCK, greenhub::category());
  CHECK(own.default_error_condition().category() == greenhub::category());
  CHECK(own.message() == gh_strerror(GH_EDEADLOCK));
  try {
    greenhub::result<int>(greenhub::failure{-EIO}).value();
    CHECK(false);
  } catch (const std::system_error &error) {
    CHECK(error.code() == std::errc::io_error);
  }
}

}  // namespace

int main() {
  each_green_thread_has_its_own_value();
  timers_call_what_they_own();
  a_hub_ends_with_its_owner();
  descriptors_are_closed();
  codes_compare_and_speak();
  gh_hub_free(gh_hub_current(), gh_after_ms(5000));
  CHECK_EQ(Tracked::alive, 0);
  return 0;
}
