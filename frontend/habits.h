/* Options of QEMU's that Orrery has no part for. */
#ifndef FRONTEND_HABITS_H
#define FRONTEND_HABITS_H

#include <stdbool.h>
#include <stdio.h>

struct habit;

/* By name, without hyphens; NULL: not among them. */
const struct habit *habit_find(const char *name);
bool habit_has_arg(const struct habit *h);
/* True after a warning, or false after a refusal with its reason. */
bool habit_apply(const struct habit *h);
/* Those with a warning, for -help. */
void habits_print(FILE *out);

#endif
