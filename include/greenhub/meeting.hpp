// Semaphore, event, barrier, wait group, and what is to be done once.

#ifndef GREENHUB_MEETING_HPP
#define GREENHUB_MEETING_HPP

#include <cstdint>
#include <exception>
#include <type_traits>

#include "deadline.hpp"
#include "handle.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

/** A number of permits, taken and given back by anybody. */
class semaphore : public handle<gh_sem, gh_sem_free> {
 public:
  using handle::handle;

  /**
   * Makes a semaphore.
   *
   * @param permits  how many are there at first
   * @param most     how many there can be; 0 for 4294967295
   * @param name     (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_sem_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit semaphore(std::uint32_t permits, std::uint32_t most = 0, const char *name = nullptr)
      : semaphore(make(permits, most, name).value()) {}

  /** Makes a semaphore, or tells why not. */
  static result<semaphore> make(std::uint32_t permits, std::uint32_t most = 0,
                                const char *name = nullptr) noexcept {
    gh_sem *made = nullptr;
    const int code = gh_sem_new(&made, name, permits, most);
    return detail::owned<semaphore>(code, made);
  }

  /**
   * Takes a permit.
   *
   * @param until  how long to wait
   * @throws cancelled, error: what gh_sem_wait() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  void acquire(deadline until = never) { check(gh_sem_wait(native_handle(), until.ns())); }

  /** As acquire(), with a code instead of an exception. */
  result<void> acquire(std::nothrow_t, deadline until = never) noexcept {
    return detail::done(gh_sem_wait(native_handle(), until.ns()));
  }

  /** Takes a permit if there is one; false otherwise. */
  bool try_acquire() { return try_acquire_until(deadline::at(0)); }

  /** Takes a permit; false at the deadline. */
  bool try_acquire_until(deadline until) {
    return detail::in_time(gh_sem_wait(native_handle(), until.ns()));
  }

  /** As try_acquire_until(), a duration from now on. */
  template <class Rep, class Period>
  bool try_acquire_for(const std::chrono::duration<Rep, Period> &duration) {
    return try_acquire_until(duration);
  }

  /**
   * Gives permits back, or new ones.
   *
   * @param count  how many
   * @throws error what gh_sem_post() gives, such as -EOVERFLOW; those before it are given
   * @suspends no
   * @since 0.1
   */
  void release(std::uint32_t count = 1) {
    for (; count > 0; count--) check(gh_sem_post(native_handle()));
  }

  /** Tells how many permits are there, in this moment. */
  std::int64_t value() const { return check(gh_sem_value(native_handle())); }
};

/** Something that happens, once or again and again. */
class event : public handle<gh_event, gh_event_free> {
 public:
  using handle::handle;

  /**
   * Makes an event.
   *
   * @param flags  GH_EVENT_AUTO, GH_EVENT_SET, both or 0
   * @param name   (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_event_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit event(std::uint32_t flags, const char *name = nullptr)
      : event(make(flags, name).value()) {}

  /** Makes an event that is not set and must be reset by hand. */
  event() : event(std::uint32_t{0}) {}

  /** Makes an event, or tells why not. */
  static result<event> make(std::uint32_t flags = 0, const char *name = nullptr) noexcept {
    gh_event *made = nullptr;
    const int code = gh_event_new(&made, name, flags);
    return detail::owned<event>(code, made);
  }

  /** Sets the event: all that wait go on, or one with GH_EVENT_AUTO. */
  void set() { check(gh_event_set(native_handle())); }

  /** Resets the event: whoever comes waits. */
  void reset() { check(gh_event_reset(native_handle())); }

  /**
   * Waits until the event is set.
   *
   * @param until  how long to wait
   * @throws cancelled, error: what gh_event_wait() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  void wait(deadline until = never) { check(gh_event_wait(native_handle(), until.ns())); }

  /** As wait(), with a code instead of an exception. */
  result<void> wait(std::nothrow_t, deadline until = never) noexcept {
    return detail::done(gh_event_wait(native_handle(), until.ns()));
  }
};

/** Nobody goes on before all have come. */
class barrier : public handle<gh_barrier, gh_barrier_free> {
 public:
  using handle::handle;

  /**
   * Makes a barrier.
   *
   * @param parties  how many must come, at least 1
   * @param name     (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_barrier_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit barrier(std::uint32_t parties, const char *name = nullptr)
      : barrier(make(parties, name).value()) {}

  /** Makes a barrier, or tells why not. */
  static result<barrier> make(std::uint32_t parties, const char *name = nullptr) noexcept {
    gh_barrier *made = nullptr;
    const int code = gh_barrier_new(&made, name, parties);
    return detail::owned<barrier>(code, made);
  }

