// flags: -Wshadow -Wconversion
// sanitizer: yes
// valgrind: yes
// Channels of greenhub.hpp: items of every kind arrive once and whole, and none is lost or destroyed
// twice, however a send, a channel or a green thread ends.
#include <greenhub.hpp>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "tracked.h"

using namespace std::chrono_literals;
using greenhub::channel;
using greenhub::never;

namespace {

struct NoDefault {
  explicit NoDefault(double of) : value(of) {}
  double value;
};

struct alignas(64) Wide {
  char text[64];
};

class Unassignable {
 public:
  explicit Unassignable(int of) : tracked_(of) {}
  Unassignable(Unassignable &&) = default;
  Unassignable &operator=(Unassignable &&) = delete;
  int value() const { return tracked_.value; }

 private:
  Tracked tracked_;
};

void items_of_every_kind_arrive() {
  static_assert(!greenhub::detail::parcel<NoDefault>::owns, "copied as it is");
  channel<NoDefault> plain(1);
  plain.send(NoDefault(1.5));
  CHECK(plain.receive().value == 1.5);
  channel<Wide> wide(1);
  wide.send(Wide{"aligned"});
  const Wide got = wide.receive();
  CHECK(got.text == std::string("aligned"));
  CHECK(reinterpret_cast<std::uintptr_t>(&got) % 64 == 0);

  channel<std::string> strings(3);
  const std::string copied = "copied " + std::string(100, 'x');
  std::string moved = "moved " + std::string(100, 'y');
  strings.send(copied);
  strings.send(std::move(moved));
  strings.send("converted");
  CHECK_EQ(strings.size(), 3);
  CHECK(strings.receive() == copied);
  CHECK(strings.receive() == "moved " + std::string(100, 'y'));
  CHECK(strings.receive() == "converted");

  channel<std::unique_ptr<Tracked>> owners(1);
  owners.send(std::make_unique<Tracked>(3));
  CHECK_EQ(owners.receive()->value, 3);
  channel<std::unique_ptr<int[]>> arrays(1);
  arrays.send(std::make_unique<int[]>(4));
  CHECK_EQ(arrays.receive()[3], 0);
  channel<Unassignable> fixed(1);
  fixed.send(Unassignable(8));
  CHECK_EQ(fixed.receive().value(), 8);
  CHECK_EQ(Tracked::alive, 0);
}

void an_unsent_item_stays_with_its_sender() {
  channel<std::string> strings;
  std::string item(100, 'a');
  CHECK_EQ(strings.send(std::nothrow, std::move(item), 0ms).code(), -ETIMEDOUT);
  CHECK(item == std::string(100, 'a'));
  CHECK_EQ(strings.send(std::nothrow, item, 1ms).code(), -ETIMEDOUT);
  CHECK(item == std::string(100, 'a'));
  CHECK(strings.close());
  CHECK(!strings.close());
  CHECK_EQ(strings.send(std::nothrow, std::move(item)).code(), -EPIPE);
  CHECK(item == std::string(100, 'a'));
  channel<std::unique_ptr<Tracked>> owners;
  auto owner = std::make_unique<Tracked>(1);
  CHECK_EQ(owners.send(std::nothrow, std::move(owner), 0ms).code(), -ETIMEDOUT);
  CHECK(owner != nullptr);
  channel<Unassignable> fixed;
  CHECK_EQ(fixed.send(std::nothrow, Unassignable(8), 0ms).code(), -ETIMEDOUT);
  // One that waits is cancelled, or sees the channel close, or go.
  for (int way = 0; way < 3; way++) {
    channel<Tracked> items;
    auto sender = greenhub::spawn([&items] {
      Tracked mine(5);
      const int code = items.send(std::nothrow, std::move(mine)).code();
      CHECK_EQ(mine.value, 5);
      return code;
    });
    greenhub::this_thread::yield();
    if (way == 0) sender.cancel();
    if (way == 1) items.close();
    if (way == 2) items.free();
    CHECK_EQ(sender.join(), way == 0 ? -ECANCELED : -EPIPE);
  }
  owner.reset();
  CHECK_EQ(Tracked::alive, 0);
}

void what_is_left_is_destroyed() {
  for (const bool closed : {false, true}) {
    channel<Tracked> items(10);
    for (int i = 0; i < 7; i++) items.send(Tracked(i));
    CHECK_EQ(items.receive().value, 0);
    CHECK_EQ(Tracked::alive, 6);
    if (closed) items.close();
  }
  CHECK_EQ(Tracked::alive, 0);
  // By a green thread that was cancelled.
  auto cancelled = greenhub::spawn([] {
    channel<std::unique_ptr<Tracked>> items(10);
    for (int i = 0; i < 7; i++) items.send(std::make_unique<Tracked>(i));
    greenhub::this_thread::sleep_until(never);
  });
  greenhub::this_thread::yield();
  CHECK_EQ(Tracked::alive, 7);
  cancelled.cancel();
  CHECK_EQ(cancelled.join(std::nothrow).code(), greenhub::threw);
  CHECK_EQ(Tracked::alive, 0);
  // In a callback, which cannot receive.
  channel<Tracked> items(10);
  for (int i = 0; i < 7; i++) items.send(Tracked(i));
  greenhub::timer frees(0ms, [&items] { items.free(); });
  greenhub::this_thread::sleep_for(2ms);
  CHECK(!items);
  greenhub::this_thread::yield();
  CHECK_EQ(Tracked::alive, 0);
}

void a_loop_ends_when_the_channel_is_closed() {
  channel<std::string> words(2);
  auto producer = greenhub::spawn([&words] {
    for (int i = 0; i < 5; i++) words.send(std::to_string(i));
    words.close();
  });
  std::string all;
  for (std::string &word : words) all += word;
  CHECK(all == "01234");
  producer.join();
  CHECK_EQ(words.receive(std::nothrow).code(), -EPIPE);
  bool closed = false;
  try {
    words.receive();
  } catch (const greenhub::error &error) {
    closed = error.code() == std::errc::broken_pipe;
  }
  CHECK(closed);
  // A cancelled loop is left by the exception.
  channel<int> numbers;
  auto loop = greenhub::spawn([&numbers] {
    for (const int number : numbers) CHECK(number == 0);
  });
  greenhub::this_thread::yield();
  loop.cancel();
  bool cancelled = false;
  try {
    loop.join();
  } catch (const greenhub::cancelled &) {
    cancelled = true;
  }
  CHECK(cancelled);
}

// Senders and receivers are cancelled at random; what was sent is what was received.
void nothing_is_lost_to_cancellation() {
  unsigned state = 12345;
  const auto random = [&state](unsigned below) {
    state = state * 1103515245u + 12345u;
    return (state >> 16) % below;
  };
  for (int round = 0; round < 300; round++) {
    channel<Tracked> items(random(3));
    int sent = 0;
    int received = 0;
    std::vector<greenhub::thread<>> threads;
    for (int i = 0; i < 4; i++) {
      threads.push_back(greenhub::spawn([&] {
        for (int n = 0; n < 5; n++) {
          if (items.send(std::nothrow, Tracked(n))) sent++;
        }
      }));
      threads.push_back(greenhub::spawn([&] {
        for (int n = 0; n < 5; n++) {
          if (items.receive(std::nothrow, 1h)) received++;
        }
      }));
    }
    for (unsigned turns = random(6); turns > 0; turns--) greenhub::this_thread::yield();
    for (auto &thread : threads) {
      if (random(2) == 0) thread.cancel();
      if (random(4) == 0) greenhub::this_thread::yield();
    }
    for (unsigned turns = random(6); turns > 0; turns--) greenhub::this_thread::yield();
    items.close();
    for (auto &thread : threads) thread.join();
    CHECK_EQ(sent, received + static_cast<int>(items.size()));
    CHECK_EQ(Tracked::alive, static_cast<int>(items.size()));
  }
  CHECK_EQ(Tracked::alive, 0);
}

void items_pass_between_os_threads() {
  const int count = 2000;
  channel<std::unique_ptr<int>> items(16);
  std::vector<std::thread> producers;
  for (int id = 0; id < 2; id++) {
    producers.emplace_back([&items] {
      for (int i = 1; i <= count; i++) items.send(std::make_unique<int>(i));
    });
  }
  long sum = 0;
  for (int i = 0; i < 2 * count; i++) sum += *items.receive(30s);
  CHECK_EQ(sum, static_cast<long>(count) * (count + 1));
  for (auto &producer : producers) producer.join();
}

void an_owner_that_is_empty_says_so() {
  channel<int> from(1);
  from.send(1);
  channel<int> to = std::move(from);
  CHECK_EQ(from.send(std::nothrow, 2).code(), -EINVAL);
  CHECK_EQ(from.receive(std::nothrow).code(), -EINVAL);
  CHECK(!from);
  CHECK_EQ(to.receive(), 1);
  const auto mistaken = channel<int>::make(SIZE_MAX);
  CHECK_EQ(mistaken.code(), -EINVAL);
  CHECK(mistaken.error() == std::errc::invalid_argument);
}

}  // namespace

int main() {
  items_of_every_kind_arrive();
  an_unsent_item_stays_with_its_sender();
  what_is_left_is_destroyed();
  a_loop_ends_when_the_channel_is_closed();
  nothing_is_lost_to_cancellation();
  items_pass_between_os_threads();
  an_owner_that_is_empty_says_so();
  gh_hub_free(gh_hub_current(), gh_after_ms(5000));
  return 0;
}
