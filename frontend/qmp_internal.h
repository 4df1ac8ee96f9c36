/* What the files of QMP share. */
#ifndef FRONTEND_QMP_INTERNAL_H
#define FRONTEND_QMP_INTERNAL_H

#include <jansson.h>

#include "frontend/monitor.h"
#include "frontend/session.h"

/* One command as it is carried out. */
struct qmp_call {
    struct session *session;
    json_t *args;      /* an object, which agrees with the command's list */
    json_t *result;    /* owned; NULL: {} */
    bool oob;          /* it came as "exec-oob" */
    const char *class; /* of an error; NULL: GenericError */
    char error[1400];
};

/* args: "name:T name?:T ..."; T is s string, i integer, b boolean, a array, o object; ? optional.
 * run is false after qmp_fail(). */
struct qmp_command {
    const char *name, *args;
    bool (*run)(struct qmp_call *c);
};
extern const struct qmp_command *const qmp_tables[]; /* ends with NULL; they with name NULL */
extern const struct qmp_command qmp_commands[], qmp_queries[], qmp_displays[], qmp_schemas[];

bool qmp_fail(struct qmp_call *c, const char *class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Arguments by name; what is not there is NULL, `otherwise`, false. */
const char *qmp_text(const struct qmp_call *c, const char *name);
json_int_t qmp_number(const struct qmp_call *c, const char *name, json_int_t otherwise);
bool qmp_true(const struct qmp_call *c, const char *name);
/* A string that may hold anything. */
json_t *qmp_string(const char *text);

json_t *qmp_version(void);
const char *qmp_event_name(unsigned n); /* NULL behind the last */

/* Where the VNC server listens (NULL: nowhere), and an end of a connection. */
json_t *qmp_vnc_server(const struct session *s);
json_t *qmp_peer(const struct display_peer *peer);

#endif
