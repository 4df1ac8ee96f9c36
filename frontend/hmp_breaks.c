/* The text monitor's commands about break points and stepping. */
#include <stdlib.h>
#include <string.h>

#include "frontend/gdb.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

#define MAX_STEPS 10000000

/* A linear address, or SEGMENT:OFFSET of real mode. */
static bool address(struct hmp *h, bool phys, uint64_t *linear)
{
    uint64_t first, offset;

    if (!hmp_value(h, &first))
        return false;
    *linear = phys ? first : orrery_linear(h->session->machine, first);
    if (hmp_at_end(h) || *h->args != ':')
        return true;
    h->args++;
    if (!hmp_value(h, &offset))
        return false;
    *linear = (uint32_t)((first << 4) + offset);
    return true;
}

static bool add(struct hmp *h, struct orrery_break what)
{
    struct session *s = h->session;
    char text[96];

    if (what.len < 1 || (what.kind <= ORRERY_BREAK_ACCESS && what.len > 4096))
        return hmp_fail(h, "1 to 4096 bytes can be watched");
    if (!breaks_add(s, BREAK_USER, &what, false))
        return hmp_fail(h, "there are %d break points already", ORRERY_MAX_BREAKS);
    if (!s->paused)
        breaks_apply(s, false);
    breaks_describe(&what, text, sizeof(text));
    fprintf(h->out, "breakpoint %u: %s\n", s->breaks.numbers, text);
    return true;
}

static bool run_break(struct hmp *h)
{
    struct orrery_break what = {ORRERY_BREAK_CODE, 0, 1};

    return address(h, false, &what.linear) && add(h, what);
}

/* r, w or a, if it is next. */
static bool direction(struct hmp *h, struct orrery_break *what)
{
    static const char letters[] = "wra"; /* in the order of the kinds */
    char word[8];
    const char *at;

    if (hmp_at_end(h))
        return true;
    hmp_word(h, word, sizeof(word));
    at = *word && !word[1] ? strchr(letters, *word) : NULL;
    if (!at)
        return hmp_fail(h, "'%s' is none of r, w, a", word);
    what->kind += (enum orrery_break_kind)(at - letters);
    return true;
}

static bool run_watch(struct hmp *h)
{
    struct orrery_break what = {ORRERY_BREAK_WRITE, 0, 4};
    uint64_t len = 4;

    hmp_at_end(h);
    if (!strncmp(h->args, "phys ", 5)) {
        h->args += 5;
        what.kind = ORRERY_BREAK_PHYS_WRITE;
    }
    if (!address(h, what.kind == ORRERY_BREAK_PHYS_WRITE, &what.linear))
        return false;
    if (!hmp_at_end(h) && !strchr("rwa", *h->args) && !hmp_value(h, &len))
        return false;
    if (len > UINT32_MAX)
        return hmp_fail(h, "there is no such length");
    what.len = (uint32_t)len;
    return direction(h, &what) && add(h, what);
}

static bool run_stop_on(struct hmp *h)
{
    struct session *s = h->session;
    char err[256];

    if (!breaks_stop_on(s, h->args, err, sizeof(err)))
        return hmp_fail(h, "%s", err);
    h->args = "";
    if (!s->paused)
        breaks_apply(s, false);
    return true;
}

static bool run_delete(struct hmp *h)
{
    struct session *s = h->session;
    uint64_t number;

    if (hmp_at_end(h)) {
        breaks_clear(s, BREAK_USER);
        s->breaks.on_triple = false;
    } else if (!hmp_value(h, &number)) {
        return false;
    } else if (number > UINT32_MAX || !breaks_delete(s, (unsigned)number)) {
        return hmp_fail(h, "there is no breakpoint %llu", (unsigned long long)number);
    }
    if (!s->paused)
        breaks_apply(s, false);
    return true;
}

/* One instruction, or one delivery of an interrupt; false: there will be no other. */
static bool step(struct session *s)
{
    enum orrery_stop stop = orrery_run(s->machine, 1);

    while (stop == ORRERY_IDLE && orrery_idle_ns(s->machine) != UINT64_MAX) {
        orrery_idle_skip(s->machine, UINT64_MAX);
        stop = orrery_run(s->machine, 1);
    }
    if (stop == ORRERY_BREAK)
        session_met(s);
    return stop == ORRERY_RUNNING;
}

static bool run_step(struct hmp *h)
{
    struct session *s = h->session;
    uint64_t n = 1;

    if (!hmp_at_end(h) && !hmp_value(h, &n))
        return false;
    if (s->down != ORRERY_RUNNING)
        return hmp_fail(h, "Error: Resetting the Virtual Machine is required");
    session_pause(s);
    orrery_break_pass(s->machine);
    breaks_apply(s, false);
    s->fresh = false;
    s->cause = (struct cause){.stepped = true};
    for (n = n < MAX_STEPS ? n : MAX_STEPS; n && step(s); n--)
        ;
    session_print_place(s, h->out);
    return true;
}

static bool run_gdbserver(struct hmp *h)
{
    char device[256];

    if (!hmp_word(h, device, sizeof(device)))
        strcpy(device, "tcp::1234");
    if (!gdb_move(h->session, device))
        return hmp_fail(h, "Could not open gdbserver on device '%s'", device);
    if (!strcmp(device, "none"))
        fputs("Disabled gdbserver\n", h->out);
    else
        fprintf(h->out, "Waiting for gdb connection on device '%s'\n", device);
    return true;
}

const struct hmp_command hmp_break_commands[] = {
    {"gdbserver", NULL, "[device]",
     "start gdbserver on given device (default 'tcp::1234'), stop with 'none'", run_gdbserver},
    {"break", "b", "addr", "stop before the instruction at a linear address or SEG:OFF", run_break},
    {"watch", NULL, "[phys] addr [len] [r|w|a]",
     "stop after an access: write (default), read or any; by physical address DMA counts, too",
     run_watch},
    {"stop-on", "stop_on", "event",
     "stop at magic | mode [pe|pg|vm|smm] | vector A[-B] | port A[-B] [r|w] | mmio A[-B] [r|w] | "
     "cr3 [value] | triple",
     run_stop_on},
    {"delete", NULL, "[number]", "remove a breakpoint, or all of the monitor's", run_delete},
    {"step", "stepi|si", "[n]", "execute n instructions and stand", run_step},
    {NULL, NULL, NULL, NULL, NULL},
};
