/* QMP, QEMU's machine protocol: JSON objects both ways over a character device. */
#ifndef FRONTEND_QMP_H
#define FRONTEND_QMP_H

#include <stdbool.h>

struct session;
struct chr_user;
struct qmp;

/* A connection's end; fills *user for it. NULL: Orrery was built without Jansson. */
struct qmp *qmp_new(struct session *s, struct chr_user *user, bool pretty);
void qmp_free(struct qmp *q); /* NULL is allowed */

#endif
