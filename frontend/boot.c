/* -boot: letters of devices, or order=, once=, menu=, splash-time=, as QEMU has them. Pictures of
 * firmware are not shown: splash= is ignored, saying so. */
#include "frontend/boot.h"

#include <stdlib.h>
#include <string.h>

#include "frontend/options.h"

#define MAX_WAIT_MS 0xffff

static bool letters(const char *what, const char *text, size_t len, char order[4])
{
    if (!len || len > 3)
        return complain("-boot: %s takes one to three of the letters a, b, c, d, n", what);
    for (size_t i = 0; i < len; i++) {
        if (!strchr("abcdn", text[i]) || memchr(text, text[i], i))
            return complain("-boot: %s: '%c' is unknown or there twice (a, b, c, d, n)", what,
                            text[i]);
        order[i] = text[i];
    }
    order[len] = 0;
    return true;
}

static bool property(struct orrery_config *c, const char *text, size_t len)
{
    const char *value = memchr(text, '=', len);
    size_t name = value ? (size_t)(value++ - text) : 0, n = len - name - 1;
    char *end;

    if (!value)
        return letters("order", text, len, c->boot.order);
    if (name == 5 && !strncmp(text, "order", 5))
        return letters("order", value, n, c->boot.order);
    if (name == 4 && !strncmp(text, "once", 4))
        return letters("once", value, n, c->boot.once);
    if (name == 4 && !strncmp(text, "menu", 4)) {
        c->boot.menu = n == 2 && !strncmp(value, "on", 2);
        return c->boot.menu || (n == 3 && !strncmp(value, "off", 3)) ||
               complain("-boot: menu is on or off");
    }
    if (name == 11 && !strncmp(text, "splash-time", 11)) {
        unsigned long ms = strtoul(value, &end, 10);
        c->boot.menu_ms = (uint16_t)ms;
        return (end == value + n && n && ms && ms <= MAX_WAIT_MS) ||
               complain("-boot: splash-time must be 1 to %d ms", MAX_WAIT_MS);
    }
    if (name == 6 && !strncmp(text, "splash", 6))
        return warn_user("-boot: splash has no effect: firmware shows no pictures");
    if ((name == 6 && !strncmp(text, "strict", 6)) ||
        (name == 14 && !strncmp(text, "reboot-timeout", 14)))
        return warn_user("-boot: %.*s has no effect", (int)name, text);
    return complain("-boot: unknown property '%.*s' (order, once, menu, splash-time)", (int)name,
                    text);
}

bool boot_option(struct options *o, const char *name, const char *arg)
{
    (void)name;
    do {
        size_t len = strcspn(arg, ",");
        if (!property(&o->config, arg, len))
            return false;
        arg += len + (arg[len] == ',');
    } while (*arg);
    return true;
}
