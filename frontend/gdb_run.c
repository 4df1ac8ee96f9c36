/* Letting the guest run for GDB, forwards and back, and telling it why the guest stands. */
#include "frontend/gdb.h"

#include <inttypes.h>
#include <string.h>

#include "frontend/session.h"

/* Signals, which stand for reasons: GDB's numbers. A guest's faults are the guest's own affair and
 * never stop it. */
enum { SIG_INT = 2, SIG_QUIT = 3, SIG_TRAP = 5, SIG_ABRT = 6 };

void gdb_continue(struct gdb_target *t, bool step, struct gdb_reply *r)
{
    struct session *s = t->session;
    bool going;

    if (step)
        going = session_step(s, !(t->step_bits & GDB_STEP_NOIRQ));
    else
        going = session_resume(s);
    if (!going) { /* after a triple fault nothing but a reset helps */
        gdb_put_stop(t, r);
        return;
    }
    t->waiting = true;
    r->raw = true;
}

/* "c", "s:1;c" ...: there is one thread, so the first action is the one. */
bool gdb_vcont(struct gdb_target *t, const char *actions, struct gdb_reply *r)
{
    if (*actions != ';' || !actions[1] || !strchr("cCsS", actions[1]))
        return false;
    gdb_continue(t, actions[1] == 's' || actions[1] == 'S', r);
    return true;
}

void gdb_reverse(struct gdb_target *t, bool step, struct gdb_reply *r)
{
    struct session *s = t->session;
    struct cause cause = {.stepped = step};
    uint64_t first, last;

    if (!orrery_history_range(s->machine, &first, &last)) {
        gdb_put(r, "E06");
        return;
    }
    if (step) {
        cause.stop = orrery_step_back(s->machine);
    } else {
        breaks_apply(s, false);
        cause.stop = orrery_run_back(s->machine);
    }
    s->cause = cause;
    if (cause.stop == ORRERY_BREAK)
        session_met(s);
    session_moved(s);
    gdb_put_stop(t, r);
}

/* ---- stop replies ---- */

static void put_break(const struct gdb_target *t, const struct cause *c, struct gdb_reply *r)
{
    static const char *const watch[] = {
        [ORRERY_BREAK_WRITE] = "watch",      [ORRERY_BREAK_READ] = "rwatch",
        [ORRERY_BREAK_ACCESS] = "awatch",    [ORRERY_BREAK_PHYS_WRITE] = "watch",
        [ORRERY_BREAK_PHYS_READ] = "rwatch", [ORRERY_BREAK_PHYS_ACCESS] = "awatch",
    };
    const struct orrery_break *what = &c->met.what;

    if (c->met.owner != BREAK_GDB)
        return;
    if (what->kind == ORRERY_BREAK_CODE) {
        if (c->met.hardware ? t->hwbreak : t->swbreak)
            gdb_put(r, c->met.hardware ? "hwbreak:;" : "swbreak:;");
        return;
    }
    /* The address that was asked for: an access may begin before it. */
    gdb_put(r, "%s:%" PRIx64 ";", watch[what->kind],
            c->at - what->linear < what->len ? c->at : what->linear);
}

static unsigned signal_of(const struct gdb_target *t, const struct cause *c)
{
    switch (c->stop) {
    case ORRERY_TRIPLE: return SIG_ABRT;
    case ORRERY_POWEROFF:
    case ORRERY_RESET: return SIG_QUIT;
    case ORRERY_RUNNING: return c->stepped || !t->waiting ? SIG_TRAP : SIG_INT;
    default: return SIG_TRAP;
    }
}

void gdb_put_stop(const struct gdb_target *t, struct gdb_reply *r)
{
    static const unsigned expedited[2][3] = {{4, 5, 8}, {6, 7, 16}}; /* (E|R)SP, BP, IP */
    const struct cause *c = &t->session->cause;

    gdb_put(r, "T%02xthread:1;", signal_of(t, c));
    if (c->stop == ORRERY_BREAK)
        put_break(t, c, r);
    if (c->stop == ORRERY_BEGIN)
        gdb_put(r, "replaylog:begin;");
    if (c->stop == ORRERY_REPLAY_END)
        gdb_put(r, "replaylog:end;");
    for (unsigned i = 0; i < 3; i++) {
        unsigned reg = expedited[t->wide][i];
        gdb_put(r, "%02x:", reg);
        gdb_put_register(t, reg, r);
        gdb_put(r, ";");
    }
}

bool gdb_explain(const struct gdb_target *t, char *text, size_t size)
{
    const struct session *s = t->session;
    FILE *out;
    bool words = true;

    text[0] = 0;
    out = fmemopen(text, size, "w");
    if (!out)
        return false;
    if (s->cause.stop == ORRERY_TRIPLE)
        orrery_report_shutdown(s->machine, out);
    else if (s->cause.stop == ORRERY_BREAK && s->cause.met.owner != BREAK_GDB)
        session_print_place(s, out);
    else
        words = false;
    fclose(out);
    text[size - 1] = 0;
    return words;
}
