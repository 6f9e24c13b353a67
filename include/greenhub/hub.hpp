// The hub of an OS thread.

#ifndef GREENHUB_HUB_HPP
#define GREENHUB_HUB_HPP

#include "deadline.hpp"
#include "handle.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

namespace detail {

inline int free_hub(gh_hub *hub) noexcept { return gh_hub_free(hub, GH_NEVER); }

}  // namespace detail

/**
 * Owns the hub of an OS thread. Only needed for options, for a loop of one's own, and to end it: the
 * destructor, which belongs in the OS thread's root, cancels every green thread and waits until all have
 * ended. Objects of this header that other green threads use must outlive it, or the other way round,
 * as they would any scope.
 */
class hub : public handle<gh_hub, detail::free_hub> {
 public:
  using handle::handle;

  /**
   * Makes the hub of the calling OS thread, or takes the one it has over.
   *
   * @throws error what gh_hub_new() gives
   * @suspends no
   * @since 0.1
   */
  hub() : hub(make().value()) {}

  /**
   * Makes the hub of the calling OS thread.
   *
   * @param options  how it is to be; `size` is filled in
   * @throws error what gh_hub_new() gives, -EEXIST if there is one
   * @suspends no
   * @since 0.1
   */
  explicit hub(const gh_hub_options &options) : hub(make(options).value()) {}

  /** Makes the hub or takes it over, or tells why not. */
  static result<hub> make() noexcept {
    gh_hub *made = nullptr;
    const int code = gh_hub_new(&made, nullptr);
    if (code == -EEXIST) return hub(adopt, gh_hub_current());
    return detail::owned<hub>(code, made);
  }

  /** Makes the hub with options, or tells why not. */
  static result<hub> make(gh_hub_options options) noexcept {
    options.size = sizeof options;
    gh_hub *made = nullptr;
    const int code = gh_hub_new(&made, &options);
    return detail::owned<hub>(code, made);
  }

  /**
   * Runs until no green thread and no timer is left, or stop() is called.
   *
   * @return whether stop() ended it
   * @throws error what gh_hub_run() gives, such as GH_EDEADLOCK
   * @suspends yes
   * @since 0.1
   */
  bool run() { return run(std::nothrow).value(); }

  /** As run(), with a code instead of an exception. */
  result<bool> run(std::nothrow_t) noexcept {
    return detail::answer(gh_hub_run(native_handle()));
  }

  /**
   * Runs one turn, for a foreign event loop.
   *
   * @param until  how long it may wait for something to do
   * @return whether green threads or timers are left
   * @throws error what gh_hub_run_once() gives
   * @suspends yes
   * @since 0.1
   */
  bool run_once(deadline until) { return run_once(std::nothrow, until).value(); }

  /** As run_once(), with a code instead of an exception. */
  result<bool> run_once(std::nothrow_t, deadline until) noexcept {
    return detail::answer(gh_hub_run_once(native_handle(), until.ns()));
  }

  /** Ends run(), from any OS thread or a signal handler; the code is that of gh_hub_stop(). */
  result<void> stop() noexcept { return detail::done(gh_hub_stop(native_handle())); }

  /** Has a callback run on the hub, from any OS thread or a signal handler: as gh_post(). */
  result<void> post(gh_callback callback, void *arg) noexcept {
    return detail::done(gh_post(native_handle(), callback, arg));
  }

  /** The descriptor to poll in a foreign event loop; throws what gh_hub_fd() gives. */
  int fd() const { return check(gh_hub_fd(native_handle())); }

  /** When run_once() must be called at the latest; throws what gh_hub_next_deadline() gives. */
  deadline next_deadline() const {
    return deadline::at(check(gh_hub_next_deadline(native_handle())));
  }

  /** Numbers about the hub; throws what gh_hub_stats() gives. */
  gh_stats stats() const {
    gh_stats filled{};
    check(gh_hub_stats(native_handle(), &filled, sizeof filled));
    return filled;
  }

  /**
   * Cancels every green thread and frees the hub, if all end in time; it works on otherwise.
   *
   * @param until  how long they have to end
   * @throws error what gh_hub_free() gives, such as -EBUSY; the hub is still owned then
   * @suspends yes
   * @since 0.1
   */
  void close(deadline until = never) { close(std::nothrow, until).value(); }

  /** As close(), with a code instead of an exception. */
  result<void> close(std::nothrow_t, deadline until = never) noexcept {
    const int code = gh_hub_free(native_handle(), until.ns());
    if (code >= 0) static_cast<void>(disown());
    return detail::done(code);
  }
};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
