// Timers that call any callable.

#ifndef GREENHUB_TIMER_HPP
#define GREENHUB_TIMER_HPP

#include <chrono>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "deadline.hpp"
#include "error.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

namespace detail {

// What a timer calls. Its owner may go while it is being called: it deletes itself afterwards then.
class timer_state {
 public:
  timer_state() = default;
  timer_state(const timer_state &) = delete;
  timer_state &operator=(const timer_state &) = delete;
  virtual ~timer_state() = default;

  static void fire(void *arg) noexcept {
    auto *const self = static_cast<timer_state *>(arg);
    self->running_ = true;
    self->call();
    self->running_ = false;
    if (self->abandoned_) delete self;
  }

  void abandon() noexcept {
    abandoned_ = true;
    if (!running_) delete this;
  }

 protected:
  virtual void call() = 0;

 private:
  bool running_ = false;
  bool abandoned_ = false;
};

template <class Function>
class timer_of final : public timer_state {
 public:
  template <class From>
  explicit timer_of(std::in_place_t, From &&from) : function_(std::forward<From>(from)) {}

 private:
  void call() override { static_cast<void>(function_()); }

  Function function_;
};

}  // namespace detail

/**
 * Owns a timer on the hub of an OS thread, where it must be used and destroyed: elsewhere it fires on.
 * What it calls runs between green threads; it must not suspend (GH_ENOTGREEN), and an exception that
 * leaves it calls std::terminate(). The timer's own call may destroy it.
 */
class [[nodiscard]] timer {
 public:
  /** Owns nothing. */
  timer() noexcept = default;

  /**
   * Starts a timer.
   *
   * @param first     when it fires first; never before this call has returned
   * @param function  what it calls
   * @param period    from each turn to the next; 0: it fires once
   * @throws error what gh_timer_start() gives; what copying the function throws
   * @suspends no
   * @since 0.1
   */
  template <class Function>
  timer(deadline first, Function &&function,
        std::chrono::nanoseconds period = std::chrono::nanoseconds::zero()) {
    check(start(first, std::forward<Function>(function), period));
  }

  /** Starts a timer, or tells why not; copying the function must not throw. */
  template <class Function>
  static result<timer> make(
      deadline first, Function &&function,
      std::chrono::nanoseconds period = std::chrono::nanoseconds::zero()) noexcept {
    timer made;
    const int code = made.start(first, std::forward<Function>(function), period);
    if (code < 0) return failure{code};
    return result<timer>(std::move(made));
  }

  timer(timer &&other) noexcept
      : id_(std::exchange(other.id_, 0)), state_(std::exchange(other.state_, nullptr)) {}

  timer &operator=(timer &&other) noexcept {
    if (this != &other) {
      cancel();
      id_ = std::exchange(other.id_, 0);
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }

  ~timer() { cancel(); }

  /** The id for the functions of greenhub.h; 0 if there is none. */
  gh_timer id() const noexcept { return id_; }

  /**
   * Ends the timer: its function is not called any more, and destroyed.
   *
   * @suspends no
   * @since 0.1
   */
  void cancel() noexcept {
    if (state_ == nullptr) return;
    const int code = gh_timer_cancel(std::exchange(id_, 0));
    detail::timer_state *const state = std::exchange(state_, nullptr);
    // On another OS thread it still fires, and needs what it calls.
    if (code != GH_EWRONGTHREAD) state->abandon();
  }

 private:
  template <class Function>
  int start(deadline first, Function &&function, std::chrono::nanoseconds period) {
    std::unique_ptr<detail::timer_state> state(new (std::nothrow) detail::timer_of<
                                               std::decay_t<Function>>(
        std::in_place, std::forward<Function>(function)));
    if (state == nullptr) return -ENOMEM;
    const int code =
        gh_timer_start(&id_, first.ns(), period.count(), detail::timer_state::fire, state.get());
    if (code >= 0) state_ = state.release();
    return code;
  }

  gh_timer id_ = 0;
  detail::timer_state *state_ = nullptr;
};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
