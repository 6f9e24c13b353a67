/* A library with OS threads of its own, which knows nothing of green threads. */
#ifndef CONVERSATION_H
#define CONVERSATION_H

struct conversation;

/* Starts an OS thread that answers. */
struct conversation *conversation_open(void);
/* Waits for its answer to a number: the next one, after a millisecond; -1 if something went wrong. */
long conversation_ask(struct conversation *conversation, long number);
/* Ends the OS thread. 0 if all went well there. */
int conversation_close(struct conversation *conversation);

#endif
