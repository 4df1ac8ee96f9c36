/* Which FLAGS bits are defined after an instruction form, from a trace suite's metadata.json. */
#ifndef TESTS_TRACES_MASKS_H
#define TESTS_TRACES_MASKS_H

#include "base/types.h"

struct masks;

/* NULL with a reason in err. */
struct masks *masks_open(const char *path, char *err, size_t size);
void masks_close(struct masks *m);
/* Of the file of traces called "F7.6.MOO.gz" or "00.MOO.gz"; all ones if nothing is said of it. */
u16 masks_of(const struct masks *m, const char *file);
/* The processor that the suite came from, "" if it does not say. */
const char *masks_cpu(const struct masks *m);

#endif
