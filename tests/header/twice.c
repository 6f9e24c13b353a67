#include <greenhub.h>
#include <greenhub.h>
