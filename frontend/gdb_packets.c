/* GDB's packets: what each asks for, and the answer. An empty answer says that a packet is not
 * known, which GDB takes well. (GDB manual, appendix E; QEMU's additions are in its docs/system/
 * gdb.rst.) */
#include "frontend/gdb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

/* ---- making answers ---- */

void gdb_put(struct gdb_reply *r, const char *fmt, ...)
{
    size_t room = sizeof(r->text) - r->n;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(r->text + r->n, room, fmt, ap);
    va_end(ap);
    CHECK(n >= 0 && (size_t)n < room, "an answer to GDB is too long");
    r->n += (size_t)n;
}

void gdb_put_hex(struct gdb_reply *r, const void *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;

    CHECK(2 * n < sizeof(r->text) - r->n, "an answer to GDB is too long");
    for (size_t i = 0; i < n; i++) {
        r->text[r->n++] = digits[bytes[i] >> 4];
        r->text[r->n++] = digits[bytes[i] & 15];
    }
    r->text[r->n] = 0;
}

void gdb_put_binary(struct gdb_reply *r, const void *data, size_t n)
{
    const char *bytes = data;

    CHECK(2 * n < sizeof(r->text) - r->n, "an answer to GDB is too long");
    for (size_t i = 0; i < n; i++) {
        bool special = bytes[i] && strchr("#$}*", bytes[i]);
        if (special)
            r->text[r->n++] = '}';
        r->text[r->n++] = special ? (char)(bytes[i] ^ 0x20) : bytes[i];
    }
    r->text[r->n] = 0;
}

static void ok(struct gdb_reply *r, bool well)
{
    gdb_put(r, well ? "OK" : "E16");
}

/* ---- taking packets apart ---- */

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool gdb_hex(const char *text, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Digits, and then a character that ends them (0: the end of the packet). */
static bool number(const char **at, char end, uint64_t *out)
{
    unsigned n = 0;

    *out = 0;
    for (; digit(**at) >= 0; ++*at, n++)
        *out = *out << 4 | (unsigned)digit(**at);
    if (!n || n > 16 || **at != end)
        return false;
    *at += end != 0;
    return true;
}

/* What follows the prefix; NULL: it is another packet. */
static const char *after(const char *data, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(data, prefix, n) ? NULL : data + n;
}

/* ---- registers, memory ---- */

static void read_registers(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)at;
    (void)n;
    gdb_put_registers(t, r);
}

/* Those that cannot be what GDB says stay as they are: it sends all of them for the sake of one. */
static void write_registers(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    const char *end = at + n;

    for (unsigned reg = 0; at < end; reg++) {
        size_t used = 0;
        gdb_write_register(t, reg, at, &used);
        if (!used || used > (size_t)(end - at))
            break;
        at += used;
    }
    ok(r, true);
}

static void read_register(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    uint64_t reg;

    (void)n;
    if (!number(&at, 0, &reg) || reg > 1000 || !gdb_put_register(t, (unsigned)reg, r))
        gdb_put(r, "E14");
}

static void write_register(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    uint64_t reg;
    size_t used;

    (void)n;
    ok(r, number(&at, '=', &reg) && reg <= 1000 && gdb_write_register(t, (unsigned)reg, at, &used));
}

static size_t read_some(struct gdb_target *t, uint64_t at, uint8_t *buf, size_t len)
{
    struct orrery *o = t->session->machine;
    size_t done = 0;

    if (t->physical) {
        orrery_peek_phys(o, at, buf, len);
        return len;
    }
    while (done < len) { /* as far as it is mapped */
        size_t n = 4096 - ((at + done) & 4095);
        n = n < len - done ? n : len - done;
        if (!orrery_read_linear(o, at + done, buf + done, n))
            break;
        done += n;
    }
    return done;
}

