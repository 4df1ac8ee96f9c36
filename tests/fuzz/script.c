/* Parser, printer and runner of bus scripts. One table says of each command how its words are
 * written and what it does, so that what is printed can be read again. */
#define _GNU_SOURCE /* strsep() */
#include "tests/fuzz/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "mmu/phys.h"

/* ---- what the commands do; the result is what `expect` is about ---- */

static u64 run_out(struct devtest *t, const struct op *op)
{
    bus_out(t->bus, (u16)op->at, op->size, (u32)op->value);
    return 0;
}

static u64 run_in(struct devtest *t, const struct op *op)
{
    return bus_in(t->bus, (u16)op->at, op->size);
}

static u64 run_outs(struct devtest *t, const struct op *op)
{
    for (unsigned i = 0; i < op->times; i++)
        run_out(t, op);
    return 0;
}

static u64 run_ins(struct devtest *t, const struct op *op)
{
    for (unsigned i = 0; i < op->times; i++)
        run_in(t, op);
    return 0;
}

/* What would reach into the next page is moved. */
static paddr within_page(const struct op *op)
{
    return (op->at & PAGE_MASK) + op->size > PAGE_SIZE ? op->at & ~(u64)(op->size - 1) : op->at;
}

static u64 run_write(struct devtest *t, const struct op *op)
{
    phys_write(t->bus->phys, within_page(op), op->size, op->value);
    return 0;
}

static u64 run_read(struct devtest *t, const struct op *op)
{
    return phys_read(t->bus->phys, within_page(op), op->size);
}

static u64 run_mem(struct devtest *t, const struct op *op)
{
    bus_dma_write(t->bus, op->at, op->bytes, op->size);
    return 0;
}

static u64 run_ram(struct devtest *t, const struct op *op)
{
    u8 bytes[OP_BYTES];
    return bus_dma_read(t->bus, op->at, bytes, op->size) && !memcmp(bytes, op->bytes, op->size);
}

static u64 run_base(struct devtest *t, const struct op *op)
{
    bus_apic_set_base(t->bus, op->at);
    return 0;
}

static u64 run_deadline(struct devtest *t, const struct op *op)
{
    bus_apic_set_deadline(t->bus, op->at);
    return 0;
}

static u64 run_step(struct devtest *t, const struct op *op)
{
    dt_run_to(t, t->ticks + op->at);
    return 0;
}

static u64 run_input(struct devtest *t, const struct op *op)
{
    int channel = journal_find_channel(t->journal, op->name);
    if (channel >= 0)
        journal_input(t->journal, channel, op->bytes, op->size);
    return 0;
}

static u64 run_inputs(struct devtest *t, const struct op *op)
{
    int channel = journal_find_channel(t->journal, op->name);
    u8 *data = malloc(OP_BYTES * OP_TIMES);

    CHECK(data, "out of memory");
    for (unsigned i = 0; i < op->times; i++)
        memcpy(data + i * op->size, op->bytes, op->size);
    if (channel >= 0)
        journal_input(t->journal, channel, data, op->times * op->size);
    free(data);
    return 0;
}

static u64 run_reset(struct devtest *t, const struct op *op)
{
    (void)op;
    bus_reset(t->bus);
    return 0;
}

static u64 run_irq(struct devtest *t, const struct op *op)
{
    return t->level[op->at % BUS_GSIS];
}

static u64 run_edges(struct devtest *t, const struct op *op)
{
    unsigned rises = t->rises[op->at % BUS_GSIS];
    t->rises[op->at % BUS_GSIS] = 0;
    return rises;
}

static u64 drive(struct devtest *t, const struct op *op)
{
    struct irq_line line = bus_irq(t->bus, op->at % BUS_GSIS);
    irq_set(&line, op->kind == OP_RAISE);
    return 0;
}

static u64 run_intr(struct devtest *t, const struct op *op)
{
    (void)op;
    return t->intr;
}

static u64 run_ack(struct devtest *t, const struct op *op)
{
    (void)op;
    return (unsigned)bus_intack(t->bus);
}

static u64 run_a20(struct devtest *t, const struct op *op)
{
    (void)op;
    return t->a20;
}

/* ---- the table ---- */

