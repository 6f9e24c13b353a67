// Mutexes, the read-write lock and the condition variable, as the standard's guards want them.

#ifndef GREENHUB_LOCK_HPP
#define GREENHUB_LOCK_HPP

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <type_traits>

#include "deadline.hpp"
#include "handle.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

namespace detail {

// std::lock() gives up what it holds when a try_lock() fails, and goes on with a lock() of what it failed
// at. Locks that are handed over in the order of arrival, to green threads that run in order too, would
// let three of them do that for ever: each finds the other lock handed to the next. So a lock() that
// follows a failed try_lock() stands aside for a while first, by chance and the longer the more collide.
class collisions {
 public:
  static collisions &here() noexcept {
    static thread_local collisions of_this_os_thread;
    return of_this_os_thread;
  }

  // Passes the answer of a try_lock() on.
  bool note(bool taken) noexcept {
    if (taken) {
      range_ = range_ / 2 > shortest ? range_ / 2 : shortest;
    } else {
      last_ = gh_self();
    }
    return taken;
  }

  // Called before a lock(). What is wrong with the caller, the lock itself will say.
  void stand_aside() noexcept {
    if (last_ == 0 || last_ != gh_self()) return;
    last_ = 0;
    const auto pause = static_cast<std::int64_t>(random() % range_);
    if (range_ < longest) range_ *= 2;
    static_cast<void>(gh_sleep_until(gh_after_ns(pause)));
  }

 private:
  static constexpr std::uint64_t shortest = 50000;
  static constexpr std::uint64_t longest = 16 * 1000000;

  // Marsaglia, "Xorshift RNGs", 2003. OS threads begin apart by their clocks.
  std::uint64_t random() noexcept {
    if (state_ == 0) state_ = static_cast<std::uint64_t>(gh_now()) | 1;
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

  gh_thread last_ = 0;
  std::uint64_t range_ = shortest;
  std::uint64_t state_ = 0;
};

}  // namespace detail

/**
 * A mutex between green threads of any OS threads: TimedLockable, for std::lock_guard, unique_lock and
 * scoped_lock. Lock it once in a green thread and once at a time, or use recursive_mutex.
 */
template <std::uint32_t Flags>
class basic_mutex : public handle<gh_mutex, gh_mutex_free> {
 public:
  using handle::handle;

  /**
   * Makes a mutex.
   *
   * @param name  (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_mutex_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit basic_mutex(const char *name) : basic_mutex(make(name).value()) {}

  /** Makes a mutex without a name. */
  basic_mutex() : basic_mutex(static_cast<const char *>(nullptr)) {}

  /** Makes a mutex, or tells why not. */
  static result<basic_mutex> make(const char *name = nullptr) noexcept {
    gh_mutex *made = nullptr;
    const int code = gh_mutex_new(&made, name, Flags);
    return detail::owned<basic_mutex>(code, made);
  }

  /**
   * Takes the mutex.
   *
   * @param until  how long to wait
   * @throws cancelled, error: what gh_mutex_lock() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  void lock(deadline until) { check(gh_mutex_lock(this->native_handle(), until.ns())); }

  /** Takes the mutex, as the guards do it. */
  void lock() {
    detail::collisions::here().stand_aside();
    lock(never);
  }

  /** As lock(), with a code instead of an exception. */
  result<void> lock(std::nothrow_t, deadline until = never) noexcept {
    return detail::done(gh_mutex_lock(this->native_handle(), until.ns()));
  }

  /**
   * Takes the mutex if it is free.
   *
   * @return whether it did
   * @throws cancelled, error for all but a mutex that is held
   * @suspends yes
   * @since 0.1
   */
  bool try_lock() {
    const int code = gh_mutex_lock(this->native_handle(), 0);
    return detail::collisions::here().note(code != -EDEADLK && detail::in_time(code));
  }

  /**
   * Takes the mutex, or gives up at the deadline.
   *
   * @param until  how long to wait
   * @return whether it has been taken
   * @throws cancelled, error for all but the deadline
   * @suspends yes
   * @since 0.1
   */
  bool try_lock_until(deadline until) {
    return detail::in_time(gh_mutex_lock(this->native_handle(), until.ns()));
  }

  /** As try_lock_until(), a duration from now on. */
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period> &duration) {
    return try_lock_until(duration);
  }

  /**
   * Gives the mutex up. In a guard's destructor a mistake, such as a mutex that another one holds,
   * therefore calls std::terminate().
   *
   * @throws error what gh_mutex_unlock() gives
   * @suspends no
   * @since 0.1
   */
  void unlock() { check(gh_mutex_unlock(this->native_handle())); }

