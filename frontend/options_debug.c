/* Options for looking at what goes on: logs, profiles, pictures. */
#include "frontend/handlers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "frontend/numbers.h"

/* Mask 0: an item of QEMU's that nothing is logged for here. */
static const struct {
    const char *name;
    uint32_t mask;
    const char *help;
} items[] = {
    {"in_asm", ORRERY_LOG_IN_ASM, "guest instructions of each block that is translated"},
    {"op", ORRERY_LOG_IR, "its intermediate representation"},
    {"ir", ORRERY_LOG_IR, "the same"},
    {"out_asm", ORRERY_LOG_OUT_ASM, "the host's code"},
    {"int", ORRERY_LOG_INT, "interrupts and exceptions"},
    {"cpu_reset", ORRERY_LOG_RESET, "registers before each reset"},
    {"guest_errors", 0, NULL},
    {"unimp", 0, NULL},
    {"exec", 0, NULL},
    {"cpu", 0, NULL},
    {"fpu", 0, NULL},
    {"mmu", 0, NULL},
    {"pcall", 0, NULL},
    {"page", 0, NULL},
    {"nochain", 0, NULL},
    {"strace", 0, NULL},
    {"plugin", 0, NULL},
    {"op_opt", 0, NULL},
    {"op_ind", 0, NULL},
    {"op_plugin", 0, NULL},
    {"vpu", 0, NULL},
    {"all", ORRERY_LOG_ALL, "all of these"},
};
#define ITEMS (sizeof(items) / sizeof(items[0]))

static bool list_items(struct options *o)
{
    for (size_t i = 0; i < ITEMS; i++)
        if (items[i].help)
            printf("%-12s %s\n", items[i].name, items[i].help);
    return o->done = true;
}

bool opt_log(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (!strcmp(arg, "help") || !strcmp(arg, "?"))
        return list_items(o);
    while (*arg) {
        size_t len = strcspn(arg, ","), i = 0;
        while (i < ITEMS && (strlen(items[i].name) != len || strncmp(arg, items[i].name, len)))
            i++;
        if (i == ITEMS && !strncmp(arg, "trace:", 6)) {
            warn_user("-d: there are no trace events: '%.*s'", (int)len, arg);
            arg += len + (arg[len] == ',');
            continue;
        }
        if (i == ITEMS)
            return complain("-d: unknown item '%.*s' (see -d help)", (int)len, arg);
        if (!items[i].mask)
            warn_user("-d: nothing is logged for '%s'", items[i].name);
        o->config.log_mask |= items[i].mask;
        arg += len + (arg[len] == ',');
    }
    return true;
}

/* FILE or FILE,offset=N */
bool opt_symbols(struct options *o, const char *name, const char *arg)
{
    char *at = strstr(arg, ",offset="), *end;
    if (o->nsymbols == MAX_SYMBOLS)
        return complain("-%s: at most %d files", name, MAX_SYMBOLS);
    o->profile_names |= !strcmp(name, "profile-symbols");
    struct orrery_symbols *s = &o->symbols[o->nsymbols++];
    s->path = arg;
    if (!at)
        return true;
    s->offset = strtoull(at + 8, &end, 0);
    if (!at[8] || *end)
        return complain("-%s: bad offset '%s'", name, at + 8);
    *at = 0;
    return true;
}

/* -s has no argument. */
bool opt_gdb(struct options *o, const char *name, const char *arg)
{
    if (o->gdb)
        return complain("-%s: there is one debugger at most", name);
    o->gdb = arg ? arg : "tcp::1234";
    return true;
}

bool opt_stop_on(struct options *o, const char *name, const char *arg)
{
    if (o->nstop_on == ORRERY_MAX_BREAKS)
        return complain("-%s: at most %d of them", name, ORRERY_MAX_BREAKS);
    o->stop_on[o->nstop_on++] = arg;
    return true;
}

bool opt_every(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (!parse_count(arg, &o->config.profile_every) || o->config.profile_every < 1000)
        return complain("-profile-every: '%s' is not a number of instructions (1000 or more)", arg);
    return true;
}

bool opt_screendump(struct options *o, const char *name, const char *arg)
{
    size_t len = strlen(arg);

    (void)name;
    o->screendump = arg;
    o->screendump_png = len >= 4 && !strcasecmp(arg + len - 4, ".png");
    return !o->screendump_png || orrery_can_png() ||
           complain("-screendump: built without libpng, '%s' must be a PPM", arg);
}
