// sanitizer: yes
// The exception that the root has caught is its own again after every call that runs the hub from
// inside the catch block, whatever green threads and callbacks threw meanwhile.
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

#include "check.h"
#include "greenhub.h"

namespace {

int ran;

void *ends_inside_no_block(void *arg) {
  try {
    throw 5;
  } catch (int thrown) {
    CHECK_EQ(gh_yield(), 0);
    CHECK_EQ(gh_sleep_ms(1), 0);
    CHECK(std::current_exception() != nullptr);
    CHECK_EQ(thrown, 5);
  }
  CHECK(std::current_exception() == nullptr);
  ran++;
  return arg;
}

void *waits_inside_its_block(void *arg) {
  try {
    throw 6;
  } catch (int thrown) {
    gh_sleep_until(GH_NEVER);
    CHECK_EQ(thrown, 6);
  }
  return arg;
}

void quiet(void *) { ran++; }

void throws(void *) {
  CHECK(std::current_exception() == nullptr);
  try {
    throw std::logic_error("in a callback");
  } catch (const std::logic_error &) {
    CHECK(std::current_exception() != nullptr);
  }
  CHECK(std::current_exception() == nullptr);
  ran++;
}

// Runs `body` inside a catch block, and wants the exception to be there and whole afterwards.
void inside_a_catch_block(const std::string &name, const std::function<void()> &body) {
  ran = 0;
  CHECK_EQ(std::uncaught_exceptions(), 0);
  try {
    try {
      throw std::runtime_error(name);
    } catch (const std::runtime_error &error) {
      body();
      CHECK(ran > 0);
      if (std::current_exception() == nullptr) {
        fprintf(stderr, "%s: the root's exception is lost\n", name.c_str());
        exit(1);
      }
      CHECK(error.what() == name);
      throw;
    }
  } catch (const std::runtime_error &error) {
    CHECK(error.what() == name);
  }
  CHECK(std::current_exception() == nullptr);
  CHECK_EQ(std::uncaught_exceptions(), 0);
}

void spawn(gh_entry entry) { CHECK_EQ(gh_spawn(nullptr, nullptr, entry, nullptr), 0); }

void start_timer(gh_callback callback) {
  CHECK_EQ(gh_timer_start(nullptr, gh_after_ms(1), 0, callback, nullptr), 0);
}

}  // namespace

int main() {
  inside_a_catch_block("gh_hub_run", [] {
    for (int i = 0; i < 5; i++) spawn(ends_inside_no_block);
    CHECK_EQ(gh_hub_run(gh_hub_current()), 0);
  });
  inside_a_catch_block("gh_hub_run_once", [] {
    for (int i = 0; i < 5; i++) spawn(ends_inside_no_block);
    while (gh_hub_run_once(gh_hub_current(), GH_NEVER) == 1) {
      CHECK(std::current_exception() != nullptr);
    }
  });
  const gh_callback callbacks[] = {quiet, throws};
  for (gh_callback callback : callbacks) {
    inside_a_catch_block("gh_hub_run, a timer", [callback] {
      start_timer(callback);
      CHECK_EQ(gh_hub_run(gh_hub_current()), 0);
    });
    inside_a_catch_block("gh_hub_run_once, a timer", [callback] {
      start_timer(callback);
      while (gh_hub_run_once(gh_hub_current(), GH_NEVER) == 1) continue;
    });
    inside_a_catch_block("gh_hub_run_once, a post", [callback] {
      CHECK_EQ(gh_post(gh_hub_current(), callback, nullptr), 0);
      CHECK_EQ(gh_hub_run_once(gh_hub_current(), 0), 0);
    });
    inside_a_catch_block("gh_sleep_ms, a timer and a post", [callback] {
      start_timer(callback);
      CHECK_EQ(gh_post(gh_hub_current(), callback, nullptr), 0);
      CHECK_EQ(gh_sleep_ms(5), 0);
    });
  }
  inside_a_catch_block("gh_hub_run that is stopped", [] {
    spawn(waits_inside_its_block);
    gh_timer timer;
    CHECK_EQ(gh_timer_start(
                 &timer, gh_after_ms(1), 0,
                 [](void *) {
                   ran++;
                   gh_hub_stop(gh_hub_current());
                 },
                 nullptr),
             0);
    CHECK_EQ(gh_hub_run(gh_hub_current()), 1);
  });
  inside_a_catch_block("gh_hub_free", [] {
    ran++;
    CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(5000)), 0);
  });
  return 0;
}