  /**
   * Waits until all have come.
   *
   * @param until  how long to wait
   * @return true for the one that came last, false for the others
   * @throws cancelled, error: what gh_barrier_wait() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  bool arrive_and_wait(deadline until = never) {
    return check(gh_barrier_wait(native_handle(), until.ns())) == 1;
  }

  /** As arrive_and_wait(), with a code instead of an exception. */
  result<bool> arrive_and_wait(std::nothrow_t, deadline until = never) noexcept {
    return detail::answer(gh_barrier_wait(native_handle(), until.ns()));
  }
};

/** To wait until a number of tasks are done. */
class wait_group : public handle<gh_waitgroup, gh_waitgroup_free> {
 public:
  using handle::handle;

  /**
   * Makes a wait group of no tasks.
   *
   * @param name  (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_waitgroup_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit wait_group(const char *name) : wait_group(make(name).value()) {}

  /** Makes a wait group without a name. */
  wait_group() : wait_group(static_cast<const char *>(nullptr)) {}

  /** Makes a wait group, or tells why not. */
  static result<wait_group> make(const char *name = nullptr) noexcept {
    gh_waitgroup *made = nullptr;
    const int code = gh_waitgroup_new(&made, name);
    return detail::owned<wait_group>(code, made);
  }

  /** Changes the number of tasks; throws error for fewer than none. */
  void add(int delta = 1) { check(gh_waitgroup_add(native_handle(), delta)); }

  /** Takes one task off; throws error if there is none. */
  void done() { check(gh_waitgroup_done(native_handle())); }

  /**
   * Waits until no task is left.
   *
   * @param until  how long to wait
   * @throws cancelled, error: what gh_waitgroup_wait() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  void wait(deadline until = never) { check(gh_waitgroup_wait(native_handle(), until.ns())); }

  /** As wait(), with a code instead of an exception. */
  result<void> wait(std::nothrow_t, deadline until = never) noexcept {
    return detail::done(gh_waitgroup_wait(native_handle(), until.ns()));
  }
};

namespace detail {

// One call of a once's function, from the frame that makes it.
template <class Function>
struct attempt {
  Function &function;
#if GREENHUB_EXCEPTIONS
  std::exception_ptr thrown{};
#endif

  int call() {
    if constexpr (std::is_same_v<std::invoke_result_t<Function &>, result<void>>) {
      return function().code();
    } else {
      static_cast<void>(function());
      return 0;
    }
  }

  // Between C frames: nothing may leave.
  static int run(void *arg) noexcept {
    auto &self = *static_cast<attempt *>(arg);
#if GREENHUB_EXCEPTIONS
    try {
      return self.call();
    } catch (...) {
      self.thrown = std::current_exception();
      return threw;
    }
#else
    return self.call();
#endif
  }
};

}  // namespace detail

/** What is to be done once, by whoever comes first: as std::once_flag, but cooperative. */
class once : public handle<gh_once, gh_once_free> {
 public:
  using handle::handle;

  /**
   * Makes something to be done once.
   *
   * @param name  (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_once_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit once(const char *name) : once(make(name).value()) {}

  /** Makes something to be done once, without a name. */
  once() : once(static_cast<const char *>(nullptr)) {}

  /** Makes something to be done once, or tells why not. */
  static result<once> make(const char *name = nullptr) noexcept {
    gh_once *made = nullptr;
    const int code = gh_once_new(&made, name);
    return detail::owned<once>(code, made);
  }

  /**
   * Calls a function unless a call of it here has succeeded. One that throws, or returns a failed
   * result<void>, has not: the next one to come calls it again.
   *
   * @param function  takes nothing; it may suspend
   * @param until     how long to wait for another's call
   * @throws what the function throws; cancelled, error: what gh_once_run() gives
   * @suspends yes
   * @since 0.1
   */
  template <class Function>
  void call(Function &&function, deadline until = never) {
    detail::attempt<std::remove_reference_t<Function>> attempt{function};
    const int code = run(attempt, until);
#if GREENHUB_EXCEPTIONS
    if (attempt.thrown) std::rethrow_exception(attempt.thrown);
#endif
    check(code);
  }

  /** As call(), with a code instead of an exception: `threw` for the function's own. */
  template <class Function>
  result<void> call(std::nothrow_t, Function &&function, deadline until = never) noexcept {
    detail::attempt<std::remove_reference_t<Function>> attempt{function};
    return detail::done(run(attempt, until));
  }

 private:
  template <class Function>
  int run(detail::attempt<Function> &attempt, deadline until) noexcept {
    return gh_once_run(native_handle(), detail::attempt<Function>::run, &attempt, until.ns());
  }
};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
