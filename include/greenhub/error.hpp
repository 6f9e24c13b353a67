// Failures: error codes, the two exceptions, and results for who wants neither thrown.

#ifndef GREENHUB_ERROR_HPP
#define GREENHUB_ERROR_HPP

#include <cerrno>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../greenhub.h"

// Types differ in what their members do on failure, so they must differ in name: a program that mixes
// both kinds of files would otherwise have two definitions of one inline function.
#ifdef __cpp_exceptions
#define GREENHUB_EXCEPTIONS 1
#define GREENHUB_INLINE_NAMESPACE with_exceptions
#else
#define GREENHUB_EXCEPTIONS 0
#define GREENHUB_INLINE_NAMESPACE without_exceptions
#endif

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

/**
 * The code in place of an exception that a function threw which a twin taking std::nothrow had called
 * or joined. No function of greenhub.h returns it.
 */
inline constexpr int threw = -10000;

namespace detail {

class category_type final : public std::error_category {
 public:
  const char *name() const noexcept override { return "greenhub"; }

  std::string message(int code) const override {
    return code == threw ? "The function threw an exception" : gh_strerror(code);
  }

  // An errno compares equal to its std::errc.
  std::error_condition default_error_condition(int code) const noexcept override {
    constexpr int last_errno = 4095;  // the kernel's MAX_ERRNO
    if (code < 0 && code >= -last_errno) return {-code, std::generic_category()};
    return {code, *this};
  }
};

}  // namespace detail

/**
 * Gives the category of the codes of greenhub.h: the values are negative, the texts gh_strerror()'s.
 *
 * @return the category; `error_code == std::errc::timed_out` and its like hold for it
 * @suspends no
 * @since 0.1
 */
inline const std::error_category &category() noexcept {
  static const detail::category_type only;
  return only;
}

/** A call failed. code().value() is the negative result of the C function. */
class error : public std::system_error {
 public:
  /**
   * @param code  a negative result
   * @since 0.1
   */
  explicit error(int code) : std::system_error(code, category()) {}
};

/** The calling green thread was cancelled. Let it pass: every later call that may suspend throws it too. */
class cancelled : public error {
 public:
  cancelled() : error(-ECANCELED) {}
};

namespace detail {

[[noreturn]] inline void raise(int code) {
#if GREENHUB_EXCEPTIONS
  if (code == -ECANCELED) throw cancelled();
  throw error(code);
#else
  static_cast<void>(code);
  std::terminate();
#endif
}

// False at the deadline, as the standard's try_ and _until functions have it.
inline bool in_time(int code) {
  if (code < 0 && code != -ETIMEDOUT) raise(code);
  return code >= 0;
}

}  // namespace detail

/**
 * Turns the result of a function of greenhub.h into a value or an exception.
 *
 * @param code  the result
 * @return the result, if it is >= 0
 * @throws cancelled, error
 * @suspends no
 * @since 0.1
 */
template <class Number>
Number check(Number code) {
  if (code < 0) detail::raise(static_cast<int>(code));
  return code;
}

/** A negative code on its way into a result. */
struct failure {
  int code;
};

/** A value, or the negative code that came instead. */
template <class T>
class [[nodiscard]] result {
  static_assert(!std::is_rvalue_reference_v<T>, "a reference to what would be gone");
  using Stored = std::conditional_t<std::is_reference_v<T>,
                                    std::reference_wrapper<std::remove_reference_t<T>>, T>;

 public:
  /** A success. */
  result(Stored value) noexcept(std::is_nothrow_move_constructible_v<Stored>)
      : value_(std::move(value)) {}

  /** A failure. */
  result(failure failed) noexcept : code_(failed.code) {}

  /** Whether there is a value. */
  explicit operator bool() const noexcept { return value_.has_value(); }

  /** 0, or the negative code. */
  int code() const noexcept { return code_; }

  /** The code in its category. */
  std::error_code error() const noexcept { return {code_, category()}; }

  /**
   * Takes the value.
   *
   * @return the value
   * @throws cancelled, error for a failure
   * @suspends no
   * @since 0.1
   */
  T value() && {
    if (!value_) detail::raise(code_);
    return static_cast<T>(*std::move(value_));
  }

  /** The value, which must be there. */
  std::add_lvalue_reference_t<T> operator*() noexcept { return *value_; }

  /** A member of the value, which must be there. */
  std::remove_reference_t<T> *operator->() noexcept { return std::addressof(**this); }

 private:
  int code_ = 0;
  std::optional<Stored> value_;
};

/** A success, or the negative code that came instead. */
template <>
class [[nodiscard]] result<void> {
 public:
  /** A success. */
  result() noexcept = default;

  /** A failure. */
  result(failure failed) noexcept : code_(failed.code) {}

  /** Whether it is a success. */
  explicit operator bool() const noexcept { return code_ == 0; }

  /** 0, or the negative code. */
  int code() const noexcept { return code_; }

  /** The code in its category. */
  std::error_code error() const noexcept { return {code_, category()}; }

  /**
   * Nothing for a success.
   *
   * @throws cancelled, error for a failure
   * @suspends no
   * @since 0.1
   */
  void value() && {
    if (code_ < 0) detail::raise(code_);
  }

 private:
  int code_ = 0;
};

namespace detail {

inline result<void> done(int code) noexcept {
  if (code < 0) return failure{code};
  return {};
}

inline result<bool> answer(int code) noexcept {
  if (code < 0) return failure{code};
  return code != 0;
}

}  // namespace detail

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
