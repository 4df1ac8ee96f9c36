#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local void (*report_fn)(void *opaque);
static _Thread_local void *report_opaque;

void check_set_report(void (*report)(void *opaque), void *opaque)
{
    report_fn = report;
    report_opaque = opaque;
}

void check_failed(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "orrery: internal error at %s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    if (report_fn) {
        void (*fn)(void *) = report_fn;
        report_fn = NULL; /* a failure inside the report must not recurse */
        fn(report_opaque);
    }
    abort();
}
