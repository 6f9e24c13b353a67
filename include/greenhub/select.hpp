// Waiting for whichever comes first of several channels and descriptors.

#ifndef GREENHUB_SELECT_HPP
#define GREENHUB_SELECT_HPP

#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "channel.hpp"

namespace greenhub {
inline namespace GREENHUB_INLINE_NAMESPACE {

namespace detail {

// The handler of a case whose index says enough.
struct no_handler {
  template <class... Any>
  void operator()(Any &&...) const noexcept {}
};

// The handler that keeps what was received.
template <class T>
struct into {
  std::optional<T> &target;

  void operator()(result<T> received) const {
    target.reset();
    if (received) target.emplace(std::move(*received));
  }
};

// A case of a select: `prepare` before it, `settle` after it, and `perform` last, which may throw.
template <class T, class Handler>
class receive_case {
 public:
  receive_case(gh_channel *channel, Handler handler)
      : channel_(channel), handler_(std::move(handler)) {}

  bool prepare(gh_select_case &raw) noexcept {
    raw.op = GH_SELECT_RECV;
    raw.channel = channel_;
    raw.item = parcel_.wire();
    return true;
  }

  void settle(bool) noexcept {}

  void perform(int code) {
    if (code < 0) {
      std::invoke(handler_, result<T>(failure{code}));
    } else {
      std::invoke(handler_, result<T>(parcel_.unpack()));
    }
  }

 private:
  gh_channel *channel_;
  Handler handler_;
  parcel<T> parcel_;
};

template <class T, class Item, class Handler>
class send_case {
 public:
  send_case(gh_channel *channel, Item &&item, Handler handler)
      : channel_(channel), item_(item), handler_(std::move(handler)) {}

  bool prepare(gh_select_case &raw) {
    packed_ = parcel_.pack(std::forward<Item>(item_));
    raw.op = GH_SELECT_SEND;
    raw.channel = channel_;
    raw.item = parcel_.wire();
    return packed_;
  }

  void settle(bool sent) {
    if (packed_ && !sent) hand_back(parcel_, std::forward<Item>(item_));
  }

  void perform(int code) { std::invoke(handler_, done(code)); }

 private:
  gh_channel *channel_;
  std::remove_reference_t<Item> &item_;
  Handler handler_;
  parcel<T> parcel_;
  bool packed_ = false;
};

template <class Handler>
class descriptor_case {
 public:
  descriptor_case(int fd, std::uint32_t op, Handler handler)
      : fd_(fd), op_(op), handler_(std::move(handler)) {}

  bool prepare(gh_select_case &raw) noexcept {
    raw.op = op_;
    raw.fd = fd_;
    return true;
  }

  void settle(bool) noexcept {}

  void perform(int) { std::invoke(handler_); }

 private:
  int fd_;
  std::uint32_t op_;
  Handler handler_;
};

template <class Case>
class conditional_case {
 public:
  conditional_case(bool enabled, Case inner) : enabled_(enabled), inner_(std::move(inner)) {}

  bool prepare(gh_select_case &raw) { return !enabled_ || inner_.prepare(raw); }

  void settle(bool won) {
    if (enabled_) inner_.settle(won);
  }

  void perform(int code) { inner_.perform(code); }

 private:
  bool enabled_;
  Case inner_;
};

template <class Case>
void perform_if(bool won, Case &chosen, int code) {
  if (won) chosen.perform(code);
}

// The index, or a code. The handler is called last, when nothing of the others is left to do.
template <class... Cases>
int choose(deadline until, Cases &...cases) {
  // One more than there are cases: an array cannot be empty.
  gh_select_case raw[sizeof...(Cases) + 1] = {};
  std::size_t at = 0;
  const bool prepared = (cases.prepare(raw[at++]) && ...);
  const int chosen = prepared ? gh_select(raw, sizeof...(Cases), until.ns()) : -ENOMEM;
  int index = 0;
  ((cases.settle(index == chosen && raw[index].result >= 0), index++), ...);
  index = 0;
  ((perform_if(index == chosen, cases, raw[index].result), index++), ...);
  return chosen;
}

}  // namespace detail

/**
 * A case of select(): to receive from a channel.
 *
 * @param channel  (borrow) the channel
 * @param handler  called with a result<T>: the item, or -EPIPE if the channel is closed and empty
 * @return the case, for one select()
 * @suspends no
 * @since 0.1
 */
template <class T, class Handler>
auto on_receive(channel<T> &channel, Handler &&handler) {
  return detail::receive_case<T, std::decay_t<Handler>>(channel.native_handle(),
                                                        std::forward<Handler>(handler));
}

/** As above; the item goes to a place, which is emptied if the channel is closed and empty. */
template <class T>
auto on_receive(channel<T> &channel, std::optional<T> &target) {
  return detail::receive_case<T, detail::into<T>>(channel.native_handle(), detail::into<T>{target});
}

/**
 * A case of select(): to send to a channel.
 *
 * @param channel  (borrow) the channel
 * @param item     (borrow) copied or moved by select(); an rvalue that was not sent keeps its value, if
 *                 Ts can be assigned
 * @param handler  called with a result<void>: a success, or -EPIPE if the channel is closed
 * @return the case, for one select(), in the same expression
 * @suspends no
 * @since 0.1
 */
template <class T, class Item, class Handler = detail::no_handler>
auto on_send(channel<T> &channel, Item &&item, Handler &&handler = {}) {
  return detail::send_case<T, Item, std::decay_t<Handler>>(
      channel.native_handle(), std::forward<Item>(item), std::forward<Handler>(handler));
}

/**
 * A case of select(): to wait until a descriptor can be read.
 *
 * @param fd       any descriptor that poll(2) takes
 * @param handler  called without arguments
 * @return the case, for one select()
 * @suspends no
 * @since 0.1
 */
template <class Handler = detail::no_handler>
auto on_readable(int fd, Handler &&handler = {}) {
  return detail::descriptor_case<std::decay_t<Handler>>(fd, GH_SELECT_READ,
                                                        std::forward<Handler>(handler));
}

/** As on_readable(), until it can be written. */
template <class Handler = detail::no_handler>
auto on_writable(int fd, Handler &&handler = {}) {
  return detail::descriptor_case<std::decay_t<Handler>>(fd, GH_SELECT_WRITE,
                                                        std::forward<Handler>(handler));
}

/** A case that takes part only if the condition holds. */
template <class Case>
auto when(bool condition, Case &&inner) {
  return detail::conditional_case<std::decay_t<Case>>(condition, std::forward<Case>(inner));
}

/**
 * Performs one of several cases, waiting until one can be, and calls its handler. When several can, none
 * is preferred.
 *
 * @param until  how long to wait
 * @param cases  what on_receive(), on_send(), on_readable(), on_writable() and when() made
 * @return the index of the case, the first being 0
 * @throws cancelled, error: what gh_select() gives, a deadline included; what the handler throws
 * @suspends yes
 * @since 0.1
 */
template <class... Cases>
std::size_t select(deadline until, Cases &&...cases) {
  return static_cast<std::size_t>(check(detail::choose(until, cases...)));
}

/** As select(), with a code instead of an exception; the handlers must not throw. */
template <class... Cases>
result<std::size_t> select(std::nothrow_t, deadline until, Cases &&...cases) noexcept {
  const int chosen = detail::choose(until, cases...);
  if (chosen < 0) return failure{chosen};
  return static_cast<std::size_t>(chosen);
}

}  // namespace GREENHUB_INLINE_NAMESPACE
}  // namespace greenhub

#endif
