// flags: -Wshadow -Wconversion
// sanitizer: yes
// valgrind: yes
// select() of greenhub.hpp: the case that was performed is the one whose handler ran, and items of the
// others stay where they were.
#include <fcntl.h>
#include <greenhub.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include "check.h"
#include "tracked.h"

using namespace std::chrono_literals;
using greenhub::channel;
using greenhub::never;
using greenhub::on_readable;
using greenhub::on_receive;
using greenhub::on_send;
using greenhub::on_writable;

namespace {

struct Pipe {
  greenhub::descriptor read;
  greenhub::descriptor write;

  Pipe() {
    int fds[2];
    CHECK_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
};

void each_case_has_its_index_and_handler() {
  channel<std::string> words(1);
  channel<std::unique_ptr<Tracked>> owners(1);
  Pipe pipe;
  std::string said;
  const auto choose = [&] {
    return greenhub::select(
        never,
        on_receive(words, [&](greenhub::result<std::string> word) {
          said = word ? *word : "closed";
        }),
        on_receive(owners, [&](auto owner) { said = std::to_string((*owner)->value); }),
        on_readable(pipe.read.get(), [&] { said = "readable"; }));
  };
  words.send("word");
  CHECK_EQ(choose(), 0);
  CHECK(said == "word");
  owners.send(std::make_unique<Tracked>(12));
  CHECK_EQ(choose(), 1);
  CHECK(said == "12");
  CHECK_EQ(write(pipe.write.get(), "x", 1), 1);
  CHECK_EQ(choose(), 2);
  CHECK(said == "readable");
  char byte;
  CHECK_EQ(read(pipe.read.get(), &byte, 1), 1);
  // All that waits: until somebody comes to one of them.
  auto sender = greenhub::spawn([&words] { words.send("later"); });
  CHECK_EQ(choose(), 0);
  CHECK(said == "later");
  sender.join();
  words.close();
  CHECK_EQ(choose(), 0);
  CHECK(said == "closed");
  CHECK_EQ(greenhub::select(never, on_writable(pipe.write.get())), 0);

  std::optional<std::string> kept = "old";
  channel<std::string> others(1);
  others.send("new");
  CHECK_EQ(greenhub::select(never, on_receive(others, kept)), 0);
  CHECK(*kept == "new");
  CHECK_EQ(greenhub::select(never, on_receive(words, kept)), 0);
  CHECK(!kept);
}

void unsent_items_stay() {
  channel<Tracked> full;
  channel<Tracked> room(1);
  Tracked mine(5);
  Tracked other(6);
  greenhub::result<void> sent = greenhub::failure{-EINVAL};
  CHECK_EQ(greenhub::select(never, on_send(full, std::move(mine)),
                            on_send(room, std::move(other), [&](auto how) { sent = how; })),
           1);
  CHECK(sent);
  CHECK_EQ(mine.value, 5);
  CHECK_EQ(room.receive().value, 6);
  CHECK_EQ(greenhub::select(std::nothrow, 1ms, on_send(full, std::move(mine))).code(), -ETIMEDOUT);
  CHECK_EQ(mine.value, 5);
  full.close();
  CHECK_EQ(greenhub::select(never, on_send(full, std::move(mine), [&](auto how) { sent = how; })), 0);
  CHECK_EQ(sent.code(), -EPIPE);
  CHECK_EQ(mine.value, 5);
  // What is copied byte by byte, and what is copied before it is sent.
  channel<int> numbers(1);
  const int number = 4;
  CHECK_EQ(greenhub::select(never, on_send(numbers, number)), 0);
  CHECK_EQ(numbers.receive(), 4);
  channel<std::string> words(1);
  const std::string word = "constant";
  CHECK_EQ(greenhub::select(never, on_send(words, word)), 0);
  CHECK(words.receive() == word);
  CHECK_EQ(greenhub::select(never, on_send(words, "converted")), 0);
  CHECK(words.receive() == "converted");
}

void a_case_may_take_no_part() {
  channel<std::string> words(1);
  std::string kept = "kept";
  CHECK_EQ(greenhub::select(std::nothrow, 0ms,
                            greenhub::when(false, on_send(words, std::move(kept))))
               .code(),
           -ETIMEDOUT);
  CHECK(kept == "kept");
  CHECK_EQ(greenhub::select(0ms, greenhub::when(false, on_send(words, "no")),
                            greenhub::when(true, on_send(words, "yes"))),
           1);
  CHECK(words.receive() == "yes");
  CHECK_EQ(greenhub::select(std::nothrow, 1ms).code(), -ETIMEDOUT);
}

void failures_are_thrown() {
  channel<int> nothing;
  bool timed_out = false;
  try {
    greenhub::select(1ms, on_receive(nothing, [](auto) { CHECK(false); }));
  } catch (const greenhub::error &error) {
    timed_out = error.code() == std::errc::timed_out;
  }
  CHECK(timed_out);
  auto waiting = greenhub::spawn([&nothing] {
    Tracked frame;
    greenhub::select(never, on_receive(nothing, [](auto) { CHECK(false); }));
  });
  greenhub::this_thread::yield();
  waiting.cancel();
  bool cancelled = false;
  try {
    waiting.join();
  } catch (const greenhub::cancelled &) {
    cancelled = true;
  }
  CHECK(cancelled);
  // What a handler throws, with an item in its hand and another that was not sent.
  channel<Tracked> items(1);
  channel<Tracked> full;
  items.send(Tracked(7));
  Tracked unsent(8);
  bool thrown = false;
  try {
    greenhub::select(never, on_send(full, std::move(unsent)), on_receive(items, [](auto item) {
                       throw std::runtime_error(std::to_string(item->value));
                     }));
  } catch (const std::runtime_error &error) {
    thrown = error.what() == std::string("7");
  }
  CHECK(thrown);
  CHECK_EQ(unsent.value, 8);
  CHECK_EQ(greenhub::select(std::nothrow, never, on_readable(-1)).code(), -EBADF);
}

}  // namespace

int main() {
  each_case_has_its_index_and_handler();
  unsent_items_stay();
  a_case_may_take_no_part();
  failures_are_thrown();
  CHECK_EQ(Tracked::alive, 0);
  gh_hub_free(gh_hub_current(), gh_after_ms(5000));
  return 0;
}
