// Owners: of an object behind a handle, and of a descriptor.

#ifndef GREENHUB_HANDLE_HPP
#define GREENHUB_HANDLE_HPP

#include <utility>

#include "error.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

/** Says that an owner is to take over what a C function made. */
struct adopt_t {};
inline constexpr adopt_t adopt{};

/** Owns an object of greenhub.h and frees it at its end. All owners of such objects are made of it. */
template <class Object, int (*Free)(Object *)>
class handle {
 public:
  /** Owns nothing. */
  handle() noexcept = default;

  /** Owns an object that a C function made. */
  handle(adopt_t, Object *owned) noexcept : object_(owned) {}

  handle(handle &&other) noexcept : object_(other.disown()) {}

  handle &operator=(handle &&other) noexcept {
    if (this != &other) {
      free();
      object_ = other.disown();
    }
    return *this;
  }

  ~handle() { free(); }

  /** Whether there is an object. */
  explicit operator bool() const noexcept { return object_ != nullptr; }

  /** What the functions of greenhub.h take. */
  Object *native_handle() const noexcept { return object_; }

  /** Gives the object up without freeing it. */
  [[nodiscard]] Object *disown() noexcept { return std::exchange(object_, nullptr); }

  /** Frees the object before its owner's end: whoever waits there gets -EIDRM. */
  void free() noexcept {
    if (object_ != nullptr) static_cast<void>(Free(disown()));
  }

 private:
  Object *object_ = nullptr;
};

namespace detail {

template <class Owner, class Object>
result<Owner> owned(int code, Object *object) noexcept {
  if (code < 0) return failure{code};
  return Owner(adopt, object);
}

}  // namespace detail

/** Owns a descriptor and closes it with gh_close(). */
class descriptor {
 public:
  /** Owns nothing. */
  descriptor() noexcept = default;

  /** Owns an open descriptor. A negative one is none. */
  explicit descriptor(int fd) noexcept : fd_(fd) {}

  descriptor(descriptor &&other) noexcept : fd_(other.release()) {}

  descriptor &operator=(descriptor &&other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }

  ~descriptor() { reset(); }

  /** Whether there is a descriptor. */
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /** The descriptor, for the functions of greenhub.h. */
  int get() const noexcept { return fd_; }

  /** Gives the descriptor up without closing it. */
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  /** Closes the descriptor and owns another, or none. What gh_close() says of it is lost: see close(). */
  void reset(int fd = -1) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) static_cast<void>(gh_close(old));
  }

  /**
   * Closes the descriptor. Whatever is returned, it is no more.
   *
   * @return a success, or the code of gh_close()
   * @suspends no
   * @since 0.1
   */
  result<void> close() noexcept { return detail::done(gh_close(release())); }

 private:
  int fd_ = -1;
};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
