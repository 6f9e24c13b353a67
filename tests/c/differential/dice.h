/* Numbers that follow from a seed, so that a sequence can be had again. */
#ifndef DICE_H
#define DICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dice {
  uint64_t state;
} dice;

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators). */
static uint64_t toss(dice *d) {
  uint64_t z = d->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint32_t roll(dice *d, uint32_t below) { return (uint32_t)(toss(d) % below); }

static bool one_in(dice *d, uint32_t many) { return roll(d, many) == 0; }

/* One of the values of an array. */
#define PICK(d, array) ((array)[roll(d, sizeof(array) / sizeof((array)[0]))])

#endif