static void read_memory(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    uint8_t buf[GDB_PACKET / 2];
    uint64_t addr, len;

    (void)n;
    if (!number(&at, ',', &addr) || !number(&at, 0, &len)) {
        gdb_put(r, "E22");
        return;
    }
    len = len < sizeof(buf) ? len : sizeof(buf);
    n = read_some(t, addr, buf, len);
    if (len && !n)
        gdb_put(r, "E14");
    gdb_put_hex(r, buf, n);
}

static bool write(struct gdb_target *t, uint64_t addr, const uint8_t *data, size_t len)
{
    struct orrery *o = t->session->machine;

    return t->physical ? orrery_write_phys(o, addr, data, len)
                       : orrery_write_linear(o, addr, data, len);
}

static void write_memory(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    uint8_t buf[GDB_PACKET / 2];
    uint64_t addr, len;

    (void)n;
    if (!number(&at, ',', &addr) || !number(&at, ':', &len) || len > sizeof(buf) ||
        !gdb_hex(at, buf, len))
        gdb_put(r, "E22");
    else if (write(t, addr, buf, len))
        ok(r, true);
    else
        gdb_put(r, "E14");
}

static void write_binary(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    const char *end = at + n;
    uint8_t buf[GDB_PACKET];
    uint64_t addr, len;
    size_t got = 0;

    if (!number(&at, ',', &addr) || !number(&at, ':', &len)) {
        gdb_put(r, "E22");
        return;
    }
    while (at < end) {
        bool escaped = *at == '}' && at + 1 < end;
        at += escaped;
        buf[got++] = (uint8_t)(*at++ ^ (escaped ? 0x20 : 0));
    }
    if (got != len)
        gdb_put(r, "E22");
    else if (!len || write(t, addr, buf, len))
        ok(r, true);
    else
        gdb_put(r, "E14");
}

/* ---- break points ---- */

/* TYPE,ADDR,KIND: software, hardware, write, read, access. */
static bool parse_break(const struct gdb_target *t, const char *at, struct orrery_break *b,
                        bool *hardware)
{
    static const enum orrery_break_kind kinds[] = {ORRERY_BREAK_CODE, ORRERY_BREAK_CODE,
                                                   ORRERY_BREAK_WRITE, ORRERY_BREAK_READ,
                                                   ORRERY_BREAK_ACCESS};
    uint64_t type, addr, len;

    if (!number(&at, ',', &type) || type > 4 || !number(&at, ',', &addr) ||
        (!t->wide && addr > UINT32_MAX))
        return false;
    for (len = 0; digit(*at) >= 0 && len < 1 << 16; at++)
        len = len << 4 | (unsigned)digit(*at);
    *b = (struct orrery_break){kinds[type], addr, type < 2 ? 1 : (uint32_t)len};
    if (t->physical && type >= 2)
        b->kind = ORRERY_BREAK_PHYS_WRITE + (b->kind - ORRERY_BREAK_WRITE);
    *hardware = type == 1;
    return b->len >= 1 && b->len <= 4096;
}

static void add_break(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    struct orrery_break b;
    bool hardware;

    (void)n;
    if (!parse_break(t, at, &b, &hardware)) {
        gdb_put(r, "E22");
        return;
    }
    breaks_remove(t->session, BREAK_GDB, &b, hardware); /* twice is once */
    ok(r, breaks_add(t->session, BREAK_GDB, &b, hardware));
}

static void remove_break(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    struct orrery_break b;
    bool hardware;

    (void)n;
    if (!parse_break(t, at, &b, &hardware)) {
        gdb_put(r, "E22");
        return;
    }
    breaks_remove(t->session, BREAK_GDB, &b, hardware);
    ok(r, true);
}

/* ---- running ---- */

/* c, s with an address go there first. */
static bool go_to(struct gdb_target *t, const char *at)
{
    uint8_t value[8];
    uint64_t pc;

    if (!*at)
        return true;
    if (!number(&at, 0, &pc))
        return false;
    for (unsigned i = 0; i < sizeof(value); i++)
        value[i] = (uint8_t)(pc >> 8 * i);
    return orrery_write_register(t->session->machine, orrery_find_register("pc64"), value);
}

