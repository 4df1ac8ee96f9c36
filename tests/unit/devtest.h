/* A fake board for device tests: a bus, a clock that the test moves by hand, and a journal.
 * Tests talk to it in C or in a "bus script", one command per line or semicolon; a fuzzer's
 * finding pasted into one is a regression test.
 *
 *     out PORT VALUE        also outw, outl; hexadecimal
 *     in PORT [VALUE[&M]]   also inw, inl; checks the value (under mask M)
 *     wr ADDR VALUE         32 bits of memory; hexadecimal
 *     rd ADDR [VALUE]       checks them
 *     base VALUE            IA32_APIC_BASE; hexadecimal
 *     deadline TICK         of the APIC's timer; decimal
 *     step NS               decimal; runs the timers that come due, each at its time
 *     irq N LEVEL           checks the level of ISA line N
 *     edges N COUNT         checks how often it rose since the last `edges N`
 *     raise N, lower N      drives the line
 *     intr LEVEL            checks the controller's request
 *     ack VECTOR            interrupt acknowledge; hexadecimal
 *     a20 LEVEL
 *     # comment */
#ifndef TESTS_UNIT_DEVTEST_H
#define TESTS_UNIT_DEVTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "devices/core/chardev.h"
#include "devices/core/dev.h"
#include "devices/core/journal.h"
#include "mmu/phys.h"

#define DT_UNUSED __attribute__((unused))

struct devtest {
    struct clock clk;
    u64 ticks;
    struct journal *journal;
    struct bus *bus;
    bool level[BUS_GSIS];
    unsigned rises[BUS_GSIS];
    bool intr, a20;
    unsigned nmis;
    unsigned requests[4]; /* by enum bus_request */
    u32 request_arg;
    char out[4096]; /* what chardevs made with dt_chardev() wrote */
    size_t out_len;
    unsigned deadline_changes;
};

DT_UNUSED static u64 dt_ticks(void *opaque)
{
    return ((struct devtest *)opaque)->ticks;
}

DT_UNUSED static void dt_deadline(void *opaque)
{
    ((struct devtest *)opaque)->deadline_changes++;
}

DT_UNUSED static void dt_on_irq(void *opaque, int n, bool level)
{
    struct devtest *t = opaque;
    if (level && !t->level[n])
        t->rises[n]++;
    t->level[n] = level;
}

enum { DT_INTR, DT_NMI, DT_A20 };

DT_UNUSED static void dt_on_pin(void *opaque, int n, bool level)
{
    struct devtest *t = opaque;
    if (n == DT_INTR)
        t->intr = level;
    else if (n == DT_A20)
        t->a20 = level;
    else if (level)
        t->nmis++;
}

DT_UNUSED static void dt_on_request(void *opaque, enum bus_request what, u32 arg)
{
    struct devtest *t = opaque;
    t->requests[what]++;
    t->request_arg = arg;
}

DT_UNUSED static u64 dt_hash_now(void *opaque)
{
    struct devtest *t = opaque;
    struct hash h;
    hash_init(&h);
    clock_hash(&t->clk, &h);
    bus_hash(t->bus, &h);
    return hash_value(&h);
}

DT_UNUSED static struct devtest *dt_open(void)
{
    struct devtest *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    clock_init(&t->clk);
    clock_set_hooks(&t->clk, &(struct clock_hooks){dt_ticks, dt_deadline, t});
    t->journal = journal_create(&t->clk);
    journal_set_hooks(t->journal, &(struct journal_hooks){dt_hash_now, NULL, t});
    t->bus = bus_create(&t->clk, t->journal, NULL);
    t->bus->irq_watch = (struct irq_line){dt_on_irq, t, 0};
    t->bus->pins.intr = (struct irq_line){dt_on_pin, t, DT_INTR};
    t->bus->pins.nmi = (struct irq_line){dt_on_pin, t, DT_NMI};
    t->bus->pins.a20 = (struct irq_line){dt_on_pin, t, DT_A20};
    t->bus->hooks.request = dt_on_request;
    t->bus->hooks.opaque = t;
    return t;
}

DT_UNUSED static void dt_close(struct devtest *t)
{
    bus_destroy(t->bus);
    journal_destroy(t->journal);
    free(t);
}

DT_UNUSED static struct dev *dt_dev(struct devtest *t, const struct dev_type *type,
                                    const char *options)
{
    char err[200] = "";
    struct dev *dev = dev_create(t->bus, type, options, err, sizeof(err));
    if (!dev)
        fail_msg("%s", err);
    return dev;
}

DT_UNUSED static void dt_on_output(void *opaque, const void *data, size_t len)
{
    struct devtest *t = opaque;
    assert_true(t->out_len + len < sizeof(t->out));
    memcpy(t->out + t->out_len, data, len);
    t->out_len += len;
}

DT_UNUSED static void dt_chardev(struct devtest *t, struct chardev *c, const char *name)
{
    chardev_init(c, dt_on_output, t);
    bus_add_object(t->bus, CHARDEV_KIND, name, c);
}

