/* Assertions for the C test programs: they hold in release builds too and say what they saw. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);     \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

#define CHECK_EQ(left, right)                                                     \
  do {                                                                            \
    long long left_value = (long long)(left), right_value = (long long)(right);   \
    if (left_value != right_value) {                                              \
      fprintf(stderr, "%s:%d: %s is %lld, expected %s = %lld\n", __FILE__,        \
              __LINE__, #left, left_value, #right, right_value);                  \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

#endif