  /** As unlock(), with a code instead of an exception. */
  result<void> unlock(std::nothrow_t) noexcept {
    return detail::done(gh_mutex_unlock(this->native_handle()));
  }

  /**
   * Takes a mutex whose owner has ended, after lock() gave -EOWNERDEAD.
   *
   * @return a success, and the caller holds it; or what gh_mutex_recover() gives
   * @suspends no
   * @since 0.1
   */
  result<void> recover() noexcept {
    return detail::done(gh_mutex_recover(this->native_handle()));
  }
};

/** A mutex that its owner may not lock again. */
using mutex = basic_mutex<0>;

/** A mutex that its owner may lock again. */
using recursive_mutex = basic_mutex<GH_MUTEX_RECURSIVE>;

/**
 * A read-write lock between green threads of any OS threads: SharedTimedLockable, for std::unique_lock
 * and std::shared_lock.
 */
class shared_mutex : public handle<gh_rwlock, gh_rwlock_free> {
 public:
  using handle::handle;

  /**
   * Makes a read-write lock.
   *
   * @param name  (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_rwlock_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit shared_mutex(const char *name) : shared_mutex(make(name).value()) {}

  /** Makes a read-write lock without a name. */
  shared_mutex() : shared_mutex(static_cast<const char *>(nullptr)) {}

  /** Makes a read-write lock, or tells why not. */
  static result<shared_mutex> make(const char *name = nullptr) noexcept {
    gh_rwlock *made = nullptr;
    const int code = gh_rwlock_new(&made, name);
    return detail::owned<shared_mutex>(code, made);
  }

  /**
   * Takes the lock alone.
   *
   * @param until  how long to wait
   * @throws cancelled, error: what gh_rwlock_write() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  void lock(deadline until) { check(gh_rwlock_write(native_handle(), until.ns())); }

  /** Takes the lock alone, as the guards do it. */
  void lock() {
    detail::collisions::here().stand_aside();
    lock(never);
  }

  /** As lock(), with a code instead of an exception. */
  result<void> lock(std::nothrow_t, deadline until = never) noexcept {
    return detail::done(gh_rwlock_write(native_handle(), until.ns()));
  }

  /** Takes the lock alone if it is free; false otherwise. */
  bool try_lock() {
    return detail::collisions::here().note(try_lock_until(deadline::at(0)));
  }

  /** Takes the lock alone; false at the deadline. */
  bool try_lock_until(deadline until) {
    return detail::in_time(gh_rwlock_write(native_handle(), until.ns()));
  }

  /** As try_lock_until(), a duration from now on. */
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period> &duration) {
    return try_lock_until(duration);
  }

  /** Gives the lock up; throws as basic_mutex::unlock(). */
  void unlock() { check(gh_rwlock_unlock(native_handle())); }

  /** As unlock(), with a code instead of an exception. */
  result<void> unlock(std::nothrow_t) noexcept {
    return detail::done(gh_rwlock_unlock(native_handle()));
  }

  /**
   * Takes the lock together with other readers.
   *
   * @param until  how long to wait
   * @throws cancelled, error: what gh_rwlock_read() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  void lock_shared(deadline until) { check(gh_rwlock_read(native_handle(), until.ns())); }

  /** Takes the lock together with other readers, as std::shared_lock does it. */
  void lock_shared() {
    detail::collisions::here().stand_aside();
    lock_shared(never);
  }

  /** As lock_shared(), with a code instead of an exception. */
  result<void> lock_shared(std::nothrow_t, deadline until = never) noexcept {
    return detail::done(gh_rwlock_read(native_handle(), until.ns()));
  }

  /** Takes the lock with other readers if no writer holds it or waits; false otherwise. */
  bool try_lock_shared() {
    return detail::collisions::here().note(try_lock_shared_until(deadline::at(0)));
  }

  /** Takes the lock with other readers; false at the deadline. */
  bool try_lock_shared_until(deadline until) {
    return detail::in_time(gh_rwlock_read(native_handle(), until.ns()));
  }

  /** As try_lock_shared_until(), a duration from now on. */
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period> &duration) {
    return try_lock_shared_until(duration);
  }

  /** Gives a reader's lock up; throws as basic_mutex::unlock(). */
  void unlock_shared() { unlock(); }

  /** As unlock_shared(), with a code instead of an exception. */
  result<void> unlock_shared(std::nothrow_t) noexcept { return unlock(std::nothrow); }

  /** Takes a lock whose holder has ended, for writing: as basic_mutex::recover(). */
  result<void> recover() noexcept { return detail::done(gh_rwlock_recover(native_handle())); }
};

