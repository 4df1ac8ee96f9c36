/* The machine's state as sections: see the header. A section is found by type and id, so that their
 * order and number may change; each of the machine must be there, and no others. */
#include "machine/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/core/dev.h"

/* What the machine keeps beside its parts. */
struct board {
    u8 boot; /* which order the next reset sets: 0 none, 1 the usual, 2 the one for once */
};

static const struct field board_fields[] = {
    FIELD_MAX(struct board, boot, 2),
    FIELD_END,
};

static const struct field machine_fields[] = {
    FIELD(struct orrery, reset_wanted),       FIELD(struct orrery, poweroff_wanted),
    FIELD(struct orrery, exit_wanted),        FIELD(struct orrery, init_wanted),
    FIELD(struct orrery, reset_from_outside), FIELD(struct orrery, exit_code),
    FIELD(struct orrery, port_value),         FIELD(struct orrery, resets),
    FIELD_ARRAY(struct orrery, irq_count),    FIELD(struct orrery, irq_level),
    FIELD(struct orrery, idle_ticks),         FIELD_END,
};

static const struct field clock_fields[] = {
    FIELD(struct clock, base_ns),
    FIELD(struct clock, base_ticks),
    FIELD(struct clock, num),
    FIELD(struct clock, den),
    FIELD_END,
};

static const struct field bus_fields[] = {
    FIELD(struct bus, a20_sources),
    FIELD(struct bus, nmi_masked),
    FIELD_END,
};

/* -- the TLB -- */

/* Words that are mostly 0: the others, each after its number. */
static void pack_bits(struct pack *out, const u64 *word, unsigned n)
{
    unsigned set = 0;

    for (unsigned i = 0; i < n; i++)
        set += word[i] != 0;
    pack_count(out, set);
    for (unsigned i = 0; i < n; i++)
        if (word[i]) {
            pack_count(out, i);
            pack_uint(out, word[i], 8);
        }
}

static void unpack_bits(struct unpack *in, u64 *word, unsigned n)
{
    for (u64 set = unpack_count(in); set && !in->failed; set--) {
        u64 i = unpack_count(in), bits = unpack_uint(in, 8);

        if (i < n)
            word[i] = bits;
        else
            in->failed = true;
    }
}

static void save_tlb(struct orrery *o, struct pack *out)
{
    struct mmu *m = &o->cpu->mmu;
    struct mmu_cached *list;
    u32 n = mmu_cached(m, &list);

    if (!list)
        out->failed = true;
    for (unsigned i = 0; i < MMU_LARGE_COUNT; i++)
        pack_bits(out, m->large[i], ARRAY_LEN(m->large[i]));
    pack_count(out, n);
    for (u32 i = 0; list && i < n; i++) {
        pack_count(out, list[i].key << 1 | list[i].global);
        pack_count(out, list[i].pa >> PAGE_BITS);
    }
    free(list);
    memcpy(o->cpu->window_seg, o->cpu->seg, sizeof(o->cpu->window_seg));
}

/* Version 1 had a list of large pages alone, which was short and not packed. */
static void load_large(unsigned version, u64 large[MMU_LARGE_COUNT][MMU_LARGE_WORDS],
                       struct unpack *in)
{
    memset(large, 0, MMU_LARGE_COUNT * sizeof(large[0]));
    for (unsigned i = 0; version == 1 && i < 16; i++)
        large[MMU_LARGE_4M][i] = unpack_uint(in, 8);
    for (unsigned i = 0; version > 1 && i < MMU_LARGE_COUNT; i++)
        unpack_bits(in, large[i], MMU_LARGE_WORDS);
}

/* Entries that have no memory can only be told when devices have mapped theirs: they are left out,
 * as the guest may see in any TLB. */
static void load_tlb(struct orrery *o, unsigned version, bool apply, struct unpack *in)
{
    struct mmu *m = &o->cpu->mmu;
    u64 large[MMU_LARGE_COUNT][MMU_LARGE_WORDS], n;
    struct mmu_cached *list;
    u32 kept = 0;

    load_large(version, large, in);
    n = unpack_count(in);
    if (n > (u64)(in->end - in->at) / 2)
        in->failed = true;
    if (in->failed)
        return;
    list = malloc((n + 1) * sizeof(*list));
    CHECK(list, "no memory for %llu entries of the TLB", (unsigned long long)n);
    for (u64 i = 0; i < n; i++) {
        u64 key = unpack_count(in), page = unpack_count(in);
        list[kept] = (struct mmu_cached){key >> 1, key & 1, page << PAGE_BITS};
        if (key >> 1 >= 2 * TLB_KEY_WIDE || page >> (64 - PAGE_BITS))
            in->failed = true;
        else if (apply && mmu_is_cacheable(m, &list[kept]))
            kept++;
    }
    if (apply) {
        mmu_cache(m, list, kept);
        memcpy(m->large, large, sizeof(large));
        memcpy(o->cpu->window_seg, o->cpu->seg, sizeof(o->cpu->window_seg));
    }
    free(list);
}

