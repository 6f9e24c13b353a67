// args: 1 600
// timeout: 180
// emulated: no, the kernel is asked what a thread waits in
/* What the hooks give is what libc gives, call by call: sequences of calls that follow from a seed are made
 * by libc's functions, then again through the hooks, by a green thread alone, by many at once, by a root and by
 * an OS thread without a hub. Results, errno, what came back through pointers, and every byte must be equal.
 *
 *   patch_differential SEED [COUNT [-v]]      COUNT sequences from SEED on; -v shows the one of SEED
 *
 * GREENHUB_SOAK_SECONDS=n goes on with new seeds for so long. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "greenhub.h"

#include "differential/sequence.h"

#define TOGETHER 8
#define BATCH 16
#define HANGS_AFTER 10000000000LL
#define FAILED_BATCH 9

enum mode { ORIGINAL, GREEN, PLAIN, ROOT, CROWD, MODES };

static const char *const MODE_NAMES[] = {"libc's own", "a green thread", "an OS thread without a hub", "a root",
                                         "one of many green threads"};

/* All sequences of a batch: what each has recorded in each mode. */
static record seen[BATCH][MODES];
static uint64_t first_seed;
static int batch, next_in_crowd;
static world worlds[TOGETHER];
static const char *mode_name;

static void count_sigpipe(int signal) {
  (void)signal;
  sigpipes++;
}

static void interrupted(int signal) {
  (void)signal;
  interruptions++;
}

static void run(world *w, enum mode mode, int which) {
  sequence(w, first_seed + (uint64_t)which);
  seen[which][mode] = w->record;
  memset(&w->record, 0, sizeof w->record);
}

static void *run_all(void *arg) {
  for (int i = 0; i < batch; i++) run(&worlds[0], *(enum mode *)arg, i);
  return NULL;
}

static void *run_some(void *arg) {
  while (next_in_crowd < batch) run(arg, CROWD, next_in_crowd++);
  return NULL;
}

static void on_os_thread(enum mode mode) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, run_all, &mode) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

static void spawn(gh_thread *thread, void *(*start)(void *), void *arg) {
  gh_spawn_options options = {.size = sizeof options, .stack_size = 1 << 19};
  CHECK_EQ(gh_spawn(thread, &options, start, arg), 0);
}

/* Says which call hangs, and ends the process. */
static void *monitor(void *arg) {
  (void)arg;
  for (;;) {
    raw_pause(200000);
    for (int i = 0; i < TOGETHER; i++) {
      world *w = &worlds[i];
      int64_t since = __atomic_load_n(&w->in_step, __ATOMIC_RELAXED);
      if (since == 0 || raw_now() - since < HANGS_AFTER) continue;
      size_t start = w->record.length > 1500 ? w->record.length - 1500 : 0;
      fprintf(stderr, "hangs, called by %s, seeds %lu to %lu:\n%.*s\n", mode_name, (unsigned long)first_seed,
              (unsigned long)first_seed + (unsigned long)batch - 1, (int)(w->record.length - start),
              w->record.text + start);
      _exit(FAILED_BATCH);
    }
  }
  return NULL;
}

/* A sequence of many at once hears of no signals: they would be another's. */
static bool in_crowd(void) { return !worlds[0].counts_sigpipe && !worlds[0].interrupts; }

static int compare(bool verbose) {
  int differences = 0;
  for (int i = 0; i < batch; i++) {
    char title[128];
    if (verbose && i == 0) printf("%.*s\n", (int)seen[i][ORIGINAL].length, seen[i][ORIGINAL].text);
    for (int mode = GREEN; mode < MODES; mode++) {
      if (mode == CROWD && !in_crowd()) continue;
      snprintf(title, sizeof title, "seed %lu, called by %s:", (unsigned long)first_seed + (unsigned long)i,
               MODE_NAMES[mode]);
      if (same_record(&seen[i][ORIGINAL], &seen[i][mode], title)) continue;
      differences++;
      break;
    }
    for (int mode = 0; mode < MODES; mode++) forget(&seen[i][mode]);
  }
  return differences;
}

/* What the signals do in a batch follows from its seed. */
static void choose_signals(void) {
  struct sigaction pipe_action = {0}, user_action = {0};
  dice d = {first_seed};
  bool counts = roll(&d, 2), interrupts = roll(&d, 3) == 0, restarts = roll(&d, 2);
  pipe_action.sa_handler = counts ? count_sigpipe : SIG_IGN;
  user_action.sa_handler = interrupted;
  user_action.sa_flags = restarts ? SA_RESTART : 0;
  CHECK(sigaction(SIGPIPE, &pipe_action, NULL) == 0 && sigaction(SIGUSR1, &user_action, NULL) == 0);
  for (int i = 0; i < TOGETHER; i++) worlds[i].counts_sigpipe = counts, worlds[i].interrupts = interrupts;
}

static int run_batch(bool verbose) {
  pthread_t watch;
  gh_thread threads[TOGETHER];
  enum mode mode = ORIGINAL;
  for (int i = 0; i < TOGETHER; i++) world_prepare(&worlds[i], 100 + i * 2 * ENDS, 500000000);
  choose_signals();
  CHECK(pthread_create(&watch, NULL, monitor, NULL) == 0);
  CHECK(gh_hub_current() != NULL);

  mode_name = MODE_NAMES[ORIGINAL];
  on_os_thread(ORIGINAL);

  CHECK(gh_patch(GH_PATCH_ALL) >= 0);
  mode_name = MODE_NAMES[mode = GREEN];
  spawn(&threads[0], run_all, &mode);
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);

  mode_name = MODE_NAMES[PLAIN];
  on_os_thread(PLAIN);

  mode_name = MODE_NAMES[mode = ROOT];
  run_all(&mode);

  mode_name = MODE_NAMES[CROWD];
  if (in_crowd()) {
    next_in_crowd = 0;
    for (int i = 0; i < TOGETHER; i++) {
      worlds[i].partner.patience = 2000000;
      spawn(&threads[i], run_some, &worlds[i]);
    }
    for (int i = 0; i < TOGETHER; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  }
  CHECK(gh_unpatch() >= 0);
  for (int i = 0; i < TOGETHER; i++) world_drop(&worlds[i]);
  return compare(verbose);
}

/* In a child, so that a sequence that hangs ends only its batch. */
static int in_child(bool verbose) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    int differences = run_batch(verbose);
    fflush(NULL);
    _exit(differences > 0 ? FAILED_BATCH : 0);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  if (status == 0) return 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != FAILED_BATCH)
    fprintf(stderr, "seeds %lu to %lu: ended with status %x\n", (unsigned long)first_seed,
            (unsigned long)first_seed + (unsigned long)batch - 1, (unsigned)status);
  return 1;
}

int main(int argc, char **argv) {
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  long count = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
  const char *seconds = getenv("GREENHUB_SOAK_SECONDS");
  int64_t start = raw_now(), end = 0;
  int failed = 0;
  long made = 0;
  if (seconds != NULL) {
    end = start + strtol(seconds, NULL, 10) * 1000000000LL;
    seed = (uint64_t)start % 1000000007;
  }
  for (; made < count || (end > 0 && raw_now() < end); made += batch) {
    batch = BATCH;
    if (end == 0 && count - made < BATCH) batch = (int)(count - made);
    first_seed = seed + (uint64_t)made;
    failed += in_child(argc > 3);
  }
  printf("%ld sequences from seed %lu, %d batches with differences, %ld ms\n", made, (unsigned long)seed, failed,
         (long)((raw_now() - start) / 1000000));
  return failed > 0;
}