/* Words after the command's own: h, d: an address, hexadecimal or decimal; V: a value to write; E:
 * one to expect, hexadecimal, e: decimal, ?: or none; T: how often, decimal; B: bytes; N: a name,
 * to the end of the line. */
static const struct command {
    const char *name;
    enum op_kind kind;
    unsigned size;
    const char *words;
    u64 (*run)(struct devtest *t, const struct op *op);
} commands[] = {
    {"out", OP_OUT, 1, "hV", run_out},
    {"outw", OP_OUT, 2, "hV", run_out},
    {"outl", OP_OUT, 4, "hV", run_out},
    {"in", OP_IN, 1, "h?E", run_in},
    {"inw", OP_IN, 2, "h?E", run_in},
    {"inl", OP_IN, 4, "h?E", run_in},
    {"outs", OP_OUTS, 1, "hVT", run_outs},
    {"outsw", OP_OUTS, 2, "hVT", run_outs},
    {"outsl", OP_OUTS, 4, "hVT", run_outs},
    {"ins", OP_INS, 1, "hT", run_ins},
    {"insw", OP_INS, 2, "hT", run_ins},
    {"insl", OP_INS, 4, "hT", run_ins},
    {"wr", OP_WRITE, 4, "hV", run_write},
    {"wrw", OP_WRITE, 2, "hV", run_write},
    {"wrb", OP_WRITE, 1, "hV", run_write},
    {"rd", OP_READ, 4, "h?E", run_read},
    {"rdw", OP_READ, 2, "h?E", run_read},
    {"rdb", OP_READ, 1, "h?E", run_read},
    {"mem", OP_MEM, 0, "hB", run_mem},
    {"ram", OP_RAM, 0, "hB", run_ram},
    {"base", OP_BASE, 0, "h", run_base},
    {"deadline", OP_DEADLINE, 0, "d", run_deadline},
    {"step", OP_STEP, 0, "d", run_step},
    {"input", OP_INPUT, 0, "BN", run_input},
    {"inputs", OP_INPUTS, 0, "BTN", run_inputs},
    {"reset", OP_RESET, 0, "", run_reset},
    {"irq", OP_IRQ, 0, "de", run_irq},
    {"edges", OP_EDGES, 0, "de", run_edges},
    {"raise", OP_RAISE, 0, "d", drive},
    {"lower", OP_LOWER, 0, "d", drive},
    {"intr", OP_INTR, 0, "e", run_intr},
    {"ack", OP_ACK, 0, "?E", run_ack},
    {"a20", OP_A20, 0, "e", run_a20},
};

static const struct command *find_command(enum op_kind kind, unsigned size)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].kind == kind && (!commands[i].size || commands[i].size == size))
            return &commands[i];
    }
    return NULL;
}

/* ---- parsing ---- */

static bool parse_number(const char *text, int base, u64 *value)
{
    char *end;
    *value = strtoull(text, &end, base);
    return end != text && !*end;
}

