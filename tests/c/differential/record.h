/* What was seen of a sequence of calls, line by line. */
#ifndef RECORD_H
#define RECORD_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"

typedef struct record {
  char *text;
  size_t length, room;
} record;

__attribute__((format(printf, 2, 3))) static void note(record *r, const char *format, ...) {
  if (r->room - r->length < 512) {
    r->room = 2 * r->room + 4096;
    r->text = realloc(r->text, r->room);
    CHECK(r->text != NULL);
  }
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(r->text + r->length, r->room - r->length, format, arguments);
  va_end(arguments);
  CHECK(length >= 0 && (size_t)length < r->room - r->length);
  r->length += (size_t)length;
}

static void forget(record *r) {
  free(r->text);
  memset(r, 0, sizeof *r);
}

/* FNV-1a, continued from `sum`. */
static uint32_t digest(uint32_t sum, const void *bytes, size_t length) {
  const uint8_t *byte = bytes;
  for (size_t i = 0; i < length; i++) sum = (sum ^ byte[i]) * 16777619u;
  return sum;
}

#define DIGEST_START 2166136261u

/* Whether two records are the same. If not, prints the first lines that differ, and some before them. */
static bool same_record(const record *expected, const record *got, const char *title) {
  if (expected->length == got->length &&
      (expected->length == 0 || memcmp(expected->text, got->text, expected->length) == 0))
    return true;
  size_t at = 0, line = 0, context = 0;
  while (at < expected->length && at < got->length && expected->text[at] == got->text[at]) at++;
  for (size_t i = 0, lines = 0; i < at; i++)
    if (expected->text[i] == '\n') line = i + 1, lines++;
  context = line;
  for (int lines = 0; context > 0 && lines < 14; context--)
    if (context < line && expected->text[context - 1] == '\n' && ++lines == 14) break;
  size_t ends[2] = {line, line};
  const record *both[2] = {expected, got};
  for (int i = 0; i < 2; i++)
    while (ends[i] < both[i]->length && both[i]->text[ends[i]] != '\n') ends[i]++;
  fprintf(stderr, "%s\n%.*s  expected: %.*s\n  got:      %.*s\n\n", title, (int)(line - context),
          line > context ? expected->text + context : "", (int)(ends[0] - line),
          expected->length ? expected->text + line : "", (int)(ends[1] - line),
          got->length ? got->text + line : "");
  return false;
}

#endif
