#include <greenhub.h>