/* -- parts -- */

struct part {
    const char *type;
    unsigned version;
    void (*save)(struct orrery *o, struct pack *out);
    void (*load)(struct orrery *o, unsigned version, bool apply, struct unpack *in);
};

static void part_cpu_save(struct orrery *o, struct pack *out)
{
    cpu_save(o->cpu, out);
}

static void part_cpu_load(struct orrery *o, unsigned version, bool apply, struct unpack *in)
{
    cpu_load(o->cpu, version, apply, in);
}

static void part_clock_save(struct orrery *o, struct pack *out)
{
    fields_save(clock_fields, &o->clock, out);
}

static void part_clock_load(struct orrery *o, unsigned version, bool apply, struct unpack *in)
{
    struct clock clk = {0};
    u32 pace;

    fields_load(clock_fields, version, &clk, FIELDS_COPY, in);
    if (version < 2 && clk.num == clk.den) /* was left at 1:1 then */
        clk.num = clk.den = MACHINE_NS_PER_MS;
    pace = clk.num / MACHINE_PACE_NUM;
    if (clk.num != pace * MACHINE_PACE_NUM || clk.den != o->clock.den || pace < ORRERY_PACE ||
        pace > ORRERY_PACE_MAX || clk.base_ns >> 62 || clk.base_ticks >> 62)
        in->failed = true;
    if (!apply || in->failed)
        return;
    o->pace = pace;
    o->clock.base_ns = clk.base_ns;
    o->clock.base_ticks = clk.base_ticks;
    o->clock.num = clk.num;
}

static void part_machine_save(struct orrery *o, struct pack *out)
{
    struct board b = {!o->boot_wanted ? 0 : o->boot_wanted == o->boot_order ? 1 : 2};

    fields_save(board_fields, &b, out);
    fields_save(machine_fields, o, out);
    fields_save(bus_fields, o->bus, out);
}

static void part_machine_load(struct orrery *o, unsigned version, bool apply, struct unpack *in)
{
    struct board b = {0};
    struct orrery machine;
    struct bus *bus = malloc(sizeof(*bus));

    CHECK(bus, "out of memory");
    fields_load(board_fields, version, &b, FIELDS_COPY, in);
    fields_load(machine_fields, version, apply ? o : &machine, FIELDS_COPY, in);
    fields_load(bus_fields, version, apply ? o->bus : bus, FIELDS_COPY, in);
    free(bus);
    if (apply)
        o->boot_wanted = !b.boot ? NULL : b.boot == 1 ? o->boot_order : o->boot_once;
}

static void part_tlb_load(struct orrery *o, unsigned version, bool apply, struct unpack *in)
{
    load_tlb(o, version, apply, in);
}

/* In the order of loading: devices come before the last. Clock and count of instructions come
 * first, as timers are armed by them. */
static const struct part parts[] = {
    {"cpu", CPU_STATE_VERSION, part_cpu_save, part_cpu_load},
    {"clock", 2, part_clock_save, part_clock_load},
    {"machine", 1, part_machine_save, part_machine_load},
    {"tlb", 2, save_tlb, part_tlb_load},
};
enum { FIRST_PARTS = 3 };

/* -- saving -- */

/* Returns where the length stands, which end_section() sets. */
static size_t begin_section(struct pack *out, const char *type, const char *id, unsigned version)
{
    pack_text(out, type);
    pack_text(out, id);
    pack_uint(out, version, 2);
    pack_uint(out, 0, 4);
    return out->len - 4;
}

static void end_section(struct pack *out, size_t at)
{
    if (!out->failed)
        store_le(out->data + at, 4, out->len - at - 4);
}

static void save_part(struct orrery *o, const struct part *p, struct pack *out)
{
    size_t at = begin_section(out, p->type, "", p->version);
    p->save(o, out);
    end_section(out, at);
}

void state_save(struct orrery *o, struct pack *out)
{
    for (unsigned i = 0; i < FIRST_PARTS; i++)
        save_part(o, &parts[i], out);
    for (const struct dev *d = o->bus->devs; d; d = d->next) {
        size_t at = begin_section(out, d->type->name, d->id, d->type->version);
        fields_save(d->type->fields, d, out);
        end_section(out, at);
    }
    for (unsigned i = FIRST_PARTS; i < ARRAY_LEN(parts); i++)
        save_part(o, &parts[i], out);
}

