/* Green threads beside a library's own OS threads: own_threads patched|plain COUNT */
#include "conversation.h"
#include "side_by_side.h"

#define QUESTIONS 50

static void *talk(void *arg) {
  struct conversation *conversation = conversation_open();
  CHECK(conversation != NULL);
  for (long i = 0; i < QUESTIONS; i++) {
    long number = (long)arg * 1000 + i;
    CHECK_EQ(conversation_ask(conversation, number), number + 1);
  }
  CHECK_EQ(conversation_close(conversation), 0);
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  patch_as_told(argv[1]);
  tell("talked", together(atol(argv[2]), talk));
  return 0;
}
