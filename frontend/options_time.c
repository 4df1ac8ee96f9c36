/* Options for recording, replaying and going back in time. */
#include "frontend/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "frontend/numbers.h"

#define BYTES_PER_MIB (1ull << 20)
#define MIN_CHECK     100000 /* ticks: hashing a machine takes milliseconds */

/* FILE or FILE,check=N with a suffix K, M or G (of 1000). */
bool opt_record(struct options *o, const char *name, const char *arg)
{
    char *at = strstr(arg, ",check="), *end;
    static const char suffixes[] = "kmg";
    uint64_t n;

    (void)name;
    o->config.record = arg;
    if (!at)
        return true;
    *at = 0;
    n = strtoull(at + 7, &end, 10);
    for (const char *s = strchr(suffixes, *end | 32); *end && s && s >= suffixes; s--)
        n *= 1000;
    if (!at[7] || (*end && (end[1] || !strchr(suffixes, *end | 32))) || n < MIN_CHECK)
        return complain("-record: check=%s is not a number of ticks (%d or more)", at + 7,
                        MIN_CHECK);
    o->config.record_check = n;
    return true;
}

bool opt_history(struct options *o, const char *name, const char *arg)
{
    uint64_t mib = 0;

    (void)name;
    o->no_history = !strcmp(arg, "off");
    o->history = !o->no_history;
    if (o->no_history || !strcmp(arg, "on"))
        return true;
    if (!parse_count(arg, &mib) || !mib || mib > UINT64_MAX / BYTES_PER_MIB)
        return complain("-history: '%s' is no number of MiB, nor on or off", arg);
    o->history_bytes = mib * BYTES_PER_MIB;
    return true;
}

/* The value of "KEY=" in a list of options; NULL: not there. */
static char *find_value(char *list, const char *key)
{
    for (char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, key, strlen(key)))
            return at + strlen(key);
    }
    return NULL;
}

/* Time always counts instructions; of QEMU's option remains what is recorded. */
bool opt_icount(struct options *o, const char *name, const char *arg)
{
    char *list = (char *)(uintptr_t)arg;
    char *what = find_value(list, "rr="), *file = find_value(list, "rrfile=");

    if (!what)
        return warn_user("-icount has no effect: virtual time always counts instructions");
    what[strcspn(what, ",")] = 0;
    if (file)
        file[strcspn(file, ",")] = 0;
    if (file && !strcmp(what, "record"))
        return opt_record(o, name, file);
    if (file && !strcmp(what, "replay")) {
        o->config.replay = file;
        return true;
    }
    return complain("-icount: rr=record or rr=replay, and rrfile=FILE expected");
}
