// flags: -ldl -Wno-pedantic
// timeout: 180
// emulated: no, it compiles libraries as it runs
/* What is loaded later is patched as well, and dlopen(3) finds what it finds without the hook: by the search
 * paths of who calls it, relative to where that is, by name once loaded, or not at all. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS INT64_C(1000000)
#define SLEEPERS 50

static char folder[] = P_tmpdir "/greenhub-loading-XXXXXX";

static const char *in(const char *format, ...) {
  static char texts[8][512];
  static int next;
  char *text = texts[next++ % 8], rest[400];
  va_list list;
  va_start(list, format);
  vsnprintf(rest, sizeof rest, format, list);
  va_end(list);
  snprintf(text, sizeof texts[0], "%s/%s", folder, rest);
  return text;
}

static void run(const char *format, ...) {
  char text[1200], command[1500];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  snprintf(command, sizeof command, "cd %s && %s", folder, text);
  if (system(command) != 0) {
    fprintf(stderr, "failed: %s\n", command);
    exit(1);
  }
}

static void put(const char *name, const char *text) {
  FILE *file = fopen(in("%s", name), "w");
  CHECK(file != NULL);
  CHECK(fputs(text, file) >= 0);
  CHECK_EQ(fclose(file), 0);
}

static void build(void) {
  put("nap.c", "#include <unistd.h>\nint nap(void) { return usleep(200000); }\n");
  put("opener.c",
      "#define _GNU_SOURCE\n#include <dlfcn.h>\n"
      "void *opens(const char *name, int mode) { return dlopen(name, mode); }\n"
      "void *finds(void *handle, const char *name) { return dlsym(handle, name); }\n"
      "int which(void) { return 1; }\n"
      "void *next(void) { return dlsym(RTLD_NEXT, \"which\"); }\n"
      "void *opens_in(long space, const char *name, int mode) { return dlmopen(space, name, mode); }\n");
  put("user.c", "int nap(void); int user(void) { return nap(); }\n");
  run("mkdir -p deep && gcc -fPIC -shared -o deep/libnap.so nap.c");
  run("gcc -fPIC -shared -fno-plt -Wl,-z,now,-z,relro -o deep/libnow.so nap.c");
  run("gcc -fPIC -shared -Wl,-z,lazy,-z,norelro -o deep/liblazy.so nap.c");
  run("gcc -fPIC -shared -Wl,-soname,libnamed.so.1 -o deep/libnamed.so.1 nap.c");
  run("gcc -fPIC -shared -o deep/libuser.so user.c deep/libnap.so");
  run("gcc -fPIC -shared -Wl,--enable-new-dtags,-rpath,'$ORIGIN/deep' -o librunpath.so opener.c");
  run("gcc -fPIC -shared -Wl,--disable-new-dtags,-rpath,'$ORIGIN/deep' -o librpath.so opener.c");
  run("gcc -fPIC -shared -o libnopath.so opener.c");
}

typedef void *(*opens_t)(const char *, int);
typedef void *(*opens_in_t)(long, const char *, int);
typedef void *(*finds_t)(void *, const char *);

static int running, most;

static void *sleeper(void *arg) {
  if (++running > most) most = running;
  CHECK_EQ((*(int (**)(void))arg)(), 0);
  running--;
  return NULL;
}

static int cooperative(int (*nap)(void)) {
  gh_thread threads[SLEEPERS];
  most = 0;
  for (int i = 0; i < 2; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, sleeper, &nap), 0);
  for (int i = 0; i < 2; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  return most == 2;
}

/* What one call of dlopen comes to. */
static void attempt(char *out, size_t room, opens_t opens, const char *name, int mode, int in_base) {
  struct link_map *map = NULL;
  dlerror();
  void *handle = in_base ? ((opens_in_t)(void *)opens)(LM_ID_BASE, name, mode) : opens(name, mode);
  const char *error = dlerror();
  if (handle == NULL) {
    snprintf(out, room, "error: %s", error ? error : "none");
    return;
  }
  CHECK(error == NULL);
  CHECK_EQ(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
  snprintf(out, room, "%s", map->l_name);
  CHECK_EQ(dlclose(handle), 0);
}

static void same(void) {
  static const char *const callers[] = {"librunpath.so", "librpath.so", "libnopath.so"};
  const char *const names[] = {"libnap.so", "libuser.so", "libnamed.so.1", "$ORIGIN/deep/libnap.so",
                               "${ORIGIN}/deep/libnow.so", "deep/libnap.so", "libm.so.6", "no such library",
                               "", in("deep/libuser.so"), in("deep/libnap.so"), in("nap.c"), NULL};
  static const int modes[] = {RTLD_NOW, RTLD_LAZY, RTLD_NOW | RTLD_NOLOAD, RTLD_NOW | RTLD_GLOBAL, 0, 0x40000};
  int found = 0, failed = 0;
  for (int caller = 0; caller < 4; caller++) {
    void *opener = caller < 3 ? dlopen(in("%s", callers[caller]), RTLD_NOW) : NULL;
    opens_t opens = caller < 3 ? (opens_t)dlsym(opener, "opens") : dlopen;
    opens_in_t opens_in = caller < 3 ? (opens_in_t)dlsym(opener, "opens_in") : (opens_in_t)dlmopen;
    CHECK(opens != NULL && opens_in != NULL);
    for (int name = 0; name < 13; name++) {
      for (int mode = 0; mode < 6; mode++) {
        for (int base = 0; base < 2; base++) {
          char plain[400], patched[400];
          opens_t call = base ? (opens_t)(void *)opens_in : opens;
          CHECK(gh_unpatch() >= 0);
          if (caller == 3) call = base ? (opens_t)(void *)dlmopen : dlopen;
          attempt(plain, sizeof plain, call, names[name], modes[mode], base);
          CHECK(gh_patch(GH_PATCH_LOADING | GH_PATCH_SLEEP) > 0);
          if (caller == 3) call = base ? (opens_t)(void *)dlmopen : dlopen;
          attempt(patched, sizeof patched, call, names[name], modes[mode], base);
          if (strcmp(plain, patched) != 0) {
            fprintf(stderr, "%d %s %x: %s, not %s\n", caller, names[name], modes[mode], patched, plain);
            exit(1);
          }
          if (strncmp(plain, "error", 5)) found++;
          else failed++;
        }
      }
    }
    if (opener) CHECK_EQ(dlclose(opener), 0);
  }
  CHECK(found > 100 && failed > 50);
}

static int sees_nap(const gh_patched *patched, void *arg) {
  if (strstr(patched->module, arg) && strcmp(patched->function, "usleep") == 0) return 1;
  return 0;
}

static void later(void) {
  static const char *const names[] = {"libnap.so", "libnow.so", "liblazy.so", "libnamed.so.1"};
  CHECK(gh_unpatch() >= 0);
  void *before = dlopen(in("deep/libnap.so"), RTLD_NOW);
  void *runpath = dlopen(in("librunpath.so"), RTLD_NOW), *rpath = dlopen(in("librpath.so"), RTLD_NOW);
  void *nopath = dlopen(in("libnopath.so"), RTLD_NOW);
  CHECK(before && runpath && rpath && nopath);
  int (*nap)(void) = (int (*)(void))dlsym(before, "nap");
  CHECK(!cooperative(nap));
  CHECK(gh_patch(GH_PATCH_LOADING | GH_PATCH_SLEEP) > 0);
  CHECK(cooperative(nap));
  CHECK_EQ(dlclose(before), 0);
  for (int way = 0; way < 5; way++) {
    if (way == 4) CHECK_EQ(dlclose(rpath), 0); /* whose paths are inherited */
    for (int name = 0; name < 4; name++) {
      void *handle;
      if (way == 0) handle = dlopen(in("deep/%s", names[name]), RTLD_LAZY);
      else if (way == 1) handle = ((opens_t)dlsym(runpath, "opens"))(names[name], RTLD_LAZY);
      else if (way == 2) handle = ((opens_t)dlsym(rpath, "opens"))(names[name], RTLD_NOW);
      else if (way == 3) handle = dlmopen(LM_ID_BASE, in("deep/%s", names[name]), RTLD_NOW);
      else handle = ((opens_t)dlsym(nopath, "opens"))(in("deep/%s", names[name]), RTLD_NOW);
      CHECK(handle != NULL);
      if (way == 4) CHECK_EQ(gh_patch_info(sees_nap, (void *)names[name]), 1);
      nap = (int (*)(void))dlsym(handle, "nap");
      CHECK(nap != NULL);
      CHECK_EQ(gh_patch_info(sees_nap, (void *)names[name]), 1);
      if (way < 2) CHECK(cooperative(nap));
      CHECK_EQ(dlclose(handle), 0);
    }
  }
  /* RTLD_NEXT is what comes after the caller. */
  void *(*next)(void) = (void *(*)(void))dlsym(nopath, "next"), *last;
  CHECK(next() == NULL);
  CHECK(dlsym(RTLD_DEFAULT, "no such symbol") == NULL && dlerror() != NULL);
  CHECK_EQ(dlclose(nopath), 0);
  /* Without the family nothing new is patched. */
  CHECK(gh_unpatch() > 0);
  CHECK(gh_patch(GH_PATCH_SLEEP) > 0);
  last = dlopen(in("deep/libnow.so"), RTLD_NOW);
  CHECK(!cooperative((int (*)(void))dlsym(last, "nap")));
  CHECK_EQ(dlclose(last), 0);
  CHECK_EQ(dlclose(runpath), 0);
}

static volatile int over;

static void *naps(void *arg) {
  struct timespec span = {0, 200000};
  while (!over) CHECK_EQ(nanosleep(&span, NULL), 0);
  return arg;
}

static void *loads(void *arg) {
  static const char *const names[] = {"libnap.so", "libnow.so", "liblazy.so", "libnamed.so.1"};
  for (int round = 0; round < 1000; round++) {
    void *handle = dlopen(in("deep/%s", names[round % 4]), round % 3 ? RTLD_NOW : RTLD_LAZY);
    CHECK(handle != NULL);
    CHECK(dlsym(handle, "nap") != NULL);
    CHECK_EQ(dlclose(handle), 0);
    if (round % 50 == 0) gh_yield();
  }
  return arg;
}

static void *loads_elsewhere(void *arg) {
  static char paths[2][300];
  int mine = (int)(long)arg;
  snprintf(paths[mine], sizeof paths[mine], "%s/deep/%s", folder, mine ? "libnow.so" : "libuser.so");
  while (!over) {
    void *handle = dlopen(paths[mine], RTLD_NOW);
    if (mine) CHECK(handle != NULL);
    if (handle) dlclose(handle);
  }
  return NULL;
}

static void *patches_elsewhere(void *arg) {
  while (!over) {
    CHECK(gh_patch(GH_PATCH_SLEEP | GH_PATCH_LOADING) >= 0);
    CHECK(gh_unpatch() >= 0);
  }
  return arg;
}

static void loops(int with_patches) {
  gh_thread sleepers[SLEEPERS], loader;
  pthread_t plain[4];
  CHECK(gh_patch(GH_PATCH_LOADING | GH_PATCH_SLEEP) >= 0);
  over = 0;
  for (int i = 0; i < SLEEPERS; i++) CHECK_EQ(gh_spawn(&sleepers[i], NULL, naps, NULL), 0);
  for (long i = 0; i < 2; i++) CHECK_EQ(pthread_create(&plain[i], NULL, loads_elsewhere, (void *)i), 0);
  for (int i = 2; i < 4 && with_patches; i++)
    CHECK_EQ(pthread_create(&plain[i], NULL, patches_elsewhere, NULL), 0);
  CHECK_EQ(gh_spawn(&loader, NULL, loads, NULL), 0);
  CHECK_EQ(gh_join(loader, NULL, GH_NEVER), 0);
  over = 1;
  for (int i = 0; i < SLEEPERS; i++) CHECK_EQ(gh_join(sleepers[i], NULL, GH_NEVER), 0);
  for (int i = 0; i < (with_patches ? 4 : 2); i++) CHECK_EQ(pthread_join(plain[i], NULL), 0);
  if (with_patches) {
    CHECK(gh_unpatch() >= 0);
    CHECK_EQ(gh_patch_info(NULL, NULL), 0);
  }
}

int main(void) {
  CHECK(mkdtemp(folder) != NULL);
  build();
  alarm(170);
  same();
  later();
  loops(0);
  loops(1);
  run("rm -r '%s'", folder);
  return 0;
}
