/*
 * greenhub.hpp - greenhub.h for C++17: threads that return values, owners, locks that the standard's
 * guards take, channels of any type, deadlines from std::chrono, errors as exceptions or as codes.
 *
 * Header-only, and thin: each function here is one of greenhub.h, whose text says what it does; here
 * stands what C++ adds. The one is mixed with the other freely: native_handle() and id() give what the
 * C functions take, check() turns their results into exceptions.
 *
 * Failures. A function throws greenhub::cancelled when the calling green thread was cancelled and
 * greenhub::error for every other negative result, a deadline that came included. Each one that waits
 * has a twin whose first argument is std::nothrow: it is noexcept and returns a result<T>, the value or
 * the code. Functions with names of the standard (try_lock_for, wait_until) answer as there.
 * Built with -fno-exceptions, what would throw calls std::terminate(): use the twins. -fno-rtti makes
 * no difference. Objects may not be passed between files built with exceptions and without: the two
 * are different types, so that the linker finds it out.
 *
 * Deadlines. `deadline` is made from a std::chrono duration (from now on, at most once per call), from
 * a time_point of steady_clock, whose clock is that of gh_now(), or is `never`.
 *
 * Cancellation unwinds: the exception leaves through C++ frames, destroys what is in them and is kept
 * for join(); it never enters C. Each further call that may suspend throws it again, in destructors
 * too: what must wait there is put behind a cancel_mask, as the destructors of this header do.
 *
 * Threads. Where a function may be called, its C function says: by default on any OS thread.
 * A constructor makes its object or throws; make() returns a result instead. Owners are moved, never
 * copied, and free what they own; one that was moved from or disowned is empty, and its calls give
 * -EINVAL. An object must not be moved while another green thread uses it.
 */

#ifndef GREENHUB_HPP
#define GREENHUB_HPP

#include "greenhub/channel.hpp"
#include "greenhub/deadline.hpp"
#include "greenhub/error.hpp"
#include "greenhub/handle.hpp"
#include "greenhub/hub.hpp"
#include "greenhub/local.hpp"
#include "greenhub/lock.hpp"
#include "greenhub/meeting.hpp"
#include "greenhub/select.hpp"
#include "greenhub/thread.hpp"
#include "greenhub/timer.hpp"

#endif
