// Counts its instances, so that a test sees one that was lost or destroyed twice.
#ifndef TRACKED_H
#define TRACKED_H

#include <atomic>

struct Tracked {
  static inline std::atomic<int> alive{0};

  int value;

  explicit Tracked(int of = 0) : value(of) { alive++; }
  Tracked(Tracked &&other) noexcept : value(other.value) {
    other.value = -1;
    alive++;
  }
  Tracked &operator=(Tracked &&other) noexcept {
    value = other.value;
    other.value = -1;
    return *this;
  }
  ~Tracked() { alive--; }
};

#endif
