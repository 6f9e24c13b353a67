// flags: -Wshadow -Wconversion
// Deadlines of greenhub.hpp: what std::chrono can say becomes nanoseconds of gh_now(), never too early,
// never beyond either end.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <greenhub.hpp>
#include <limits>
#include <ratio>

#include "check.h"

using namespace std::chrono_literals;
using greenhub::deadline;

namespace {

const std::int64_t first = std::numeric_limits<std::int64_t>::min();
const std::int64_t last = GH_NEVER;

template <class Rep, class Period>
std::int64_t ns(std::chrono::duration<Rep, Period> duration) {
  return greenhub::detail::nanoseconds(duration);
}

void the_clock_is_the_standards() {
  for (int i = 0; i < 1000; i++) {
    const auto before = std::chrono::steady_clock::now();
    const std::int64_t now = gh_now();
    const auto after = std::chrono::steady_clock::now();
    CHECK(deadline(before).ns() <= now && now <= deadline(after).ns());
  }
}

void durations_become_nanoseconds() {
  CHECK_EQ(ns(3ns), 3);
  CHECK_EQ(ns(-3ms), -3000000);
  CHECK_EQ(ns(2h), 7200000000000);
  CHECK_EQ(ns(1.5s), 1500000000);
  CHECK_EQ(ns(std::chrono::duration<std::uint8_t, std::deci>(3)), 300000000);
  // Rounded up: a deadline is never early.
  using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  using frames = std::chrono::duration<std::int64_t, std::ratio<1, 60>>;
  CHECK_EQ(ns(picoseconds(1)), 1);
  CHECK_EQ(ns(picoseconds(2000)), 2);
  CHECK_EQ(ns(picoseconds(2001)), 3);
  CHECK_EQ(ns(picoseconds(-2001)), -2);
  CHECK_EQ(ns(frames(1)), 16666667);
  CHECK_EQ(ns(frames(60)), 1000000000);
  CHECK_EQ(ns(std::chrono::duration<double, std::nano>(0.25)), 1);
  CHECK_EQ(ns(std::chrono::duration<double, std::nano>(-1.75)), -1);
}

void what_lies_beyond_becomes_the_end() {
  using atoseconds = std::chrono::duration<std::int64_t, std::atto>;
  using unsigned_ms = std::chrono::duration<std::uint64_t, std::milli>;
  CHECK_EQ(ns(std::chrono::hours::max()), last);
  CHECK_EQ(ns(std::chrono::hours::min()), first);
  CHECK_EQ(ns(std::chrono::nanoseconds::max()), last);
  CHECK_EQ(ns(std::chrono::nanoseconds::min()), first);
  CHECK_EQ(ns(unsigned_ms::max()), last);
  CHECK_EQ(ns(unsigned_ms(5)), 5000000);
  CHECK_EQ(ns(atoseconds::max()), 9223372037);
  CHECK_EQ(ns(std::chrono::duration<double>(1e300)), last);
  CHECK_EQ(ns(std::chrono::duration<double>(-1e300)), first);
  CHECK_EQ(ns(std::chrono::duration<double>(std::nan(""))), first);
  CHECK_EQ(ns(std::chrono::duration<double>(std::numeric_limits<double>::infinity())), last);

  CHECK_EQ(deadline().ns(), last);
  CHECK_EQ(greenhub::never.ns(), last);
  CHECK_EQ(deadline(std::chrono::hours::max()).ns(), last);
  CHECK_EQ(deadline(std::chrono::nanoseconds::max() - 1ms).ns(), last);
  CHECK_EQ(deadline(std::chrono::steady_clock::time_point::max()).ns(), last);
  CHECK_EQ(deadline(std::chrono::system_clock::time_point::max()).ns(), last);
  // Already past, whatever the clock says.
  CHECK(deadline(0s).ns() < gh_now());
  CHECK(deadline(-5s).ns() < gh_now());
  CHECK(deadline(std::chrono::hours::min()).ns() < gh_now());
  CHECK(deadline(std::chrono::steady_clock::time_point::min()).ns() < gh_now());
  CHECK(deadline(std::chrono::system_clock::time_point()).ns() < gh_now());
}

void waits_end_at_their_deadlines() {
  const auto start = std::chrono::steady_clock::now();
  greenhub::this_thread::sleep_until(start + 20ms);
  CHECK(std::chrono::steady_clock::now() - start >= 20ms);
  greenhub::this_thread::sleep_for(std::chrono::duration<double>(0.01));
  CHECK(std::chrono::steady_clock::now() - start >= 30ms);
  greenhub::this_thread::sleep_until(std::chrono::system_clock::now() + 10ms);
  CHECK(std::chrono::steady_clock::now() - start >= 39ms);
  greenhub::this_thread::sleep_for(-1s);
  greenhub::this_thread::sleep_until(std::chrono::steady_clock::time_point::min());
  CHECK_EQ(deadline::at(17).ns(), 17);
  static_assert(deadline(std::chrono::steady_clock::time_point(5us)).ns() == 5000, "constexpr");
}

}  // namespace

int main() {
  the_clock_is_the_standards();
  durations_become_nanoseconds();
  what_lies_beyond_becomes_the_end();
  waits_end_at_their_deadlines();
  return 0;
}
