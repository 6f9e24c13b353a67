/* The version macros, each by itself and combined, against the library that
 * runs and against Cargo.toml, which the test hands over as CARGO_VERSION. */
#include <greenhub.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  char parts[64];
  uint32_t combined = GH_VERSION_MAJOR * 65536u + GH_VERSION_MINOR * 256u + GH_VERSION_PATCH;
  int failed = 0;

  snprintf(parts, sizeof parts, "%d.%d.%d", GH_VERSION_MAJOR, GH_VERSION_MINOR, GH_VERSION_PATCH);
  if (strcmp(parts, CARGO_VERSION) != 0 || strcmp(GH_VERSION_STRING, CARGO_VERSION) != 0) {
    fprintf(stderr, "parts %s, string %s, Cargo.toml %s\n", parts, GH_VERSION_STRING,
            CARGO_VERSION);
    failed = 1;
  }
  if (strcmp(gh_version_string(), GH_VERSION_STRING) != 0) {
    fprintf(stderr, "gh_version_string() is %s\n", gh_version_string());
    failed = 1;
  }
  if (combined != (uint32_t)GH_VERSION_NUM || gh_version() != combined) {
    fprintf(stderr, "combined %" PRIx32 ", GH_VERSION_NUM %" PRIx32 ", gh_version() %" PRIx32 "\n",
            combined, (uint32_t)GH_VERSION_NUM, gh_version());
    failed = 1;
  }
  if (gh_abi_version() != GH_ABI_VERSION) {
    fprintf(stderr, "gh_abi_version() is %" PRIu32 "\n", gh_abi_version());
    failed = 1;
  }
  return failed;
}
