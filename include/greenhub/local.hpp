// A variable of which each green thread has its own.

#ifndef GREENHUB_LOCAL_HPP
#define GREENHUB_LOCAL_HPP

#include <memory>
#include <new>
#include <utility>

#include "error.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

/**
 * A variable of which each green thread, and the root of each OS thread, has its own: made on first use
 * there, destroyed when the green thread ends, or the root's hub is freed. Usually static: its own end
 * destroys the value of the green thread that runs it, while the values of others that still live are
 * never destroyed.
 */
template <class T>
class local {
 public:
  /**
   * Makes the variable, not yet anybody's.
   *
   * @throws error -EAGAIN when there are too many
   * @suspends no
   * @since 0.1
   */
  local() : local(make().value()) {}

  /** Makes the variable, or tells why not. */
  static result<local> make() noexcept {
    gh_key made = 0;
    const int code = gh_key_new(&made, [](void *value) { delete static_cast<T *>(value); });
    if (code < 0) return failure{code};
    return local(made);
  }

  local(local &&other) noexcept : key_(std::exchange(other.key_, 0)) {}

  local &operator=(local &&other) noexcept {
    if (this != &other) {
      free();
      key_ = std::exchange(other.key_, 0);
    }
    return *this;
  }

  ~local() { free(); }

  /** The caller's value; nullptr if it has none yet. */
  T *find() const noexcept { return static_cast<T *>(gh_local_get(key_)); }

  /**
   * Gives the caller's value, made by T() on first use.
   *
   * @return the value
   * @throws error -ENOMEM; what gh_local_set() gives; what T's constructor throws
   * @suspends no
   * @since 0.1
   */
  T &get() {
    T *const value = find();
    return value != nullptr ? *value : emplace();
  }

  /** As get(), with nullptr instead of an exception; T's constructor must not throw. */
  T *get(std::nothrow_t) noexcept {
    T *const value = find();
    if (value != nullptr) return value;
    std::unique_ptr<T> made(new (std::nothrow) T());
    return store(made) < 0 ? nullptr : made.release();
  }

  /** Makes the caller's value anew; throws as get(). */
  template <class... Arguments>
  T &emplace(Arguments &&...arguments) {
    std::unique_ptr<T> made(new (std::nothrow) T(std::forward<Arguments>(arguments)...));
    T *const old = find();
    check(store(made));
    delete old;
    return *made.release();
  }

  /** Destroys the caller's value. The next use makes a new one. */
  void reset() noexcept {
    T *const old = find();
    if (old != nullptr && gh_local_set(key_, nullptr) >= 0) delete old;
  }

  T &operator*() { return get(); }

  T *operator->() { return std::addressof(get()); }

 private:
  explicit local(gh_key key) noexcept : key_(key) {}

  int store(const std::unique_ptr<T> &made) noexcept {
    return made == nullptr ? -ENOMEM : gh_local_set(key_, made.get());
  }

  void free() noexcept {
    if (key_ == 0) return;
    reset();
    static_cast<void>(gh_key_free(std::exchange(key_, 0)));
  }

  gh_key key_ = 0;
};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
