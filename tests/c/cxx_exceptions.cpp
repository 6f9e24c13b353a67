// sanitizer: yes
// Exceptions thrown, caught and rethrown in green threads that take turns in between: each has
// its own stack of caught exceptions and its own count of uncaught ones.
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "greenhub.h"

namespace {

const int threads = 20;
const int rounds = 10;

std::string text_of(std::exception_ptr pointer) {
  try {
    std::rethrow_exception(pointer);
  } catch (const std::exception &error) {
    return error.what();
  }
}

std::string label(int id, int round) {
  return "thread " + std::to_string(id) + " round " + std::to_string(round);
}

struct YieldsWhenDestroyed {
  int id;
  // Runs while an exception is on its way, and others run in between.
  ~YieldsWhenDestroyed() {
    CHECK_EQ(std::uncaught_exceptions(), 1);
    CHECK_EQ(gh_yield(), 0);
    CHECK_EQ(std::uncaught_exceptions(), 1);
  }
};

void rethrow_across_turns(int id, int round) {
  const std::string own = label(id, round);
  try {
    try {
      throw std::runtime_error(own);
    } catch (const std::runtime_error &) {
      CHECK_EQ(gh_yield(), 0);
      CHECK(std::current_exception() != nullptr);
      CHECK(text_of(std::current_exception()) == own);
      if ((id + round) % 3 == 0) CHECK_EQ(gh_sleep_ms(1), 0);
      throw;
    }
  } catch (const std::runtime_error &error) {
    CHECK(error.what() == own);
    CHECK_EQ(gh_yield(), 0);
    CHECK(error.what() == own);
  }
  CHECK(std::current_exception() == nullptr);
}

void nested_across_turns(int id, int round) {
  const std::string outer = label(id, round) + " outer";
  const std::string inner = label(id, round) + " inner";
  try {
    throw std::runtime_error(outer);
  } catch (const std::runtime_error &) {
    CHECK_EQ(gh_yield(), 0);
    try {
      CHECK_EQ(gh_yield(), 0);
      throw std::logic_error(inner);
    } catch (const std::logic_error &error) {
      CHECK_EQ(gh_yield(), 0);
      CHECK(error.what() == inner);
      CHECK(text_of(std::current_exception()) == inner);
    }
    CHECK_EQ(gh_yield(), 0);
    CHECK(text_of(std::current_exception()) == outer);
  }
}

void unwind_across_turns(int id, int round) {
  const std::string own = label(id, round);
  CHECK_EQ(std::uncaught_exceptions(), 0);
  try {
    YieldsWhenDestroyed guard = {id};
    throw std::runtime_error(own);
  } catch (const std::runtime_error &error) {
    CHECK(error.what() == own);
  }
  CHECK_EQ(std::uncaught_exceptions(), 0);
}

void *worker(void *arg) {
  const int id = static_cast<int>(reinterpret_cast<intptr_t>(arg));
  for (int round = 0; round < rounds; round++) {
    rethrow_across_turns(id, round);
    nested_across_turns(id, round);
    unwind_across_turns(id, round);
  }
  return arg;
}

std::exception_ptr passed;

void *thrower(void *arg) {
  try {
    throw std::runtime_error("from the other thread");
  } catch (...) {
    passed = std::current_exception();
    CHECK_EQ(gh_yield(), 0);
  }
  return arg;
}

// A new green thread that starts while another is inside a catch block has caught nothing.
void *newborn(void *arg) {
  CHECK(std::current_exception() == nullptr);
  CHECK_EQ(std::uncaught_exceptions(), 0);
  return arg;
}

}  // namespace

int main() {
  std::vector<gh_thread> ids(threads);
  for (int id = 0; id < threads; id++) {
    void *arg = reinterpret_cast<void *>(static_cast<intptr_t>(id));
    CHECK_EQ(gh_spawn(&ids[static_cast<size_t>(id)], nullptr, worker, arg), 0);
  }
  // The root takes part too: it waits inside a catch block of its own.
  try {
    throw std::runtime_error("of the root");
  } catch (const std::runtime_error &error) {
    gh_thread born;
    CHECK_EQ(gh_spawn(&born, nullptr, newborn, nullptr), 0);
    CHECK_EQ(gh_join(born, nullptr, GH_NEVER), 0);
    for (gh_thread id : ids) CHECK_EQ(gh_join(id, nullptr, GH_NEVER), 0);
    CHECK(error.what() == std::string("of the root"));
    CHECK(text_of(std::current_exception()) == "of the root");
  }
  CHECK(std::current_exception() == nullptr);

  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, nullptr, thrower, nullptr), 0);
  CHECK_EQ(gh_yield(), 0);
  CHECK(text_of(passed) == "from the other thread");
  CHECK_EQ(gh_join(thread, nullptr, GH_NEVER), 0);
  CHECK(text_of(passed) == "from the other thread");
  passed = nullptr;
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
