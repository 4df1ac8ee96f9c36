/* The loop that lets the guest run in slices and sees to the host's events between them, and the
 * relation of the guest's time to the host's. Guest time is a function of instructions; here it is
 * only decided how long the host sleeps, or how much idle time passes at once. */
#include "frontend/session.h"

#include <errno.h>
#include <string.h>

#define SLICE_INSNS   2000000u /* a few milliseconds */
#define NS_PER_MS     1000000
#define MAX_LAG_NS    (100 * NS_PER_MS) /* a guest that is later than this does not catch up */
#define MAX_LEAD_NS   (2 * NS_PER_MS)   /* a busy guest may be this much ahead */
#define MAX_SLEEP_NS  (1000ull * NS_PER_MS)
#define FAR_NS        (1ull << 56) /* more time than matters */
#define PACED_NS      (3 * NS_PER_MS)
#define TRIAL_INSNS   1000u
#define PACE_NS       (50 * NS_PER_MS)
#define MAX_QUESTIONS 64

FILE *session_output(struct session *s, const char *option, const char *path)
{
    return session_file(s, option, path, false);
}

FILE *session_file(struct session *s, const char *option, const char *path, bool append)
{
    struct outfile *f = &s->files[s->nfiles];

    if (!outfile_open(f, path, append)) {
        complain("-%s: cannot write '%s': %s", option, path, strerror(errno));
        return NULL;
    }
    s->nfiles++;
    return f->file;
}

/* Guest time as wall time, and back. */
static uint64_t to_wall(const struct session *s, uint64_t ns)
{
    ns = ns < FAR_NS ? ns : FAR_NS;
    return s->speed ? ns / s->speed * 100 + ns % s->speed * 100 / s->speed : ns;
}

static uint64_t to_guest(const struct session *s, uint64_t ns)
{
    return s->speed ? ns * s->speed / 100 : ns;
}

/* By how much the guest's clock is ahead of the host's since they were set together; they are set
 * together anew when it is far behind, and when it is ahead and nobody minds. */
static int64_t lead(struct session *s)
{
    uint64_t wall = loop_now_ns(), guest = orrery_time_ns(s->machine);
    int64_t ahead = (int64_t)to_wall(s, guest - s->guest_ns) - (int64_t)(wall - s->wall_ns);

    if (ahead >= -MAX_LAG_NS && (s->paced || ahead <= 0))
        return ahead;
    s->wall_ns = wall;
    s->guest_ns = guest;
    return 0;
}

