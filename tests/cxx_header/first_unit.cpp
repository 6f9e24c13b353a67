// One of two files of a program, each built with and without exceptions: what both include of
// greenhub.hpp must not be defined twice, nor differently under one name.
#include <greenhub.hpp>

#include "units.h"

namespace {

greenhub::local<int> own;

}  // namespace

int main() {
  greenhub::channel<int> numbers(1);
  auto sender = greenhub::spawn([&numbers] {
    *own = 20;
    return numbers.send(std::nothrow, second_unit(*own)).code();
  });
  auto number = numbers.receive(std::nothrow);
  auto sent = sender.join(std::nothrow);
  if (!number || !sent || *sent != 0) return 1;
  return *number == 42 ? 0 : 2;
}