/* VALUE or VALUE&MASK */
static bool parse_expected(char *text, int base, struct op *op)
{
    char *mask = strchr(text, '&');

    op->expect = true;
    op->mask = UINT64_MAX;
    if (mask)
        *mask++ = 0;
    return parse_number(text, base, &op->value) && (!mask || parse_number(mask, 16, &op->mask));
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_bytes(const char *text, struct op *op)
{
    for (op->size = 0; *text; op->size++, text += 2) {
        int high = digit(text[0]), low = digit(text[1]);
        if (op->size == OP_BYTES || high < 0 || low < 0)
            return false;
        op->bytes[op->size] = (u8)(high << 4 | low);
    }
    return op->size;
}

static bool parse_times(const char *text, struct op *op)
{
    u64 times;

    if (!parse_number(text, 10, &times) || times > OP_TIMES)
        return false;
    op->times = (unsigned)times;
    return true;
}

static bool parse_word(char what, char *word, struct op *op)
{
    switch (what) {
    case 'h': return parse_number(word, 16, &op->at);
    case 'd': return parse_number(word, 10, &op->at);
    case 'V': return parse_number(word, 16, &op->value);
    case 'E': return parse_expected(word, 16, op);
    case 'e': return parse_expected(word, 10, op);
    case 'T': return parse_times(word, op);
    case 'B': return parse_bytes(word, op);
    default: return false;
    }
}

static char *next_word(char **rest)
{
    char *word;

    do
        word = strsep(rest, " \t");
    while (word && !*word);
    return word;
}

static bool parse_words(const char *words, char *rest, struct op *op)
{
    bool optional = false;

    for (; *words; words++) {
        char *word;
        if (*words == '?') {
            optional = true;
            continue;
        }
        if (*words == 'N') {
            size_t len = rest ? strlen(rest) : 0;
            if (!len || len >= sizeof(op->name))
                return false;
            memcpy(op->name, rest, len + 1);
            return true;
        }
        word = next_word(&rest);
        if (!word)
            return optional;
        if (!parse_word(*words, word, op))
            return false;
    }
    if (op->kind == OP_RAM) {
        op->expect = true;
        op->value = op->mask = 1;
    }
    return !next_word(&rest);
}

bool op_parse(const char *line, struct op *op)
{
    char copy[OP_LINE], *rest = copy, *word;

    *op = (struct op){.kind = OP_NONE};
    if (strlen(line) >= sizeof(copy))
        return line[strspn(line, " \t")] == '#';
    strcpy(copy, line);
    copy[strcspn(copy, "#")] = 0;
    word = next_word(&rest);
    if (!word)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, word))
            continue;
        op->kind = commands[i].kind;
        op->size = commands[i].size;
        return parse_words(commands[i].words, rest, op);
    }
    return false;
}

/* ---- printing ---- */

/* Appends a number and the blank before it. */
static char *put_number(char *to, u64 value, unsigned base)
{
    char digits[20];
    unsigned n = 0;

    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    *to++ = ' ';
    while (n)
        *to++ = digits[--n];
    return to;
}

static char *put_bytes(char *to, const struct op *op)
{
    *to++ = ' ';
    for (unsigned i = 0; i < op->size; i++) {
        *to++ = "0123456789abcdef"[op->bytes[i] >> 4];
        *to++ = "0123456789abcdef"[op->bytes[i] & 15];
    }
    return to;
}

static char *put_expected(char *to, const struct op *op)
{
    to = put_number(to, op->value, 16);
    if (op->mask != UINT64_MAX) {
        char *blank = to;
        to = put_number(to, op->mask, 16);
        *blank = '&';
    }
    return to;
}

static char *put_word(char what, char *to, const struct op *op)
{
    switch (what) {
    case 'h': return put_number(to, op->at, 16);
    case 'd': return put_number(to, op->at, 10);
    case 'V': return put_number(to, op->value, 16);
    case 'E': return op->expect ? put_expected(to, op) : to;
    case 'e': return put_number(to, op->value, 10);
    case 'T': return put_number(to, op->times, 10);
    case 'B': return put_bytes(to, op);
    case 'N': return to + sprintf(to, " %s", op->name);
    default: return to;
    }
}

size_t op_print(const struct op *op, char *line)
{
    const struct command *c = find_command(op->kind, op->size);
    char *to = line;

    CHECK(c, "a line of a script");
    to = stpcpy(to, c->name);
    for (const char *w = c->words; *w; w++)
        to = put_word(*w, to, op);
    *to = 0;
    return (size_t)(to - line);
}

/* ---- running ---- */

bool op_run(struct devtest *t, const struct op *op, u64 *got)
{
    *got = op->kind == OP_NONE ? 0 : find_command(op->kind, op->size)->run(t, op);
    return !op->expect || ((*got ^ op->value) & op->mask) == 0;
}

bool script_run(struct devtest *t, const char *text, char *err, size_t err_size)
{
    char *copy = strdup(text), *rest = copy, *line;
    bool ok = true;

    CHECK(copy, "out of memory");
    while (ok && (line = strsep(&rest, "\n;"))) {
        struct op op;
        u64 got = 0;
        ok = op_parse(line, &op);
        if (!ok) {
            snprintf(err, err_size, "'%s': no command of bus scripts", line);
        } else if (!op_run(t, &op, &got)) {
            ok = false;
            snprintf(err, err_size, "'%s': got 0x%llx", line, (unsigned long long)got);
        }
    }
    free(copy);
    return ok;
}
