// Green threads that run any callable and return what it returns, or its exception.

#ifndef GREENHUB_THREAD_HPP
#define GREENHUB_THREAD_HPP

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "deadline.hpp"
#include "error.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

/** Shields the calling green thread from cancellation as long as it lives, in that green thread. */
class cancel_mask {
 public:
  /** Begins the shield. Does nothing in a callback, which nobody can cancel. */
  cancel_mask() noexcept : before_(gh_cancel_mask(1)) {}

  cancel_mask(const cancel_mask &) = delete;
  cancel_mask &operator=(const cancel_mask &) = delete;

  /** Restores what was before. A cancellation that came meanwhile takes effect at the next call. */
  ~cancel_mask() {
    if (before_ >= 0) gh_cancel_mask(before_);
  }

 private:
  int before_;
};

/** How a green thread is to be. */
struct spawn_options {
  /** (borrow) A name for diagnostics, at most 63 bytes; may be NULL. */
  const char *name = nullptr;
  /** Bytes of address space for its stack; 0: the hub's default. */
  std::size_t stack_size = 0;
};

namespace detail {

// What a callable returned. A reference is kept as the place that it refers to.
template <class T>
struct returned {
  std::optional<
      std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>>
      value;

  template <class Call>
  void take(Call &&call) {
    value.emplace(call());
  }

  result<T> give() {
    if (!value) return failure{threw};
    return *std::move(value);
  }
};

template <>
struct returned<void> {
  bool there = false;

  template <class Call>
  void take(Call &&call) {
    call();
    there = true;
  }

  result<void> give() {
    if (!there) return failure{threw};
    return {};
  }
};

// What a green thread and its owner share. Whoever is through with it last, deletes it.
template <class T>
class shared_state {
 public:
  shared_state() = default;
  shared_state(const shared_state &) = delete;
  shared_state &operator=(const shared_state &) = delete;
  virtual ~shared_state() = default;

  // Called by the owner: the green thread deletes the state, unless it has ended.
  void abandon() noexcept { leave(abandoned); }

  bool has_ended() const noexcept { return fate_.load(std::memory_order_acquire) == ended; }

  static void *entry(void *arg) noexcept {
    auto *const self = static_cast<shared_state *>(arg);
    self->run();
    self->leave(ended);
    return nullptr;
  }

  returned<T> value;
#if GREENHUB_EXCEPTIONS
  std::exception_ptr thrown;
#endif

 protected:
  virtual void call() = 0;

 private:
  enum fate : unsigned char { shared, ended, abandoned };

  void leave(fate how) noexcept {
    if (fate_.exchange(how, std::memory_order_acq_rel) != shared) delete this;
  }

  // The last C++ frame: an exception that went further would unwind through the library.
  void run() noexcept {
#if GREENHUB_EXCEPTIONS
    try {
      call();
    } catch (const cancelled &) {
      thrown = std::current_exception();
    } catch (...) {
      // Nobody could ever see it: as with std::thread.
      if (fate_.load(std::memory_order_acquire) == abandoned) std::terminate();
      thrown = std::current_exception();
    }
#else
    call();
#endif
  }

  std::atomic<fate> fate_{shared};
};

template <class T, class... Parts>
class spawned final : public shared_state<T> {
 public:
  template <class... From>
  explicit spawned(std::in_place_t, From &&...from) {
    parts_.emplace(std::forward<From>(from)...);
  }

 private:
  // The callable and its arguments go in the green thread itself, before it counts as ended.
  void call() override {
    struct clearing {
      std::optional<std::tuple<Parts...>> &parts;
      ~clearing() { parts.reset(); }
    } const guard{parts_};
    this->value.take([this]() -> T {
      return std::apply(
          [](Parts &...parts) -> T { return std::invoke(std::move(parts)...); }, *parts_);
    });
  }

  std::optional<std::tuple<Parts...>> parts_;
};

template <class Function, class... Arguments>
using call_result = std::invoke_result_t<std::decay_t<Function>, std::decay_t<Arguments>...>;

}  // namespace detail

/**
 * Owns a green thread that returns a T. Its destructor, and an assignment to it, cancel the green thread
 * and wait until it has ended, shielded from cancellation themselves: what it refers to in its owner's
 * frame therefore outlives it, also while an exception unwinds that frame. What it returned or threw is
 * dropped. Where they cannot wait (in a callback, on another OS thread, in the green thread itself, or
 * with GH_EDEADLOCK), they leave it to itself, detached.
 */