/**
 * A condition variable, for std::unique_lock of a mutex or recursive_mutex of this header. However a
 * wait ends, by an exception too, the lock is held again.
 */
class condition_variable : public handle<gh_cond, gh_cond_free> {
  template <class Predicate>
  using if_predicate = std::enable_if_t<std::is_invocable_r_v<bool, Predicate &>>;

 public:
  using handle::handle;

  /**
   * Makes a condition variable.
   *
   * @param name  (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_cond_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit condition_variable(const char *name) : condition_variable(make(name).value()) {}

  /** Makes a condition variable without a name. */
  condition_variable() : condition_variable(static_cast<const char *>(nullptr)) {}

  /** Makes a condition variable, or tells why not. */
  static result<condition_variable> make(const char *name = nullptr) noexcept {
    gh_cond *made = nullptr;
    const int code = gh_cond_new(&made, name);
    return detail::owned<condition_variable>(code, made);
  }

  /**
   * Waits for a signal.
   *
   * @param lock  holds a mutex of this header
   * @throws cancelled, error: what gh_cond_wait() gives
   * @suspends yes
   * @since 0.1
   */
  template <std::uint32_t Flags>
  void wait(std::unique_lock<basic_mutex<Flags>> &lock) {
    wait(std::nothrow, lock).value();
  }

  /** Waits until the predicate holds, which is looked at under the lock. */
  template <std::uint32_t Flags, class Predicate, class = if_predicate<Predicate>>
  void wait(std::unique_lock<basic_mutex<Flags>> &lock, Predicate holds) {
    while (!holds()) wait(lock);
  }

  /**
   * Waits for a signal, or gives up at the deadline.
   *
   * @param lock   holds a mutex of this header
   * @param until  how long to wait
   * @return std::cv_status::timeout at the deadline, no_timeout otherwise
   * @throws cancelled, error for all but the deadline
   * @suspends yes
   * @since 0.1
   */
  template <std::uint32_t Flags>
  std::cv_status wait_until(std::unique_lock<basic_mutex<Flags>> &lock, deadline until) {
    const bool signalled = detail::in_time(wait(std::nothrow, lock, until).code());
    return signalled ? std::cv_status::no_timeout : std::cv_status::timeout;
  }

  /** Waits until the predicate holds; what it says at the deadline, if that comes first. */
  template <std::uint32_t Flags, class Predicate, class = if_predicate<Predicate>>
  bool wait_until(std::unique_lock<basic_mutex<Flags>> &lock, deadline until, Predicate holds) {
    while (!holds()) {
      if (wait_until(lock, until) == std::cv_status::timeout) return holds();
    }
    return true;
  }

  /** As wait_until(), a duration from now on. */
  template <std::uint32_t Flags, class Rep, class Period>
  std::cv_status wait_for(std::unique_lock<basic_mutex<Flags>> &lock,
                          const std::chrono::duration<Rep, Period> &duration) {
    return wait_until(lock, duration);
  }

  /** As wait_until() with a predicate, a duration from now on. */
  template <std::uint32_t Flags, class Rep, class Period, class Predicate>
  bool wait_for(std::unique_lock<basic_mutex<Flags>> &lock,
                const std::chrono::duration<Rep, Period> &duration, Predicate holds) {
    return wait_until(lock, duration, std::move(holds));
  }

  /** Waits for a signal, with a code instead of an exception, also for the deadline. */
  template <std::uint32_t Flags>
  result<void> wait(std::nothrow_t, std::unique_lock<basic_mutex<Flags>> &lock,
                    deadline until = never) noexcept {
    if (!lock.owns_lock()) return failure{-EPERM};
    return detail::done(gh_cond_wait(native_handle(), lock.mutex()->native_handle(), until.ns()));
  }

  /** Waits until the predicate holds, with a code instead of an exception; it must not throw. */
  template <std::uint32_t Flags, class Predicate, class = if_predicate<Predicate>>
  result<void> wait(std::nothrow_t, std::unique_lock<basic_mutex<Flags>> &lock, Predicate holds,
                    deadline until = never) noexcept {
    while (!holds()) {
      const result<void> waited = wait(std::nothrow, lock, until);
      if (waited.code() == -ETIMEDOUT && holds()) return {};
      if (!waited) return waited;
    }
    return {};
  }

  /**
   * Wakes the one that has waited longest.
   *
   * @throws error what gh_cond_signal() gives
   * @suspends no
   * @since 0.1
   */
  void notify_one() { check(gh_cond_signal(native_handle())); }

  /** Wakes all that wait; throws as notify_one(). */
  void notify_all() { check(gh_cond_broadcast(native_handle())); }
};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
