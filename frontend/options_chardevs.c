/* Options of character devices and monitors: kept as text until the session opens them (ports.c).
 */
#include <string.h>

#include "frontend/handlers.h"

bool opt_chardev(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (o->nchardevs == MAX_CHARDEVS)
        return complain("-chardev: at most %d devices", MAX_CHARDEVS);
    o->chardevs[o->nchardevs++] = arg;
    return true;
}

bool opt_monitor(struct options *o, const char *name, const char *arg)
{
    if (o->nmonitors == MAX_CHARDEVS - 1)
        return complain("-%s: at most %d monitors", name, MAX_CHARDEVS - 1);
    o->said_monitor |= !strcmp(name, "monitor") || !strcmp(name, "mon");
    o->monitors[o->nmonitors++] = (struct monitor_option){name, arg};
    return true;
}
