// Channels of any type that can be moved.

#ifndef GREENHUB_CHANNEL_HPP
#define GREENHUB_CHANNEL_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "deadline.hpp"
#include "handle.hpp"
#include "thread.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

namespace detail {

// How a T goes through a channel, which copies bytes: as what, of which type.
//
// In general in a box of its own, whose address is sent; who has the address owns the box.
template <class T, class = void>
class parcel {
 public:
  static constexpr bool owns = true;

  template <class From>
  bool pack(From &&item) {
    wire_ = new (std::nothrow) T(std::forward<From>(item));
    return wire_ != nullptr;
  }

  T unpack() {
    const std::unique_ptr<T> box(std::exchange(wire_, nullptr));
    return std::move(*box);
  }

  void drop() noexcept { delete std::exchange(wire_, nullptr); }

  void *wire() noexcept { return &wire_; }

  static constexpr std::size_t size = sizeof(T *);

 private:
  T *wire_ = nullptr;
};

// A unique_ptr is its own box.
template <class T>
class parcel<std::unique_ptr<T>, void> {
 public:
  static constexpr bool owns = true;

  bool pack(std::unique_ptr<T> &&item) noexcept {
    wire_ = item.release();
    return true;
  }

  std::unique_ptr<T> unpack() noexcept {
    return std::unique_ptr<T>(std::exchange(wire_, nullptr));
  }

  void drop() noexcept { unpack(); }

  void *wire() noexcept { return &wire_; }

  static constexpr std::size_t size = sizeof(typename std::unique_ptr<T>::pointer);

 private:
  typename std::unique_ptr<T>::pointer wire_ = nullptr;
};

// What may be copied byte by byte goes as it is.
template <class T>
class parcel<T, std::enable_if_t<std::is_trivially_copyable_v<T>>> {
 public:
  static constexpr bool owns = false;

  template <class From>
  bool pack(From &&item) noexcept {
    new (bytes_) T(std::forward<From>(item));
    return true;
  }

  T unpack() noexcept { return std::move(*std::launder(reinterpret_cast<T *>(bytes_))); }

  void drop() noexcept {}

  void *wire() noexcept { return bytes_; }

  static constexpr std::size_t size = sizeof(T);

 private:
  alignas(T) unsigned char bytes_[sizeof(T)];
};

// An item that was not sent is its sender's again, unless that has the original anyway.
template <class T, class Item>
void hand_back(parcel<T> &unsent, Item &&item) {
  if constexpr (parcel<T>::owns && std::is_same_v<Item, T> && std::is_move_assignable_v<T>) {
    item = unsent.unpack();
  } else {
    unsent.drop();
  }
}

template <class T>
int drain(gh_channel *channel) noexcept {
  parcel<T> last;
  int code = 0;
  while ((code = gh_channel_recv(channel, last.wire(), 0)) >= 0) last.drop();
  return code;
}

// Frees a channel with what is left in it. Nothing can be added once it is closed.
template <class T>
int free_channel(gh_channel *channel) noexcept {
  if constexpr (parcel<T>::owns) {
    static_cast<void>(gh_channel_close(channel));
    const cancel_mask shield;
    if (drain<T>(channel) == GH_ENOTGREEN && gh_channel_len(channel) > 0) {
      // A callback cannot receive: somebody who can does it later.
      const auto later = [](void *left) -> void * {
        static_cast<void>(free_channel<T>(static_cast<gh_channel *>(left)));
        return nullptr;
      };
      if (gh_spawn(nullptr, nullptr, later, channel) >= 0) return 0;
    }
  }
  return gh_channel_free(channel);
}

}  // namespace detail

/**
 * A channel of Ts, which must be movable. What is trivially copyable is copied into the channel and out
 * of it; a std::unique_ptr gives its pointer; anything else is moved into an allocation of its own for
 * the journey. What is left in a channel at its end is destroyed: its destructor closes it first, and
 * may let other green threads run where items own something.
 */