/* Moves time to a tick, stopping wherever a timer or the journal is due, as the machine loop
 * does. */
DT_UNUSED static void dt_run_to(struct devtest *t, u64 target)
{
    for (;;) {
        u64 next = clock_next_ticks(&t->clk), input = journal_next(t->journal);
        next = input < next ? input : next;
        if (next > target)
            break;
        t->ticks = next > t->ticks ? next : t->ticks;
        clock_run(&t->clk, clock_now(&t->clk));
        journal_run(t->journal);
    }
    t->ticks = target;
}

DT_UNUSED static void dt_step(struct devtest *t, u64 ns)
{
    dt_run_to(t, t->ticks + ns);
}

DT_UNUSED static u32 dt_in(struct devtest *t, u16 port)
{
    return bus_in(t->bus, port, 1);
}

DT_UNUSED static void dt_out(struct devtest *t, u16 port, u32 value)
{
    bus_out(t->bus, port, 1, value);
}

DT_UNUSED static u64 dt_hash(struct devtest *t)
{
    return dt_hash_now(t);
}

DT_UNUSED static unsigned dt_width(const char *word)
{
    char last = word[strlen(word) - 1];
    return last == 'w' ? 2 : last == 'l' ? 4 : 1;
}

DT_UNUSED static void dt_expect(const char *line, unsigned long long is, unsigned long long wanted)
{
    if (is != wanted)
        fail_msg("'%s': got 0x%llx", line, is);
}

DT_UNUSED static void dt_in_command(struct devtest *t, const char *line, unsigned width)
{
    unsigned long port = 0, wanted = 0, mask = 0xffffffff;
    int words = sscanf(line, "%*s %lx %lx&%lx", &port, &wanted, &mask);
    u32 value = bus_in(t->bus, (u16)port, width);
    if (words >= 2)
        dt_expect(line, value & mask, wanted & mask);
}

/* Commands about memory and APIC; false if it is none of them. */
DT_UNUSED static bool dt_memory_command(struct devtest *t, const char *line, const char *word)
{
    unsigned long long a = 0, b = 0;
    int words = sscanf(line, "%*s %llx %llx", &a, &b);

    if (!strcmp(word, "wr")) {
        phys_write(t->bus->phys, a, 4, b);
    } else if (!strcmp(word, "rd")) {
        u64 value = phys_read(t->bus->phys, a, 4);
        if (words == 2)
            dt_expect(line, value, b);
    } else if (!strcmp(word, "base")) {
        bus_apic_set_base(t->bus, a);
    } else if (!strcmp(word, "deadline")) {
        bus_apic_set_deadline(t->bus, strtoull(line + strlen(word), NULL, 10));
    } else {
        return false;
    }
    return true;
}

DT_UNUSED static void dt_command(struct devtest *t, const char *line)
{
    char word[16] = "";
    unsigned long a = 0, b = 0;
    unsigned long long ns = 0;

    if (sscanf(line, " %15s", word) != 1 || word[0] == '#')
        return;
    if (!strncmp(word, "out", 3)) {
        assert_int_equal(sscanf(line, "%*s %lx %lx", &a, &b), 2);
        bus_out(t->bus, (u16)a, dt_width(word), (u32)b);
        return;
    }
    if (!strcmp(word, "in") || !strcmp(word, "inw") || !strcmp(word, "inl")) {
        dt_in_command(t, line, dt_width(word));
        return;
    }
    if (dt_memory_command(t, line, word))
        return;
    if (!strcmp(word, "ack")) {
        assert_int_equal(sscanf(line, "%*s %lx", &a), 1);
        dt_expect(line, (unsigned)bus_intack(t->bus), a);
        return;
    }
    if (!strcmp(word, "step")) {
        assert_int_equal(sscanf(line, "%*s %llu", &ns), 1);
        dt_step(t, ns);
        return;
    }
    assert_true(sscanf(line, "%*s %lu %lu", &a, &b) >= 1);
    struct irq_line irq = bus_irq(t->bus, a % BUS_GSIS);
    if (!strcmp(word, "irq")) {
        dt_expect(line, t->level[a % BUS_GSIS], b);
    } else if (!strcmp(word, "edges")) {
        dt_expect(line, t->rises[a % BUS_GSIS], b);
        t->rises[a % BUS_GSIS] = 0;
    } else if (!strcmp(word, "raise")) {
        irq_set(&irq, true);
    } else if (!strcmp(word, "lower")) {
        irq_set(&irq, false);
    } else if (!strcmp(word, "intr")) {
        dt_expect(line, t->intr, a);
    } else if (!strcmp(word, "a20")) {
        dt_expect(line, t->a20, a);
    } else {
        fail_msg("unknown command '%s'", line);
    }
}

DT_UNUSED static void dt_script(struct devtest *t, const char *script)
{
    char *copy = strdup(script), *rest = copy, *line;
    assert_non_null(copy);
    while ((line = strsep(&rest, "\n;"))) {
        while (*line == ' ')
            line++;
        dt_command(t, line);
    }
    free(copy);
}

#endif
