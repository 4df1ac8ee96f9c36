/* The -boot option: what firmware boots from. */
#ifndef FRONTEND_BOOT_H
#define FRONTEND_BOOT_H

#include <stdbool.h>

struct options;

bool boot_option(struct options *o, const char *name, const char *arg);

#endif
