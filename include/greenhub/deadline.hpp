// Deadlines from std::chrono.

#ifndef GREENHUB_DEADLINE_HPP
#define GREENHUB_DEADLINE_HPP

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include "error.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

namespace detail {

inline constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

constexpr std::int64_t saturated_sum(std::int64_t left, std::int64_t right) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(left, right, &sum)) return left < 0 ? least : most;
  return sum;
}

// count * num / den, rounded up: a deadline is never early.
constexpr std::int64_t scaled(std::int64_t count, std::int64_t num, std::int64_t den) noexcept {
  std::int64_t whole = 0;
  std::int64_t part = 0;
  if (__builtin_mul_overflow(count / den, num, &whole) ||
      __builtin_mul_overflow(count % den, num, &part)) {
    return count < 0 ? least : most;
  }
  return saturated_sum(whole, part / den + (part % den > 0 ? 1 : 0));
}

// Any duration in nanoseconds; what lies beyond them becomes the first or the last one. duration_cast
// would overflow instead, for hours::max() say.
template <class Rep, class Period>
constexpr std::int64_t nanoseconds(const std::chrono::duration<Rep, Period> &duration) noexcept {
  using scale = std::ratio_divide<Period, std::nano>;
  if constexpr (std::chrono::treat_as_floating_point_v<Rep>) {
    const auto exact = static_cast<long double>(duration.count()) *
                       static_cast<long double>(scale::num) / static_cast<long double>(scale::den);
    if (exact >= static_cast<long double>(most)) return most;
    if (!(exact > static_cast<long double>(least))) return least;  // what is no number too
    const auto whole = static_cast<std::int64_t>(exact);
    return static_cast<long double>(whole) < exact ? whole + 1 : whole;
  } else {
    if constexpr (std::is_unsigned_v<Rep> && sizeof(Rep) >= sizeof(std::int64_t)) {
      if (duration.count() > static_cast<Rep>(most)) return most;
    }
    return scaled(static_cast<std::int64_t>(duration.count()), scale::num, scale::den);
  }
}

// No clock is read for what lies in the past, nor for what never comes.
inline std::int64_t after(std::int64_t nanoseconds) noexcept {
  if (nanoseconds <= 0) return 0;
  return nanoseconds == most ? GH_NEVER : gh_after_ns(nanoseconds);
}

}  // namespace detail

/** Until when a call may wait. */
class deadline {
 public:
  /** Never. */
  constexpr deadline() noexcept = default;

  /**
   * So long from now on. Zero or less: the call tries once.
   *
   * @param duration  in any unit; rounded up to nanoseconds, and to `never` beyond their range
   * @since 0.1
   */
  template <class Rep, class Period>
  deadline(const std::chrono::duration<Rep, Period> &duration) noexcept
      : ns_(detail::after(detail::nanoseconds(duration))) {}

  /**
   * At a time of the clock that all deadlines are on: std::chrono::steady_clock reads CLOCK_MONOTONIC,
   * as gh_now() does, in libstdc++ and libc++.
   *
   * @param time  the time; time_point::max() is never
   * @since 0.1
   */
  template <class Duration>
  constexpr deadline(
      const std::chrono::time_point<std::chrono::steady_clock, Duration> &time) noexcept
      : ns_(detail::nanoseconds(time.time_since_epoch())) {}

  /**
   * At a time of another clock, as far away as it is now: if that clock is set meanwhile, the deadline
   * stays.
   *
   * @param time  the time; time_point::max() is never
   * @since 0.1
   */
  template <class Clock, class Duration>
  deadline(const std::chrono::time_point<Clock, Duration> &time) noexcept
      : ns_(time == std::chrono::time_point<Clock, Duration>::max()
                ? GH_NEVER
                : detail::after(detail::saturated_sum(
                      detail::nanoseconds(time.time_since_epoch()),
                      -detail::nanoseconds(Clock::now().time_since_epoch())))) {}

  /** At a time of gh_now(), in nanoseconds; GH_NEVER is never. */
  static constexpr deadline at(std::int64_t ns) noexcept {
    deadline made;
    made.ns_ = ns;
    return made;
  }

  /** What the functions of greenhub.h take as their last argument. */
  constexpr std::int64_t ns() const noexcept { return ns_; }

 private:
  std::int64_t ns_ = GH_NEVER;
};

/** The deadline that never comes. */
inline constexpr deadline never{};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