static void go(struct gdb_target *t, const char *at, bool step, struct gdb_reply *r)
{
    if (go_to(t, at))
        gdb_continue(t, step, r);
    else
        gdb_put(r, "E22");
}

static void run_continue(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)n;
    go(t, at, false, r);
}

static void run_step(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)n;
    go(t, at, true, r);
}

/* C and S: the signal means nothing to a machine. */
static const char *skip_signal(const char *at)
{
    at += strcspn(at, ";");
    return at + (*at == ';');
}

static void run_continue_signal(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)n;
    go(t, skip_signal(at), false, r);
}

static void run_step_signal(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)n;
    go(t, skip_signal(at), true, r);
}

static void run_back(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    if (n == 1 && (*at == 's' || *at == 'c'))
        gdb_reverse(t, *at == 's', r);
}

static void why(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)at;
    (void)n;
    session_pause(t->session);
    gdb_put_stop(t, r);
}

static void detach(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)at;
    (void)n;
    t->detached = true;
    breaks_clear(t->session, BREAK_GDB);
    session_resume(t->session);
    ok(r, true);
}

static void kill_guest(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)at;
    (void)n;
    t->waiting = false;
    r->raw = true;
    session_shutdown(t->session, "host-signal", false);
}

static void restart(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)at;
    (void)n;
    r->raw = true;
    session_reset(t->session, "host-qmp-system-reset");
}

static void extended(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)t;
    (void)at;
    ok(r, n == 0);
}

/* H, T: there is one thread. */
static void thread(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    (void)t;
    (void)at;
    (void)n;
    ok(r, true);
}

static void v_packet(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r)
{
    const char *rest;

    (void)n;
    if (!strcmp(at, "Cont?")) {
        gdb_put(r, "vCont;c;C;s;S");
    } else if ((rest = after(at, "Cont"))) {
        if (!gdb_vcont(t, rest, r))
            gdb_put(r, "E22");
    } else if (after(at, "Kill")) {
        ok(r, true);
        t->waiting = false;
        session_shutdown(t->session, "host-signal", false);
    }
}

/* ---- queries ---- */

static void supported(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    uint64_t first, last;

    t->swbreak = strstr(at, "swbreak+");
    t->hwbreak = strstr(at, "hwbreak+");
    gdb_put(r,
            "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak+;"
            "hwbreak+",
            GDB_PACKET - 16);
    if (orrery_history_range(t->session->machine, &first, &last))
        gdb_put(r, ";ReverseStep+;ReverseContinue+");
}

static void start_no_ack(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    (void)at;
    t->no_ack = true;
    ok(r, true);
}

/* features:read:target.xml:OFFSET,LENGTH. The description is that of the moment when its beginning
 * is read. */
static void features(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    uint64_t offset, len;
    size_t total, n;

    if (!(at = after(at, "target.xml:")) || !number(&at, ',', &offset) || !number(&at, 0, &len)) {
        gdb_put(r, "E00");
        return;
    }
    if (!offset || !t->xml) {
        free(t->xml);
        t->xml = gdb_description(t);
    }
    total = strlen(t->xml);
    offset = offset < total ? offset : total;
    n = total - offset;
    len = len < GDB_PACKET - 64 ? len : GDB_PACKET - 64;
    n = n < len ? n : len;
    gdb_put(r, offset + n == total ? "l" : "m");
    gdb_put_binary(r, t->xml + offset, n);
}

/* A line for the monitor; what it prints goes out before the answer. */
static void monitor(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    char line[LINE_MAX_BYTES], *out = NULL;
    size_t len = strlen(at) / 2, n = 0;
    FILE *f;

    if (len >= sizeof(line) || !gdb_hex(at, (uint8_t *)line, len)) {
        gdb_put(r, "E22");
        return;
    }
    line[len] = 0;
    f = open_memstream(&out, &n);
    CHECK(f, "out of memory");
    hmp_run(t->session, line, f, NULL);
    CHECK(!fclose(f), "out of memory");
    gdb_output(t, out, n);
    free(out);
    ok(r, true);
}

