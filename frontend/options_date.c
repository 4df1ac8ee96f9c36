/* -rtc: the date of the guest's clock at power-on. Without it that is a constant, so that a run is
 * always the same. With it the date is an input, which a recording keeps. */
#include "frontend/handlers.h"

#include <string.h>
#include <time.h>

#include "frontend/props.h"

static bool set_date(struct options *o, struct tm *tm)
{
    o->date = timegm(tm);
    o->said_date = true;
    return true;
}

/* YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss. */
static bool parse_date(struct options *o, const char *text)
{
    struct tm tm = {.tm_mday = 0}, given;
    int used = -1, all = -1;

    sscanf(text, "%4d-%2d-%2d%nT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used,
           &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &all);
    tm.tm_year -= 1900;
    tm.tm_mon--;
    given = tm;
    if (used < 0 || text[all >= 0 ? all : used] || timegm(&tm) == -1 || tm.tm_mon != given.tm_mon ||
        tm.tm_mday != given.tm_mday || tm.tm_hour != given.tm_hour || tm.tm_min != given.tm_min ||
        tm.tm_sec != given.tm_sec)
        return complain("-rtc: '%s' is no date (utc, localtime, 2026-01-31T23:59:59)", text);
    return set_date(o, &tm);
}

static bool set_base(struct options *o, const char *value)
{
    time_t now = time(NULL);
    struct tm tm;

    if (!strcmp(value, "utc") || !strcmp(value, "now"))
        return set_date(o, gmtime_r(&now, &tm));
    if (!strcmp(value, "localtime"))
        return set_date(o, localtime_r(&now, &tm));
    return parse_date(o, value);
}

bool opt_rtc(struct options *o, const char *name, const char *arg)
{
    char *rest = (char *)arg, *key, *value;

    (void)name;
    while (next_property(&rest, &key, &value)) {
        if (!strcmp(key, "base") && value) {
            if (!set_base(o, value))
                return false;
        } else if (!strcmp(key, "clock") && value) {
            if (strcmp(value, "vm"))
                warn_user("-rtc: clock=%s has no effect: the clock goes by virtual time", value);
        } else if (!strcmp(key, "driftfix") && value) {
            if (strcmp(value, "none"))
                warn_user("-rtc: driftfix=%s has no effect: no tick is ever lost", value);
        } else {
            return complain("-rtc: unknown or malformed property '%s' (base, clock, driftfix)",
                            key);
        }
    }
    return true;
}

bool opt_localtime(struct options *o, const char *name, const char *arg)
{
    (void)name;
    (void)arg;
    return set_base(o, "localtime");
}

bool opt_startdate(struct options *o, const char *name, const char *arg)
{
    (void)name;
    return set_base(o, arg);
}