/* -- loading -- */

struct section {
    const char *type, *id;
    unsigned version;
    struct unpack body;
};

static bool next_section(struct unpack *in, struct section *s)
{
    u64 len;

    s->type = unpack_text(in);
    s->id = unpack_text(in);
    s->version = (unsigned)unpack_uint(in, 2);
    len = unpack_uint(in, 4);
    s->body.at = unpack_bytes(in, len);
    s->body.end = in->at;
    s->body.failed = false;
    return !in->failed;
}

static bool find_section(const u8 *data, size_t len, const char *type, const char *id,
                         struct section *s)
{
    struct unpack in = {data, data + len, false};

    while (in.at < in.end && next_section(&in, s))
        if (!strcmp(s->type, type) && !strcmp(s->id, id))
            return true;
    return false;
}

static const struct part *find_part(const char *type)
{
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
        if (!strcmp(parts[i].type, type))
            return &parts[i];
    return NULL;
}

static bool refuse(char *err, size_t size, const struct section *s, const char *why)
{
    snprintf(err, size, "%s%s%s: %s", s->type, *s->id ? " " : "", s->id, why);
    return false;
}

/* Into a copy of the device. */
static void try_device(const struct dev *d, struct section *s)
{
    const struct dev_type *t = d->type;
    struct dev *copy = malloc(t->size);

    CHECK(copy, "out of memory");
    memcpy(copy, d, t->size);
    fields_load(t->fields, s->version, copy, FIELDS_COPY, &s->body);
    if (t->valid && !s->body.failed && !t->valid(copy))
        s->body.failed = true;
    free(copy);
}

static bool check_section(struct orrery *o, struct section *s, char *err, size_t size)
{
    const struct part *p = *s->id ? NULL : find_part(s->type);
    struct dev *d = p ? NULL : bus_find_dev(o->bus, s->id);

    if (!p && (!d || strcmp(d->type->name, s->type) != 0))
        return refuse(err, size, s, "this machine has no such device");
    if (!s->version || s->version > (p ? p->version : d->type->version))
        return refuse(err, size, s, "saved by a later version of Orrery");
    if (p)
        p->load(o, s->version, false, &s->body);
    else
        try_device(d, s);
    if (s->body.failed || s->body.at != s->body.end)
        return refuse(err, size, s, "its contents make no sense");
    return true;
}

/* Each of the machine's is there, and once. */
static bool check_complete(struct orrery *o, const u8 *data, size_t len, unsigned count, char *err,
                           size_t size)
{
    struct section s = {0};
    unsigned wanted = ARRAY_LEN(parts);

    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        if (!find_section(data, len, parts[i].type, "", &s)) {
            s = (struct section){.type = parts[i].type, .id = ""};
            return refuse(err, size, &s, "missing");
        }
    }
    for (const struct dev *d = o->bus->devs; d; d = d->next, wanted++) {
        if (!find_section(data, len, d->type->name, d->id, &s)) {
            s = (struct section){.type = d->type->name, .id = d->id};
            return refuse(err, size, &s, "the saved machine has no such device");
        }
    }
    if (count != wanted)
        snprintf(err, size, "there are %u parts instead of %u", count, wanted);
    return count == wanted;
}

bool state_check(struct orrery *o, const u8 *data, size_t len, char *err, size_t size)
{
    struct unpack in = {data, data + len, false};
    unsigned count = 0;

    for (; in.at < in.end; count++) {
        struct section s;
        if (!next_section(&in, &s)) {
            snprintf(err, size, "the machine's state ends too soon");
            return false;
        }
        if (!check_section(o, &s, err, size))
            return false;
    }
    return check_complete(o, data, len, count, err, size);
}

static void load_part(struct orrery *o, const struct part *p, const u8 *data, size_t len)
{
    struct section s;

    CHECK(find_section(data, len, p->type, "", &s), "no section %s", p->type);
    p->load(o, s.version, true, &s.body);
}

void state_load(struct orrery *o, const u8 *data, size_t len)
{
    struct section s;

    for (unsigned i = 0; i < FIRST_PARTS; i++)
        load_part(o, &parts[i], data, len);
    for (struct dev *d = o->bus->devs; d; d = d->next) {
        CHECK(find_section(data, len, d->type->name, d->id, &s), "no section %s", d->id);
        fields_load(d->type->fields, s.version, d, FIELDS_APPLY, &s.body);
    }
    for (struct dev *d = o->bus->devs; d; d = d->next)
        if (d->type->loaded)
            d->type->loaded(d);
    for (unsigned i = FIRST_PARTS; i < ARRAY_LEN(parts); i++)
        load_part(o, &parts[i], data, len);
}