static void thread_info(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    const char *text = !t->session->paused                  ? "CPU#0 [running]"
                       : orrery_halted(t->session->machine) ? "CPU#0 [halted]"
                                                            : "CPU#0 [stopped]";

    (void)at;
    gdb_put_hex(r, text, strlen(text));
}

/* QEMU's. */
static void step_bits(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    (void)t;
    (void)at;
    gdb_put(r, "ENABLE=%x,NOIRQ=%x,NOTIMER=%x", GDB_STEP_ENABLE, GDB_STEP_NOIRQ, GDB_STEP_NOTIMER);
}

static void get_step(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    (void)at;
    gdb_put(r, "0x%x", t->step_bits);
}

static void set_step(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    uint64_t bits;

    if (!number(&at, 0, &bits) || bits > 7) {
        gdb_put(r, "E22");
        return;
    }
    t->step_bits = (unsigned)bits;
    ok(r, true);
}

static void get_physical(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    (void)at;
    gdb_put(r, "%d", t->physical);
}

static void set_physical(struct gdb_target *t, const char *at, struct gdb_reply *r)
{
    t->physical = *at == '1';
    ok(r, *at == '0' || *at == '1');
}

static const struct query {
    const char *name; /* with what ends it; the longer of two first */
    void (*run)(struct gdb_target *t, const char *at, struct gdb_reply *r);
    const char *answer; /* without run: always this */
} queries[] = {
    {"qSupported", supported, NULL},
    {"QStartNoAckMode", start_no_ack, NULL},
    {"qXfer:features:read:", features, NULL},
    {"qRcmd,", monitor, NULL},
    {"qAttached", NULL, "1"},
    {"qfThreadInfo", NULL, "m1"},
    {"qsThreadInfo", NULL, "l"},
    {"qThreadExtraInfo,", thread_info, NULL},
    {"qC", NULL, "QC1"},
    {"qqemu.sstepbits", step_bits, NULL},
    {"qqemu.sstep", get_step, NULL},
    {"Qqemu.sstep=", set_step, NULL},
    {"Qqemu.sstep:", set_step, NULL},
    {"qqemu.Supported", NULL, "sstepbits;sstep;PhyMemMode"},
    {"qqemu.PhyMemMode", get_physical, NULL},
    {"Qqemu.PhyMemMode:", set_physical, NULL},
};

static void query(struct gdb_target *t, const char *data, size_t n, struct gdb_reply *r)
{
    (void)n;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        const char *rest = after(data, queries[i].name);
        if (!rest)
            continue;
        if (queries[i].run)
            queries[i].run(t, rest, r);
        else
            gdb_put(r, "%s", queries[i].answer);
        return;
    }
}

static const struct packet {
    char letter;
    void (*run)(struct gdb_target *t, const char *at, size_t n, struct gdb_reply *r);
} packets[] = {
    {'?', why},
    {'!', extended},
    {'g', read_registers},
    {'G', write_registers},
    {'p', read_register},
    {'P', write_register},
    {'m', read_memory},
    {'M', write_memory},
    {'X', write_binary},
    {'Z', add_break},
    {'z', remove_break},
    {'c', run_continue},
    {'s', run_step},
    {'C', run_continue_signal},
    {'S', run_step_signal},
    {'b', run_back},
    {'v', v_packet},
    {'D', detach},
    {'k', kill_guest},
    {'R', restart},
    {'H', thread},
    {'T', thread},
};

void gdb_packet(struct gdb_target *t, const char *data, size_t n, struct gdb_reply *r)
{
    if (*data == 'q' || *data == 'Q') {
        query(t, data, n, r);
        return;
    }
    for (size_t i = 0; n && i < sizeof(packets) / sizeof(packets[0]); i++) {
        if (packets[i].letter == *data) {
            packets[i].run(t, data + 1, n - 1, r);
            return;
        }
    }
}
