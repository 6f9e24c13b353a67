// The other file.
#include <greenhub.hpp>

#include "units.h"

int second_unit(int number) {
  greenhub::channel<int> numbers(1);
  auto sender = greenhub::spawn([&numbers, number] {
    return numbers.send(std::nothrow, 2 * number + 2).code();
  });
  auto doubled = numbers.receive(std::nothrow);
  auto sent = sender.join(std::nothrow);
  return doubled && sent && *sent == 0 ? *doubled : -1;
}