template <class T>
class channel : public handle<gh_channel, detail::free_channel<T>> {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>, "items are objects");
  static_assert(std::is_move_constructible_v<T>, "items are moved");

 public:
  using handle<gh_channel, detail::free_channel<T>>::handle;

  /**
   * Makes a channel.
   *
   * @param capacity  how many items wait in it; 0: who sends waits for who receives
   * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
   * @throws error what gh_channel_new() gives
   * @suspends no
   * @since 0.1
   */
  explicit channel(std::size_t capacity, const char *name = nullptr)
      : channel(make(capacity, name).value()) {}

  /** Makes a channel without room. */
  channel() : channel(std::size_t{0}) {}

  /** Makes a channel, or tells why not. */
  static result<channel> make(std::size_t capacity = 0, const char *name = nullptr) noexcept {
    gh_channel *made = nullptr;
    const int code = gh_channel_new(&made, name, detail::parcel<T>::size, capacity);
    return detail::owned<channel>(code, made);
  }

  /**
   * Sends an item. An rvalue that was not sent keeps its value, if Ts can be assigned.
   *
   * @param item   a T, copied or moved, or what becomes one
   * @param until  how long to wait
   * @throws cancelled, error: what gh_channel_send() gives, -EPIPE for a closed channel and a deadline
   *         included; what copying or moving throws
   * @suspends yes
   * @since 0.1
   */
  template <class Item = T, class = std::enable_if_t<std::is_convertible_v<Item, T>>>
  void send(Item &&item, deadline until = never) {
    check(deliver(std::forward<Item>(item), until));
  }

  /** As send(), with a code instead of an exception; copying or moving must not throw. */
  template <class Item = T, class = std::enable_if_t<std::is_convertible_v<Item, T>>>
  result<void> send(std::nothrow_t, Item &&item, deadline until = never) noexcept {
    return detail::done(deliver(std::forward<Item>(item), until));
  }

  /**
   * Receives the item that was sent first.
   *
   * @param until  how long to wait
   * @return the item
   * @throws cancelled, error: what gh_channel_recv() gives, -EPIPE for a closed and empty channel and a
   *         deadline included
   * @suspends yes
   * @since 0.1
   */
  T receive(deadline until = never) { return collect(until).value(); }

  /** As receive(), with a code instead of an exception; moving must not throw. */
  result<T> receive(std::nothrow_t, deadline until = never) noexcept { return collect(until); }

  /**
   * Closes the channel: nothing can be sent any more, what is in it can still be received.
   *
   * @return whether this call did it
   * @throws error what gh_channel_close() gives, unless it was closed already
   * @suspends no
   * @since 0.1
   */
  bool close() {
    const int code = gh_channel_close(this->native_handle());
    if (code != -EPIPE) check(code);
    return code >= 0;
  }

  /** Tells how many items are in the channel, in this moment. */
  std::size_t size() const {
    return static_cast<std::size_t>(check(gh_channel_len(this->native_handle())));
  }

  /** Receives item after item until the channel is closed and empty. */
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T *;
    using reference = T &;

    /** The end. */
    iterator() noexcept = default;

    /** Receives the first item. */
    explicit iterator(channel &from) : from_(&from) { ++*this; }

    T &operator*() noexcept { return *item_; }

    T *operator->() noexcept { return std::addressof(*item_); }

    /** Receives the next item. */
    iterator &operator++() {
      result<T> next = from_->collect(never);
      item_.reset();
      if (next) {
        item_.emplace(std::move(*next));
      } else if (next.code() == -EPIPE) {
        from_ = nullptr;
      } else {
        detail::raise(next.code());
      }
      return *this;
    }

    /** Receives the next item. The one before it is gone. */
    void operator++(int) { ++*this; }

    friend bool operator==(const iterator &left, const iterator &right) noexcept {
      return left.from_ == right.from_;
    }

    friend bool operator!=(const iterator &left, const iterator &right) noexcept {
      return left.from_ != right.from_;
    }

   private:
    channel *from_ = nullptr;
    std::optional<T> item_;
  };

  /**
   * For `for (T &item : channel)`, which ends when the channel is closed and empty.
   *
   * @return an iterator at the first item, which has been received
   * @throws cancelled, error: what gh_channel_recv() gives
   * @suspends yes, and so does each step of the iterator
   * @since 0.1
   */
  iterator begin() { return iterator(*this); }

  /** The end of a channel that is closed and empty. */
  iterator end() noexcept { return {}; }

 private:
  template <class Item>
  int deliver(Item &&item, deadline until) {
    detail::parcel<T> parcel;
    if (!parcel.pack(std::forward<Item>(item))) return -ENOMEM;
    const int code = gh_channel_send(this->native_handle(), parcel.wire(), until.ns());
    if (code < 0) detail::hand_back(parcel, std::forward<Item>(item));
    return code;
  }

  result<T> collect(deadline until) {
    detail::parcel<T> parcel;
    const int code = gh_channel_recv(this->native_handle(), parcel.wire(), until.ns());
    if (code < 0) return failure{code};
    return parcel.unpack();
  }
};

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