static int to_ms(uint64_t ns)
{
    ns = ns < MAX_SLEEP_NS ? ns : MAX_SLEEP_NS;
    return (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static int to_ms_left(int64_t ns)
{
    return ns > 0 ? to_ms((uint64_t)ns) : 0;
}

/* The guest waits for something. If somebody watches, wait with it by the wall clock; else let the
 * time pass at once. False when nothing can ever wake it. */
static bool idle(struct session *s)
{
    uint64_t left = orrery_idle_ns(s->machine);
    int64_t ahead;

    if (!s->waiting || s->options.config.replay) {
        orrery_idle_skip(s->machine, UINT64_MAX);
        loop_poll(&s->loop, 0);
        return left != UINT64_MAX;
    }
    ahead = lead(s);
    if (left == UINT64_MAX)
        loop_poll(&s->loop, to_ms(left));
    else
        loop_poll(&s->loop, to_ms_left((int64_t)to_wall(s, left) + ahead));
    ahead = lead(s);
    if (ahead < 0 && !s->paused) {
        uint64_t passed = to_guest(s, (uint64_t)-ahead);
        orrery_idle_skip(s->machine, left < passed ? left : passed);
    }
    return true;
}

/* Scripts ask in several commands what belongs together, as a register by its index: the next one,
 * if it comes at once, finds the guest where it was. But who never stops asking shall not hold it.
 */
static void hear_out(struct session *s)
{
    for (unsigned n = 0; s->asked && n < MAX_QUESTIONS; n++) {
        s->asked = false;
        loop_poll(&s->loop, 1);
    }
    s->asked = false;
}

/* The guest has used up its slice. */
static void busy(struct session *s)
{
    int64_t ahead = s->paced && !s->options.config.replay ? lead(s) : 0;

    loop_poll(&s->loop, ahead > MAX_LEAD_NS ? to_ms((uint64_t)ahead) : 0);
    hear_out(s);
}

/* ---- news ---- */

void session_observe(struct session *s, struct observer *observer)
{
    observer->next = s->observers;
    s->observers = observer;
}

void session_tell(struct session *s, struct news news)
{
    for (struct observer *o = s->observers; o; o = o->next)
        o->tell(o->opaque, &news);
}

static void look_at_clock(struct session *s)
{
    int64_t epoch = orrery_epoch(s->machine);

    if (!s->epoch[0])
        s->epoch[0] = s->epoch[1] = epoch;
    if (epoch != s->epoch[1])
        session_tell(s, (struct news){.kind = NEWS_RTC_CHANGE, .offset = epoch - s->epoch[0]});
    s->epoch[1] = epoch;
}

/* What the guest has done in the meantime. */
static void look(struct session *s)
{
    struct orrery_drive_state drive;

    if (!s->observers)
        return;
    look_at_clock(s);
    for (; s->resets < orrery_resets(s->machine); s->resets++) {
        session_tell(s, (struct news){.kind = NEWS_RESET,
                                      .guest = !s->resetter,
                                      .reason = s->resetter ? s->resetter : "guest-reset"});
        s->resetter = NULL;
    }
    for (unsigned n = 0; orrery_drive_state(s->machine, n, &drive); n++) {
        if (drive.tray_open == (s->trays >> n & 1))
            continue;
        s->trays ^= 1u << n;
        session_tell(
            s,
            (struct news){.kind = NEWS_TRAY_MOVED, .device = drive.name, .open = drive.tray_open});
    }
}

static const struct orrery_break *way_back(const struct session *s, struct orrery_break *b)
{
    *b = (struct orrery_break){ORRERY_BREAK_CODE, s->step.pc, 1};
    return b;
}

static void end_step(struct session *s)
{
    struct orrery_break b;

    if (s->step.interrupted)
        breaks_remove(s, BREAK_STEP, way_back(s, &b), false);
    s->step = (struct stepping){.on = false};
}

static void pause_for(struct session *s, struct cause cause)
{
    end_step(s);
    if (s->paused)
        return;
    s->cause = cause;
    s->paused = true;
    session_tell(s, (struct news){.kind = NEWS_STOP});
}

void session_pause(struct session *s)
{
    pause_for(s, (struct cause){.stop = ORRERY_RUNNING});
}

/* Both clocks start from here. */
static void set_clocks(struct session *s)
{
    s->wall_ns = loop_now_ns();
    s->guest_ns = orrery_time_ns(s->machine);
}

bool session_resume(struct session *s)
{
    if (s->down != ORRERY_RUNNING)
        return false;
    if (!s->paused)
        return true;
    s->paused = s->fresh = false;
    set_clocks(s);
    orrery_break_pass(s->machine);
    breaks_apply(s, s->step.on);
    session_tell(s, (struct news){.kind = NEWS_RESUME});
    return true;
}

bool session_step(struct session *s, bool into_interrupts)
{
    if (s->down != ORRERY_RUNNING || !s->paused)
        return false;
    s->step = (struct stepping){.on = true, .into_interrupts = into_interrupts};
    return session_resume(s);
}

void session_moved(struct session *s)
{
    set_clocks(s);
    s->resets = orrery_resets(s->machine);
    s->epoch[1] = orrery_epoch(s->machine);
    s->down = ORRERY_RUNNING;
    s->fresh = false;
}

void session_reset(struct session *s, const char *reason)
{
    s->resetter = reason;
    orrery_reset(s->machine);
}

void session_powerdown(struct session *s)
{
    orrery_powerdown(s->machine);
    session_tell(s, (struct news){.kind = NEWS_POWERDOWN});
}

void session_shutdown(struct session *s, const char *reason, bool guest)
{
    s->quit = true;
    session_tell(s, (struct news){.kind = NEWS_SHUTDOWN, .guest = guest, .reason = reason});
}

void session_print_place(const struct session *s, FILE *out)
{
    uint64_t cs = 0, eip = 0;
    char text[96];

    orrery_reg_by_name(s->machine, "cs", &cs);
    orrery_reg_by_name(s->machine, "eip", &eip);
    if (s->cause.stop == ORRERY_BREAK) {
        breaks_describe(&s->cause.met.what, text, sizeof(text));
        fprintf(out, "breakpoint %u: %s, by 0x%llx; ", s->cause.met.number, text,
                (unsigned long long)s->cause.at);
    }
    fprintf(out, "at %04x:%0*llx, %llu instructions\n", (unsigned)cs,
            orrery_code_bits(s->machine) == 64 ? 16 : 8, (unsigned long long)eip,
            (unsigned long long)orrery_retired(s->machine));
}

const char *session_status(const struct session *s)
{
    if (s->down != ORRERY_RUNNING)
        return "shutdown";
    return !s->paused                                          ? "running"
           : s->fresh                                          ? "prelaunch"
           : s->cause.stop == ORRERY_BREAK || s->cause.stepped ? "debug"
                                                               : "paused";
}

/* ---- running ---- */

/* A stop that a debugger wants to see the machine in. */
static bool is_for_looking(const struct session *s, enum orrery_stop stop)
{
    return (stop == ORRERY_TRIPLE && (s->debuggers || s->breaks.on_triple)) ||
           (stop == ORRERY_REPLAY_END && s->debuggers);
}

/* The machine has stopped for good; true: and so does the program. */
static bool ended(struct session *s, enum orrery_stop stop)
{
    bool reset = stop == ORRERY_RESET || stop == ORRERY_TRIPLE;
    const char *reason = reset ? "guest-reset" : "guest-shutdown";
    bool stay = s->options.no_shutdown && (reset || stop == ORRERY_POWEROFF);

    s->cause = (struct cause){.stop = stop};
    if (is_for_looking(s, stop)) {
        s->down = stop;
        pause_for(s, s->cause);
        return false;
    }
    if (reset && s->resetter)
        reason = s->resetter;
    session_tell(
        s, (struct news){.kind = NEWS_SHUTDOWN, .guest = !reset || !s->resetter, .reason = reason});
    s->resetter = NULL;
    if (!stay)
        return true;
    s->down = stop;
    pause_for(s, s->cause);
    return false;
}

static uint64_t linear_pc(const struct session *s)
{
    uint64_t pc = 0;

    orrery_reg_by_name(s->machine, "pc", &pc);
    return pc;
}

bool session_met(struct session *s)
{
    struct cause cause = {.stop = ORRERY_BREAK};
    struct orrery_break what;
    struct breakpoint *p;

    orrery_break_hit(s->machine, &what, &cause.at);
    p = breaks_hit(s, &what);
    if (!p || p->owner == BREAK_STEP)
        return false;
    cause.met = *p;
    s->cause = cause;
    return true;
}

/* A break point, in a run. One that has been taken out since the run began does not count. */
static void met_break(struct session *s)
{
    struct orrery_break back;

    if (session_met(s)) {
        if (s->cause.met.owner != BREAK_GDB && !s->debuggers)
            session_print_place(s, stderr);
        pause_for(s, s->cause);
    } else if (s->step.interrupted && linear_pc(s) == s->step.pc &&
               orrery_reg(s->machine, ORRERY_ESP) == s->step.esp) {
        breaks_remove(s, BREAK_STEP, way_back(s, &back), false);
        s->step.interrupted = false;
    }
}

/* A tick of a step has passed: was it the instruction, or an interrupt that came before it? */
static void stepped(struct session *s, uint64_t pc, uint64_t esp)
{
    struct orrery_break back;

    s->step.pc = pc;
    s->step.esp = esp;
    s->step.interrupted = orrery_interrupted(s->machine) && !s->step.into_interrupts &&
                          breaks_add(s, BREAK_STEP, way_back(s, &back), false);
    if (s->step.interrupted)
        breaks_apply(s, false);
    else
        pause_for(s, (struct cause){.stop = ORRERY_RUNNING, .stepped = true});
}

/* The guest stands: what has come from outside happens at once, then the host waits for more. */
static enum orrery_stop stand(struct session *s)
{
    uint64_t resets = orrery_resets(s->machine);
    enum orrery_stop stop = s->paused ? orrery_run(s->machine, 0) : ORRERY_RUNNING;

    if (resets != orrery_resets(s->machine)) {
        s->down = ORRERY_RUNNING;
        s->fresh = true;
    }
    if (stop != ORRERY_RUNNING && stop != ORRERY_IDLE && stop != ORRERY_STUCK && stop != s->down)
        return stop;
    look(s);
    loop_poll(&s->loop, -1);
    return ORRERY_RUNNING;
}

/* How many instructions until the host has its turn. Where the guest keeps to the wall clock not
 * too much of its time may pass at once: slow CPU models take seconds for a full slice. Its clock
 * runs evenly, so one trial tells. */
static uint64_t slice_insns(struct session *s)
{
    uint64_t insns;

    if (!s->paced)
        return SLICE_INSNS;
    if (!s->trial_ns)
        return TRIAL_INSNS;
    insns = TRIAL_INSNS * (uint64_t)PACED_NS / s->trial_ns;
    return insns < TRIAL_INSNS ? TRIAL_INSNS : insns < SLICE_INSNS ? insns : SLICE_INSNS;
}

/* Only for somebody who is there: a run that nobody works with shall repeat without a recording. */
static bool adapts_pace(const struct session *s)
{
    return s->watched && s->paced && !s->options.display.free_running && !s->options.config.replay;
}

/* A host that needs longer for an instruction than the guest's clock says would let the guest's
 * time fall behind the wall clock's as long as the guest is busy, and a guest that polls is always
 * busy: its clocks would go slow, and what is typed would come too early. So an instruction lasts
 * as long as the host needs for it. `host_ns` were needed for `guest_ns` of the guest's time. */
static void look_at_pace(struct session *s, uint64_t host_ns, uint64_t guest_ns)
{
    uint64_t pace, now = orrery_pace(s->machine);

    s->ran.host_ns += host_ns;
    s->ran.guest_ns += guest_ns;
    if (s->ran.host_ns < PACE_NS || !s->ran.guest_ns)
        return;
    pace = to_guest(s, s->ran.host_ns) * now / s->ran.guest_ns;
    s->ran.host_ns = s->ran.guest_ns = 0;
    pace = pace < ORRERY_PACE ? ORRERY_PACE : pace < ORRERY_PACE_MAX ? pace : ORRERY_PACE_MAX;
    if (pace < now + now / 8 && pace + now / 8 > now)
        return;
    s->trial_ns = 0;
    orrery_set_pace(s->machine, (uint32_t)pace);
}

/* One slice; what it has stopped for but for time. */
static enum orrery_stop slice(struct session *s)
{
    bool single = s->step.on && !s->step.interrupted;
    uint64_t insns = single ? 1 : slice_insns(s), before = orrery_time_ns(s->machine);
    uint64_t began = loop_now_ns();
    uint64_t pc = linear_pc(s), esp = orrery_reg(s->machine, ORRERY_ESP);
    enum orrery_stop stop;

    if (single)
        orrery_interrupted(s->machine);
    orrery_keep_triple(s->machine, s->debuggers || s->breaks.on_triple);
    stop = orrery_run(s->machine, insns);
    if (!single && adapts_pace(s))
        look_at_pace(s, loop_now_ns() - began, orrery_time_ns(s->machine) - before);
    if (stop == ORRERY_IDLE || (stop == ORRERY_STUCK && s->watched))
        return idle(s) ? ORRERY_RUNNING : ORRERY_STUCK;
    if (stop == ORRERY_BREAK) {
        met_break(s);
        stop = ORRERY_RUNNING;
    } else if (stop == ORRERY_RUNNING && single) {
        stepped(s, pc, esp);
    } else if (stop == ORRERY_RUNNING && insns == TRIAL_INSNS) {
        s->trial_ns = orrery_time_ns(s->machine) - before;
    }
    if (stop == ORRERY_RUNNING)
        busy(s);
    return stop;
}

enum orrery_stop session_run(struct session *s)
{
    set_clocks(s);
    s->fresh = s->paused || s->options.stopped;
    s->paused = s->fresh;
    breaks_apply(s, false);
    while (!s->quit && !loop_interrupted()) {
        enum orrery_stop stop = s->paused || s->held ? stand(s) : slice(s);

        look(s);
        if (stop != ORRERY_RUNNING && ended(s, stop))
            return stop;
    }
    if (!s->quit)
        session_shutdown(s, "host-signal", false);
    return ORRERY_RUNNING;
}
