/* The front panel: reset, power button, NMI; ports read and written from outside; registers and
 * memory that a debugger writes. All of it is input, so it enters through the journal (channel
 * "machine") and a replay repeats it; what is known of a future that it changes is dropped. A
 * record is one byte, what is done, and its arguments: size, port (2 bytes), value (4); register,
 * value (4 or 8); physical address (8), bytes; pace (4). */
#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "devices/core/journal.h"
#include "devices/piix4_pm.h"
#include "machine/machine.h"

#include <string.h>

enum {
    OP_RESET = 'r',
    OP_NMI = 'n',
    OP_IN = 'i',
    OP_OUT = 'o',
    OP_REG = 'g',
    OP_MEMORY = 'm',
    OP_REGISTER = 'G',
    OP_PACE = 'p'
};
enum {
    PORT_RECORD = 8,
    REG_RECORD = 6,
    WIDE_RECORD = 10,
    MEMORY_HEAD = 9,
    PIECE = 65536,
    PACE_RECORD = 5
};

static void on_reset(struct orrery *o, const u8 *r, size_t len)
{
    (void)r;
    (void)len;
    o->reset_wanted = o->reset_from_outside = true;
    o->cpu->events |= EV_STOP;
}

static void on_nmi(struct orrery *o, const u8 *r, size_t len)
{
    (void)r;
    (void)len;
    bus_nmi(o->bus);
}

static bool is_port(const u8 *r, size_t len)
{
    return len == PORT_RECORD && (r[1] == 1 || r[1] == 2 || r[1] == 4);
}

static void on_in(struct orrery *o, const u8 *r, size_t len)
{
    if (is_port(r, len))
        o->port_value = bus_in(o->bus, (u16)load_le(r + 2, 2), r[1]);
}

static void on_out(struct orrery *o, const u8 *r, size_t len)
{
    if (is_port(r, len))
        bus_out(o->bus, (u16)load_le(r + 2, 2), r[1], (u32)load_le(r + 4, 4));
}

static void on_reg(struct orrery *o, const u8 *r, size_t len)
{
    if (len == REG_RECORD || len == WIDE_RECORD)
        machine_set_reg(o, r[1], load_le(r + 2, (unsigned)len - 2));
}

static void on_memory(struct orrery *o, const u8 *r, size_t len)
{
    o->write_done = len >= MEMORY_HEAD &&
                    phys_dma_write(o->phys, load_le(r + 1, 8), r + MEMORY_HEAD, len - MEMORY_HEAD);
}

/* The TSC goes by the same clock as everything else, so what guests measure of one by the other
 * stays true. */
static void on_pace(struct orrery *o, const u8 *r, size_t len)
{
    u32 pace = len == PACE_RECORD ? (u32)load_le(r + 1, 4) : 0;

    if (pace < ORRERY_PACE || pace > ORRERY_PACE_MAX)
        return;
    o->pace = pace;
    clock_set_scale(&o->clock, MACHINE_PACE_NUM * pace, o->cpu->model->kips);
    cpu_set_pace(o->cpu, pace);
}

static void on_register(struct orrery *o, const u8 *r, size_t len)
{
    o->write_done = len > 2 && machine_set_register(o, r[1], r + 2, len - 2);
}

/* What comes first in a record, and who takes the record. */
static const struct {
    u8 op;
    void (*run)(struct orrery *o, const u8 *record, size_t len);
} ops[] = {
    {OP_RESET, on_reset}, {OP_NMI, on_nmi},       {OP_IN, on_in},     {OP_OUT, on_out},
    {OP_REG, on_reg},     {OP_MEMORY, on_memory}, {OP_PACE, on_pace}, {OP_REGISTER, on_register},
};

/* Journal sink. */
static void on_input(void *opaque, const void *data, size_t len)
{
    const u8 *record = data;

    for (size_t i = 0; len && i < ARRAY_LEN(ops); i++)
        if (ops[i].op == record[0])
            ops[i].run(opaque, record, len);
}

void machine_add_control(struct orrery *o)
{
    o->control = journal_add_channel(o->journal, "machine", on_input, o);
}

static void input(struct orrery *o, u8 op)
{
    if (history_disturb(o))
        journal_input(o->journal, o->control, &op, 1);
}

void orrery_reset(struct orrery *o)
{
    input(o, OP_RESET);
}

void orrery_nmi(struct orrery *o)
{
    input(o, OP_NMI);
}

void orrery_powerdown(struct orrery *o)
{
    int channel = journal_find_channel(o->journal, POWER_BUTTON_CHANNEL);

    if (channel >= 0 && history_disturb(o))
        journal_input(o->journal, channel, "", 1);
}

bool control_now(struct orrery *o, const void *record, size_t len)
{
    if (!history_disturb(o))
        return false;
    journal_input(o->journal, o->control, record, len);
    clock_run(&o->clock, clock_now(&o->clock));
    journal_run(o->journal);
    return true;
}

void orrery_keep_triple(struct orrery *o, bool keep)
{
    o->keep_triple = keep;
}

uint32_t orrery_pace(const struct orrery *o)
{
    return o->pace;
}

/* In the past it is what it was. */
void orrery_set_pace(struct orrery *o, uint32_t pace)
{
    u8 record[PACE_RECORD] = {OP_PACE};

    store_le(record + 1, 4, pace);
    if (pace != o->pace && !journal_is_past(o->journal))
        journal_input(o->journal, o->control, record, sizeof(record));
}

bool orrery_write_register(struct orrery *o, int reg, const uint8_t *value)
{
    u8 record[2 + ORRERY_REGISTER_MAX] = {OP_REGISTER, (u8)reg};
    unsigned bytes = orrery_register_bytes(reg);

    memcpy(record + 2, value, bytes);
    o->write_done = false;
    return control_now(o, record, 2 + bytes) && o->write_done;
}

static bool port_now(struct orrery *o, u8 op, unsigned size, u16 port, u32 value)
{
    u8 record[PORT_RECORD] = {op, (u8)size};

    store_le(record + 2, 2, port);
    store_le(record + 4, 4, value);
    return control_now(o, record, sizeof(record));
}

bool orrery_port_in(struct orrery *o, uint16_t port, unsigned size, uint32_t *value)
{
    if (!port_now(o, OP_IN, size, port, 0))
        return false;
    *value = o->port_value;
    return true;
}

bool orrery_port_out(struct orrery *o, uint16_t port, unsigned size, uint32_t value)
{
    return port_now(o, OP_OUT, size, port, value);
}

bool orrery_set_reg(struct orrery *o, unsigned reg, uint64_t value)
{
    u8 record[WIDE_RECORD] = {OP_REG, (u8)reg};
    size_t len = value >> 32 ? WIDE_RECORD : REG_RECORD;

    store_le(record + 2, 8, value);
    return control_now(o, record, len);
}

bool orrery_write_phys(struct orrery *o, uint64_t addr, const void *buf, size_t len)
{
    const u8 *in = buf;
    bool ok = true;

    for (size_t done = 0; ok && done < len;) {
        size_t n = len - done < PIECE ? len - done : PIECE;
        u8 record[MEMORY_HEAD + PIECE] = {OP_MEMORY};
        store_le(record + 1, 8, addr + done);
        memcpy(record + MEMORY_HEAD, in + done, n);
        ok = control_now(o, record, MEMORY_HEAD + n) && o->write_done;
        done += n;
    }
    return ok;
}

uint64_t orrery_resets(const struct orrery *o)
{
    return o->resets;
}