template <class T = void>
class [[nodiscard]] thread {
 public:
  /** Owns nothing. spawn() makes those that own something. */
  thread() noexcept = default;

  thread(thread &&other) noexcept
      : id_(std::exchange(other.id_, 0)), state_(std::exchange(other.state_, nullptr)) {}

  thread &operator=(thread &&other) noexcept {
    if (this != &other) {
      end();
      id_ = std::exchange(other.id_, 0);
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }

  ~thread() { end(); }

  /** The id for the functions of greenhub.h, but gh_join() and gh_detach(); 0 if there is none. */
  gh_thread id() const noexcept { return id_; }

  /** Whether there is a green thread that can be joined: after a failure of join(), too. */
  bool joinable() const noexcept { return state_ != nullptr; }

  /**
   * Waits until the green thread has ended, and takes what it returned. Nothing is owned afterwards,
   * unless the wait failed: so joinable() tells a cancellation of the caller from that of the joined.
   *
   * @param until  how long to wait
   * @return what its function returned
   * @throws what its function threw; cancelled, error: what gh_join() gives, a deadline included
   * @suspends yes
   * @since 0.1
   */
  T join(deadline until = never) {
    check(wait_for_end(until));
    const auto state = take();
#if GREENHUB_EXCEPTIONS
    if (state->thrown) std::rethrow_exception(std::exchange(state->thrown, nullptr));
#endif
    return state->value.give().value();
  }

  /**
   * As join(), with a code instead of an exception.
   *
   * @param until   how long to wait
   * @param thrown  (out) what its function threw, if the code is `threw`; may be NULL
   * @return what its function returned, or the code
   * @suspends yes
   * @since 0.1
   */
  result<T> join(std::nothrow_t, deadline until = never,
                 std::exception_ptr *thrown = nullptr) noexcept {
    const int code = wait_for_end(until);
    if (code < 0) return failure{code};
    const auto state = take();
#if GREENHUB_EXCEPTIONS
    if (thrown != nullptr && state->thrown) *thrown = state->thrown;
#else
    static_cast<void>(thrown);
#endif
    return state->value.give();
  }

  /**
   * Gives up the right to join: the green thread goes when it ends. From now on an exception that leaves
   * its function calls std::terminate(), except `cancelled`.
   *
   * @throws error what gh_detach() gives; the green thread is still owned then
   * @suspends no
   * @since 0.1
   */
  void detach() { detach(std::nothrow).value(); }

  /** As detach(), with a code instead of an exception. */
  result<void> detach(std::nothrow_t) noexcept {
    const int code = state_ == nullptr ? -ESRCH : gh_detach(id_);
    if (code < 0) return failure{code};
    take().release()->abandon();
    return {};
  }

  /**
   * Cancels the green thread: its waiting call, and each later one, throws `cancelled`.
   *
   * @throws error what gh_cancel() gives
   * @suspends no
   * @since 0.1
   */
  void cancel() { check(gh_cancel(id_)); }

  /** As cancel(), with a code instead of an exception. */
  result<void> cancel(std::nothrow_t) noexcept { return detail::done(gh_cancel(id_)); }

  /** Owns a green thread of detail::start(). */
  thread(gh_thread id, std::unique_ptr<detail::shared_state<T>> state) noexcept
      : id_(id), state_(state.release()) {}

 private:
  std::unique_ptr<detail::shared_state<T>> take() noexcept {
    id_ = 0;
    return std::unique_ptr<detail::shared_state<T>>(std::exchange(state_, nullptr));
  }

  int wait_for_end(deadline until) noexcept {
    if (state_ == nullptr) return -ESRCH;
    const int code = gh_join(id_, nullptr, until.ns());
    // gh_hub_free() has ended it and forgotten its id; what it returned is here.
    const bool forgotten = code == -ESRCH || code == GH_ENOHUB;
    return forgotten && state_->has_ended() ? 0 : code;
  }

  void end() noexcept {
    if (state_ == nullptr) return;
    int code = -EDEADLK;
    if (id_ != gh_self()) {
      static_cast<void>(gh_cancel(id_));
      const cancel_mask shield;
      code = wait_for_end(never);
    }
    if (code < 0) static_cast<void>(gh_detach(id_));
    take().release()->abandon();
  }

  gh_thread id_ = 0;
  detail::shared_state<T> *state_ = nullptr;
};

namespace detail {

// One allocation for each green thread: what it calls and what that returns.
template <class Function, class... Arguments>
result<thread<call_result<Function, Arguments...>>> start(const spawn_options &options,
                                                          Function &&function,
                                                          Arguments &&...arguments) {
  using value = call_result<Function, Arguments...>;
  static_assert(!std::is_rvalue_reference_v<value>, "a reference to what would be gone");
  using state_of = spawned<value, std::decay_t<Function>, std::decay_t<Arguments>...>;
  std::unique_ptr<shared_state<value>> state(
      new (std::nothrow) state_of(std::in_place, std::forward<Function>(function),
                                  std::forward<Arguments>(arguments)...));
  if (state == nullptr) return failure{-ENOMEM};
  gh_spawn_options raw{};
  raw.size = sizeof raw;
  raw.stack_size = options.stack_size;
  raw.name = options.name;
  gh_thread id = 0;
  const int code = gh_spawn(&id, &raw, shared_state<value>::entry, state.get());
  if (code < 0) return failure{code};
  return thread<value>(id, std::move(state));
}

}  // namespace detail

/**
 * Makes a green thread that calls a function, or anything that can be called, once. Function and
 * arguments are moved or copied for it, as by std::thread: std::ref() passes a reference.
 *
 * @param function   what it calls
 * @param arguments  with what
 * @return its owner, which must be kept: its destructor ends the green thread
 * @throws error what gh_spawn() gives; what copying throws
 * @suspends no
 * @since 0.1
 */
template <class Function, class... Arguments,
          class Value = detail::call_result<Function, Arguments...>>
thread<Value> spawn(Function &&function, Arguments &&...arguments) {
  return detail::start(spawn_options{}, std::forward<Function>(function),
                       std::forward<Arguments>(arguments)...)
      .value();
}

/** As spawn(), with options. */
template <class Function, class... Arguments,
          class Value = detail::call_result<Function, Arguments...>>
thread<Value> spawn(const spawn_options &options, Function &&function, Arguments &&...arguments) {
  return detail::start(options, std::forward<Function>(function),
                       std::forward<Arguments>(arguments)...)
      .value();
}

/** As spawn(), with a code instead of an exception; copying must not throw. */
template <class Function, class... Arguments,
          class Value = detail::call_result<Function, Arguments...>>
result<thread<Value>> spawn(std::nothrow_t, Function &&function, Arguments &&...arguments) noexcept {
  return detail::start(spawn_options{}, std::forward<Function>(function),
                       std::forward<Arguments>(arguments)...);
}

/** As spawn(), with options, and a code instead of an exception; copying must not throw. */
template <class Function, class... Arguments,
          class Value = detail::call_result<Function, Arguments...>>
result<thread<Value>> spawn(std::nothrow_t, const spawn_options &options, Function &&function,
                            Arguments &&...arguments) noexcept {
  return detail::start(options, std::forward<Function>(function),
                       std::forward<Arguments>(arguments)...);
}

/** What concerns the calling green thread, or the root. */
namespace this_thread {

/**
 * Lets every green thread that is ready run first.
 *
 * @throws cancelled, error: GH_ENOTGREEN in a callback
 * @suspends yes
 * @since 0.1
 */
inline void yield() { check(gh_yield()); }

/** As yield(), with a code instead of an exception. */
inline result<void> yield(std::nothrow_t) noexcept { return detail::done(gh_yield()); }

/**
 * Sleeps until a deadline.
 *
 * @param until  when to go on
 * @throws cancelled, error: GH_ENOTGREEN in a callback
 * @suspends yes
 * @since 0.1
 */
inline void sleep_until(deadline until) { check(gh_sleep_until(until.ns())); }

/** As sleep_until(), with a code instead of an exception. */
inline result<void> sleep_until(std::nothrow_t, deadline until) noexcept {
  return detail::done(gh_sleep_until(until.ns()));
}

/** As sleep_until(), a duration from now on. */
template <class Rep, class Period>
void sleep_for(const std::chrono::duration<Rep, Period> &duration) {
  sleep_until(duration);
}

/** As sleep_for(), with a code instead of an exception. */
template <class Rep, class Period>
result<void> sleep_for(std::nothrow_t,
                       const std::chrono::duration<Rep, Period> &duration) noexcept {
  return sleep_until(std::nothrow, duration);
}

/** Tells who calls: 0 in a callback, and on an OS thread without a hub. */
inline gh_thread self() noexcept { return gh_self(); }

}  // namespace this_thread

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
